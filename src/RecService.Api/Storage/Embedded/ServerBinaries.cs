using System.Globalization;
using System.Text.RegularExpressions;

namespace RecService.Api.Storage.Embedded;

/// <summary>The programs of an installed PostgreSQL server.</summary>
internal sealed partial record ServerBinaries(string Directory, int MajorVersion)
{
    public const int MinimumMajorVersion = 15;

    public string Postgres => Path.Combine(Directory, "postgres");

    public string InitDb => Path.Combine(Directory, "initdb");

    /// <summary>Finds the newest server, or the one that made the existing data.</summary>
    public static async Task<ServerBinaries> FindAsync(EmbeddedPostgresSettings settings, CancellationToken cancellationToken)
    {
        var found = new List<ServerBinaries>();
        foreach (var directory in settings.BinDirectory is { } given ? [given] : UsualDirectories())
        {
            if (await ProbeAsync(directory, cancellationToken) is { } binaries)
            {
                found.Add(binaries);
            }
        }

        var usable = found
            .Where(binaries => binaries.MajorVersion >= MinimumMajorVersion)
            .OrderByDescending(binaries => binaries.MajorVersion)
            .ToList();
        if (usable.Count == 0)
        {
            throw new StartupException(NothingUsable(settings.BinDirectory, found));
        }

        var versionFile = Path.Combine(settings.PgData, "PG_VERSION");
        if (!File.Exists(versionFile))
        {
            return usable[0];
        }

        var version = int.Parse(
            await File.ReadAllTextAsync(versionFile, cancellationToken),
            NumberStyles.AllowTrailingWhite,
            CultureInfo.InvariantCulture
        );
        return usable.Find(binaries => binaries.MajorVersion == version)
            ?? throw new StartupException(
                $"The data in '{settings.PgData}' was made by PostgreSQL {version}, of which no server programs were found (only of {Versions(usable)}): "
                    + $"install that server, or move the data by pg_upgrade."
            );
    }

    private static string NothingUsable(string? binDirectory, List<ServerBinaries> found)
    {
        var place = binDirectory is null ? "on this machine" : $"in '{binDirectory}' (Database:BinDirectory)";
        var old = found.Count == 0 ? "" : $", only of PostgreSQL {Versions(found)}";
        return $"No connection string is configured, and the programs of a PostgreSQL server {MinimumMajorVersion} or newer were not found {place}{old}: "
            + "install the server (Debian and Ubuntu: apt-get install postgresql), or set ConnectionStrings:RecService.";
    }

    private static string Versions(IEnumerable<ServerBinaries> binaries) => string.Join(", ", binaries.Select(each => each.MajorVersion).Distinct());

    private static IEnumerable<string> UsualDirectories()
    {
        var onPath = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries);
        string[] parents = ["/usr/lib/postgresql", "/usr/local/lib/postgresql", "/usr/libexec/postgresql", "/opt/postgresql"];
        var versioned = parents
            .Where(System.IO.Directory.Exists)
            .SelectMany(System.IO.Directory.GetDirectories)
            .Select(directory => Path.Combine(directory, "bin"));
        var redHat = System.IO.Directory.GetDirectories("/usr", "pgsql-*").Select(directory => Path.Combine(directory, "bin"));
        return [.. onPath, .. versioned, .. redHat, "/usr/local/pgsql/bin"];
    }

    private static async Task<ServerBinaries?> ProbeAsync(string directory, CancellationToken cancellationToken)
    {
        // A PATH often holds links to the programs only, while the server finds its files relative to the real place.
        var file = new FileInfo(Path.Combine(directory, "postgres"));
        if (!file.Exists)
        {
            return null;
        }

        var home = (file.ResolveLinkTarget(returnFinalTarget: true) ?? file).FullName;
        var bin = Path.GetDirectoryName(home)!;
        if (!File.Exists(Path.Combine(bin, "initdb")))
        {
            return null;
        }

        var result = await Command.RunAsync([home, "--version"], cancellationToken);
        var match = VersionNumber().Match(result.Output);
        return result.ExitCode == 0 && match.Success ? new ServerBinaries(bin, int.Parse(match.ValueSpan, CultureInfo.InvariantCulture)) : null;
    }

    [GeneratedRegex(@"(?<=\(PostgreSQL\) )[0-9]+", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex VersionNumber();
}
