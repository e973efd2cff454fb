using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace RecService.Benchmarks;

/// <summary>
/// The service as an operator starts it: a process of its own, with an embedded database in a temporary folder, until it is stopped by SIGTERM.
/// </summary>
internal sealed class ServiceProcess : IDisposable
{
    private const int LinesToKeep = 20;
    private const string Account = "recservice";
    private const string Listening = "Now listening on: ";

    private static readonly string[] WarningLevels = ["Warning", "Error", "Critical"];
    private static readonly TimeSpan StartLimit = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan StopLimit = TimeSpan.FromMinutes(1);

    private readonly long _started = Stopwatch.GetTimestamp();
    private readonly string _key;
    private readonly TaskCompletionSource<Uri> _address = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Queue<string> _log = [];
    private readonly Lock _stopping = new();
    private readonly Process _process;
    private readonly PosixSignalRegistration[] _signals;
    private bool _stopped;
    private long _reading;

    /// <param name="settings">Settings of the service.</param>
    /// <param name="key">Its bootstrap key.</param>
    /// <param name="connectionString">Of a database that runs; with null it starts one of its own.</param>
    private ServiceProcess((string Key, string Value)[] settings, string key, string? connectionString)
    {
        _key = key;
        // The database may run under another account, which has to reach the folder: the service makes it.
        Folder = Path.Combine(Path.GetTempPath(), $"recservice-bench-{RandomNumberGenerator.GetHexString(8, lowercase: true)}");
        var service = Path.GetFullPath(
            Path.Combine(Binary ?? Path.Combine(AppContext.BaseDirectory, "../../../../../src/RecService.Api/bin/Release/net10.0"), "RecService.Api.dll")
        );
        var start = new ProcessStartInfo("dotnet", [service])
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            // Settings are those of the service's own folder.
            WorkingDirectory = Path.GetDirectoryName(service),
        };
        foreach (
            var name in start.Environment.Keys.Where(name => name.StartsWith("ConnectionStrings__", StringComparison.OrdinalIgnoreCase)).ToArray()
        )
        {
            start.Environment.Remove(name);
        }

        (string, string)[] own =
        [
            ("ASPNETCORE_ENVIRONMENT", "Production"),
            ("ASPNETCORE_URLS", "http://127.0.0.1:0"),
            ("Access:BootstrapKey", _key),
            .. connectionString is null
                ? new[] { ("Database:Embedded", "true"), ("Database:DataDirectory", Folder) }
                : [("ConnectionStrings:RecService", connectionString)],
        ];
        foreach (var (name, value) in own.Concat(settings))
        {
            start.Environment[name.Replace(":", "__", StringComparison.Ordinal)] = value;
        }

        _process = Process.Start(start)!;
        _signals = [.. new[] { PosixSignal.SIGTERM, PosixSignal.SIGINT }.Select(signal => PosixSignalRegistration.Create(signal, _ => Stop()))];
        _process.OutputDataReceived += (_, line) => Take(line.Data);
        _process.ErrorDataReceived += (_, line) => Take(line.Data);
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
    }

    /// <summary>The folder of the service that is started; null for that of this commit.</summary>
    public static string? Binary { get; set; }

    /// <summary>From the start of the process until it listened.</summary>
    public TimeSpan StartTime { get; private set; }

    /// <summary>How long the last training run read.</summary>
    public TimeSpan ReadingTime { get; private set; }

    /// <summary>Of the database, and for other files of the benchmark; it goes with the service.</summary>
    public string Folder { get; }

    /// <summary>What the service logged at Warning and above.</summary>
    public ConcurrentQueue<string> Warnings { get; } = [];

    public static Task<ServiceProcess> StartAsync(params (string Key, string Value)[] settings) =>
        StartAsync(new ServiceProcess(settings, $"rs_bootstrap_{RandomNumberGenerator.GetHexString(64, lowercase: true)}", connectionString: null));

    /// <summary>Starts another process on the database of this one, which has to stop later.</summary>
    public async Task<ServiceProcess> StartAnotherAsync(params (string Key, string Value)[] settings) =>
        await StartAsync(new ServiceProcess(settings, _key, await ConnectionStringAsync()));

    private static async Task<ServiceProcess> StartAsync(ServiceProcess service)
    {
        var ended = service._process.WaitForExitAsync();
        if (await Task.WhenAny(service._address.Task, ended, Task.Delay(StartLimit)) == service._address.Task)
        {
            return service;
        }

        service.Dispose();
        throw new InvalidOperationException("The service did not start.");
    }

    /// <summary>A client of so many connections at most, with an admin key.</summary>
    public string Key => _key;

    public HttpClient Client(int connections) =>
        new(
            new SocketsHttpHandler
            {
                MaxConnectionsPerServer = connections,
                UseProxy = false,
                UseCookies = false,
            }
        )
        {
            BaseAddress = _address.Task.Result,
            DefaultRequestHeaders = { { "X-Api-Key", _key } },
            Timeout = TimeSpan.FromMinutes(10),
        };

    /// <summary>Runs psql's commands in one session and returns what they print.</summary>
    public async Task<string> PsqlAsync(params string[] commands)
    {
        // It begins with the path of the server.
        var server = (await File.ReadAllTextAsync(Path.Combine(Folder, "pgdata/postmaster.opts"))).Split(" \"")[0];
        string[] arguments =
        [
            "-XqAt",
            "-v",
            "ON_ERROR_STOP=1",
            "-h",
            await SocketAsync(),
            "-U",
            Account,
            "-d",
            Account,
            .. commands.SelectMany(command => new[] { "-c", command }),
        ];
        var start = new ProcessStartInfo(Path.Combine(Path.GetDirectoryName(server)!, "psql"), arguments)
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            Environment = { ["LC_ALL"] = "C" },
        };
        using var psql = Process.Start(start)!;
        var error = psql.StandardError.ReadToEndAsync();
        var output = await psql.StandardOutput.ReadToEndAsync();
        await psql.WaitForExitAsync();
        return psql.ExitCode == 0
            ? output.Trim()
            : throw new InvalidOperationException($"psql failed: {await error}\nThe database's log:\n{DatabaseLog()}");
    }

    public async Task<long> CountAsync(string query) => long.Parse(await PsqlAsync(query), CultureInfo.InvariantCulture);

    /// <summary>How to reach its database.</summary>
    public async Task<string> ConnectionStringAsync() => $"Host={await SocketAsync()};Username={Account};Database={Account}";

    /// <summary>Lets <see cref="PeakMemory"/> begin anew.</summary>
    public void ResetPeakMemory() => File.WriteAllText($"/proc/{_process.Id}/clear_refs", "5");

    /// <summary>The most resident memory that the service had at a time, in bytes.</summary>
    public long PeakMemory() => Kibibytes($"/proc/{_process.Id}/status", "VmHWM:") * 1024;

    /// <summary>Resident memory of the service, in bytes.</summary>
    public long ServiceMemory() => Kibibytes($"/proc/{_process.Id}/status", "VmRSS:") * 1024;

    /// <summary>Memory of all processes of the database, in bytes; what they share counts once.</summary>
    public long DatabaseMemory()
    {
        var postmaster = File.ReadLines(Path.Combine(Folder, "pgdata/postmaster.pid")).First();
        var children = File.ReadAllText($"/proc/{postmaster}/task/{postmaster}/children").Split(' ', StringSplitOptions.RemoveEmptyEntries);
        return children.Prepend(postmaster).Sum(process => Kibibytes($"/proc/{process}/smaps_rollup", "Pss:")) * 1024;
    }

    public void Dispose()
    {
        Stop();
        foreach (var signal in _signals)
        {
            signal.Dispose();
        }

        _process.Dispose();
    }

    /// <summary>The folder of the database's socket.</summary>
    private async Task<string> SocketAsync() => (await File.ReadAllLinesAsync(Path.Combine(Folder, "pgdata/postmaster.pid")))[4];

    private static long Kibibytes(string file, string name)
    {
        try
        {
            var line = File.ReadLines(file).First(line => line.StartsWith(name, StringComparison.Ordinal));
            return long.Parse(line.AsSpan(name.Length).TrimEnd("kB"), CultureInfo.InvariantCulture);
        }
        catch (IOException)
        {
            // The process has ended just now.
            return 0;
        }
    }

    private void Stop()
    {
        lock (_stopping)
        {
            if (_stopped)
            {
                return;
            }

            _stopped = true;
            if (_process.HasExited)
            {
                PrintLogs();
            }
            else
            {
                using (var kill = Process.Start("kill", ["-s", "TERM", _process.Id.ToString(CultureInfo.InvariantCulture)]))
                {
                    kill.WaitForExit();
                }

                if (!_process.WaitForExit(StopLimit))
                {
                    Console.Error.WriteLine("The service does not stop on SIGTERM; it is killed.");
                    _process.Kill();
                    _process.WaitForExit();
                }
            }

            if (Directory.Exists(Folder))
            {
                Directory.Delete(Folder, recursive: true);
            }
        }
    }

    /// <summary>Shows why the service ended by itself.</summary>
    private void PrintLogs()
    {
        Console.Error.WriteLine($"The service has ended by itself, with exit code {_process.ExitCode}. The end of its log and of the database's:");
        lock (_log)
        {
            Array.ForEach([.. _log], Console.Error.WriteLine);
        }

        Console.Error.WriteLine(DatabaseLog());
    }

    private string DatabaseLog() =>
        Path.Combine(Folder, "postgres.log") is var file && File.Exists(file) ? string.Join('\n', File.ReadLines(file).TakeLast(LinesToKeep)) : "";

    private void Take(string? line)
    {
        if (line is null)
        {
            return;
        }

        lock (_log)
        {
            _log.Enqueue(line);
            if (_log.Count > LinesToKeep)
            {
                _log.Dequeue();
            }
        }

        // The log is JSON.
        if (Array.Exists(WarningLevels, level => line.Contains($"\"LogLevel\":\"{level}\"", StringComparison.Ordinal)))
        {
            Warnings.Enqueue(line);
        }

        if (line.Contains("Training run ", StringComparison.Ordinal))
        {
            NoteReading(line);
        }

        if (line.IndexOf(Listening, StringComparison.Ordinal) is >= 0 and var listening)
        {
            StartTime = Stopwatch.GetElapsedTime(_started);
            _address.TrySetResult(new Uri(line[(listening + Listening.Length)..].Split('"')[0]));
        }
    }

    /// <summary>A run is read from its start until it tells what it uses.</summary>
    private void NoteReading(string line)
    {
        if (line.Contains(" started (", StringComparison.Ordinal))
        {
            _reading = Stopwatch.GetTimestamp();
        }
        else if (line.Contains(" uses ", StringComparison.Ordinal))
        {
            ReadingTime = Stopwatch.GetElapsedTime(_reading);
        }
    }
}
