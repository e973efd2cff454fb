using System.Diagnostics;
using System.Globalization;

namespace RecService.Api.Storage.Embedded;

/// <summary>Stops server processes that a killed service left on a data directory.</summary>
internal static class LeftoverProcesses
{
    private static readonly TimeSpan FastLimit = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan ImmediateLimit = TimeSpan.FromSeconds(10);

    public static async Task StopAsync(string pgData, CancellationToken cancellationToken)
    {
        if (!Directory.Exists(pgData))
        {
            return;
        }

        var leftovers = On(pgData);
        if (leftovers.Count > 0)
        {
            var postmaster = await PostmasterIdAsync(pgData, cancellationToken);
            await SignalAsync("INT", leftovers.Contains(postmaster) ? [postmaster] : leftovers, cancellationToken);
            if (!await GoneAsync(pgData, FastLimit, cancellationToken))
            {
                await SignalAsync("QUIT", On(pgData), cancellationToken);
                if (!await GoneAsync(pgData, ImmediateLimit, cancellationToken))
                {
                    throw new StartupException(
                        $"PostgreSQL processes of an earlier start still work on '{pgData}' and do not stop: {string.Join(", ", On(pgData))}."
                    );
                }
            }
        }

        // Its process id may belong to an innocent program by now, for whose sake the server would refuse to start.
        File.Delete(Path.Combine(pgData, "postmaster.pid"));
    }

    /// <summary>Server processes, and only they, have the data directory as their working directory.</summary>
    private static List<int> On(string pgData)
    {
        var found = new List<int>();
        foreach (var process in Directory.EnumerateDirectories("/proc"))
        {
            if (
                int.TryParse(Path.GetFileName(process.AsSpan()), NumberStyles.None, CultureInfo.InvariantCulture, out var id)
                && string.Equals(WorkingDirectory(process), pgData, StringComparison.Ordinal)
                && string.Equals(Name(process), "postgres", StringComparison.Ordinal)
            )
            {
                found.Add(id);
            }
        }

        return found;
    }

    private static string? WorkingDirectory(string process)
    {
        try
        {
            return new FileInfo(Path.Combine(process, "cwd")).LinkTarget;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // Another account's process, or one that has just ended: not ours.
            return null;
        }
    }

    private static string? Name(string process)
    {
        try
        {
            return File.ReadAllText(Path.Combine(process, "comm")).Trim();
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static async Task<int> PostmasterIdAsync(string pgData, CancellationToken cancellationToken)
    {
        var file = Path.Combine(pgData, "postmaster.pid");
        if (!File.Exists(file))
        {
            return 0;
        }

        var lines = await File.ReadAllLinesAsync(file, cancellationToken);
        return lines.Length > 0 && int.TryParse(lines[0], NumberStyles.None, CultureInfo.InvariantCulture, out var id) ? id : 0;
    }

    private static async Task SignalAsync(string signal, List<int> processes, CancellationToken cancellationToken)
    {
        foreach (var process in processes)
        {
            // Whether it worked is seen by whether the process goes.
            await Command.RunAsync(
                ["sh", "-c", "kill -s \"$1\" \"$2\"", "sh", signal, process.ToString(CultureInfo.InvariantCulture)],
                cancellationToken
            );
        }
    }

    private static async Task<bool> GoneAsync(string pgData, TimeSpan limit, CancellationToken cancellationToken)
    {
        var watch = Stopwatch.StartNew();
        while (On(pgData).Count > 0)
        {
            if (watch.Elapsed > limit)
            {
                return false;
            }

            await Task.Delay(100, cancellationToken);
        }

        return true;
    }
}
