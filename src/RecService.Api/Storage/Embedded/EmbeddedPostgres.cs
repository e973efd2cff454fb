using System.Diagnostics;
using System.Runtime.Versioning;
using Npgsql;

namespace RecService.Api.Storage.Embedded;

/// <summary>A private PostgreSQL server that lives and dies with this process.</summary>
internal sealed partial class EmbeddedPostgres(EmbeddedPostgresSettings settings, ILogger<EmbeddedPostgres> logger) : IAsyncDisposable
{
    /// <summary>
    /// The server's parent. It holds the reading end of a pipe whose other end is in the service: when the service ends, in whatever way, the pipe
    /// ends, and the server is shut down. (A parent-death signal would be tied to a thread of the service, which may end earlier.)
    /// </summary>
    private const string Supervisor = """
        temporary_directory=$1 log=$2
        shift 2
        exec 3<&0 </dev/null >"$log" 2>&1
        "$@" 3<&- &
        server=$!
        (while read -r line; do :; done <&3; kill -s INT "$server") 2>/dev/null &
        watcher=$!
        exec 3<&-
        wait "$server"
        status=$?
        kill "$watcher" 2>/dev/null
        [ -z "$temporary_directory" ] || rmdir "$temporary_directory"
        exit "$status"
        """;

    private static readonly TimeSpan StartLimit = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan StopLimit = TimeSpan.FromMinutes(2);

    private readonly SemaphoreSlim _stopping = new(1, 1);
    private FileStream? _lock;
    private Process? _supervisor;
    private Task<int>? _exited;

    public EmbeddedPostgresSettings Settings => settings;

    /// <summary>Ends when the server ends, with its exit code.</summary>
    public Task<int> Exited => _exited ?? throw new InvalidOperationException("The server was not started.");

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        if (!OperatingSystem.IsLinux())
        {
            throw new StartupException("The embedded PostgreSQL runs on Linux only: set ConnectionStrings:RecService.");
        }

        var binaries = await ServerBinaries.FindAsync(settings, cancellationToken);
        var account = ServerAccount.Choose();
        _lock = ClaimDirectory();
        await account.CheckReachesAsync(settings.DataDirectory, cancellationToken);
        await LeftoverProcesses.StopAsync(settings.PgData, cancellationToken);
        await InitializeAsync(binaries, account, cancellationToken);
        await PrivateDirectoryAsync(settings.SocketDirectory, account, cancellationToken);

        Launch(binaries, account);
        await WaitUntilReadyAsync(cancellationToken);
        LogStarted(binaries.MajorVersion, settings.DataDirectory);
    }

    public async Task StopAsync()
    {
        await _stopping.WaitAsync();
        try
        {
            if (_supervisor is not null)
            {
                _supervisor.StandardInput.Close();
                try
                {
                    await Exited.WaitAsync(StopLimit);
                    LogStopped();
                }
                catch (TimeoutException)
                {
                    // The supervisor goes on waiting for the server, without us.
                    LogStillStopping(StopLimit);
                }

                _supervisor.Dispose();
                _supervisor = null;
            }

            if (_lock is not null)
            {
                await _lock.DisposeAsync();
                _lock = null;
            }
        }
        finally
        {
            _stopping.Release();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        _stopping.Dispose();
    }

    [SupportedOSPlatform("linux")]
    private FileStream ClaimDirectory()
    {
        try
        {
            var existing = new DirectoryInfo(settings.DataDirectory);
            if (existing.Exists && existing.EnumerateFileSystemInfos().Any() && !Directory.Exists(settings.PgData) && !File.Exists(LockFile))
            {
                throw new StartupException(
                    $"The directory '{settings.DataDirectory}' (Database:DataDirectory) holds other files; give the embedded PostgreSQL a directory of its own."
                );
            }

            if (!existing.Exists)
            {
                // Others may pass through, as the server's account must; what is inside has its own rights.
                Directory.CreateDirectory(
                    settings.DataDirectory,
                    UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute
                );
            }

            return Lock();
        }
        catch (UnauthorizedAccessException exception)
        {
            throw new StartupException(
                $"The directory '{settings.DataDirectory}' (Database:DataDirectory) is not writable: {exception.Message}",
                exception
            );
        }
        catch (IOException exception)
        {
            throw new StartupException(
                $"The directory '{settings.DataDirectory}' (Database:DataDirectory) cannot be made: {exception.Message}",
                exception
            );
        }
    }

    private string LockFile => Path.Combine(settings.DataDirectory, "recservice.lock");

    private FileStream Lock()
    {
        try
        {
            return new FileStream(LockFile, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException exception) when (File.Exists(LockFile))
        {
            throw new StartupException(
                $"Another instance of the service uses the directory '{settings.DataDirectory}' (Database:DataDirectory): stop it, or give this one a directory of its own.",
                exception
            );
        }
    }

    [SupportedOSPlatform("linux")]
    private async Task InitializeAsync(ServerBinaries binaries, ServerAccount account, CancellationToken cancellationToken)
    {
        // A new cluster is made beside its place and moved there when it is whole, so that an interrupted start leaves no half of one.
        foreach (var unfinished in Directory.GetDirectories(settings.DataDirectory, "pgdata-new-*"))
        {
            Directory.Delete(unfinished, recursive: true);
        }

        if (Directory.Exists(settings.PgData))
        {
            await account.OwnAsync(settings.PgData, cancellationToken);
            return;
        }

        LogInitializing(settings.PgData, binaries.MajorVersion);
        var directory = Path.Combine(settings.DataDirectory, $"pgdata-new-{Guid.NewGuid():N}");
        await PrivateDirectoryAsync(directory, account, cancellationToken);
        await Command.RunCheckedAsync(
            account.Command(
                binaries.InitDb,
                "-D",
                directory,
                "-U",
                EmbeddedPostgresSettings.UserName,
                "-E",
                "UTF8",
                "--locale=C",
                "--data-checksums",
                "--auth-local=trust",
                "--auth-host=reject",
                "--no-instructions"
            ),
            cancellationToken
        );
        Directory.Move(directory, settings.PgData);
    }

    [SupportedOSPlatform("linux")]
    private static async Task PrivateDirectoryAsync(string directory, ServerAccount account, CancellationToken cancellationToken)
    {
        const UnixFileMode ownerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
        Directory.CreateDirectory(directory, ownerOnly);
        File.SetUnixFileMode(directory, ownerOnly);
        await account.OwnAsync(directory, cancellationToken);
    }

    private void Launch(ServerBinaries binaries, ServerAccount account)
    {
        // Sockets only, in a private directory: nobody else on the machine reaches the server.
        string[] serverSettings =
        [
            "listen_addresses=",
            "port=5432",
            "unix_socket_permissions=0700",
            "logging_collector=off",
            "log_destination=stderr",
            "timezone=UTC",
            "log_timezone=UTC",
            "max_wal_size=2GB",
            "jit=off",
            .. settings.ServerSettings,
        ];
        var server = account.Command([
            binaries.Postgres,
            "-D",
            settings.PgData,
            "-k",
            settings.SocketDirectory,
            .. serverSettings.SelectMany(setting => new[] { "-c", setting }),
        ]);

        // A session of its own keeps the terminal's Ctrl-C from the server, which must outlive the requests under way.
        _supervisor = Command.Start([
            "setsid",
            "sh",
            "-c",
            Supervisor,
            "recservice-postgres",
            settings.TemporaryDirectory,
            settings.LogFile,
            .. server,
        ]);
        _exited = WaitForExitAsync(_supervisor);
    }

    private static async Task<int> WaitForExitAsync(Process supervisor)
    {
        await supervisor.WaitForExitAsync();
        return supervisor.ExitCode;
    }

    private async Task WaitUntilReadyAsync(CancellationToken cancellationToken)
    {
        var watch = Stopwatch.StartNew();
        var connectionString = new NpgsqlConnectionStringBuilder(settings.ConnectionStringFor("postgres")) { Pooling = false }.ConnectionString;
        while (true)
        {
            if (Exited.IsCompleted)
            {
                var log = File.Exists(settings.LogFile) ? await File.ReadAllLinesAsync(settings.LogFile, cancellationToken) : [];
                throw new StartupException(
                    $"The embedded PostgreSQL did not start; the end of '{settings.LogFile}':\n{string.Join('\n', log.TakeLast(10))}"
                );
            }

            try
            {
                await using var connection = new NpgsqlConnection(connectionString);
                await connection.OpenAsync(cancellationToken);
                return;
            }
            catch (NpgsqlException) when (watch.Elapsed < StartLimit)
            {
                // The socket is not there yet, or the server is still recovering from a crash.
                await Task.Delay(50, cancellationToken);
            }
        }
    }

    [LoggerMessage(LogLevel.Information, "Made a new PostgreSQL {Version} cluster in {Directory}")]
    private partial void LogInitializing(string directory, int version);

    [LoggerMessage(LogLevel.Information, "The embedded PostgreSQL {Version} runs on {Directory}")]
    private partial void LogStarted(int version, string directory);

    [LoggerMessage(LogLevel.Information, "The embedded PostgreSQL has stopped")]
    private partial void LogStopped();

    [LoggerMessage(LogLevel.Warning, "The embedded PostgreSQL has not stopped within {Limit}; it goes on stopping by itself")]
    private partial void LogStillStopping(TimeSpan limit);
}
