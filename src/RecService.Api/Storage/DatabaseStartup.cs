using System.Globalization;
using System.Net.Sockets;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;
using Npgsql;
using RecService.Api.Storage.Embedded;

namespace RecService.Api.Storage;

/// <summary>Waits for the database, checks it, and brings its schema up to date.</summary>
internal sealed partial class DatabaseStartup(
    DatabaseConfiguration configuration,
    NpgsqlDataSource database,
    IDbContextFactory<RecServiceDbContext> contexts,
    TimeProvider clock,
    ILogger<DatabaseStartup> logger
)
{
    private const int MinimumVersion = ServerBinaries.MinimumMajorVersion * 10_000;

    // Any number will do as long as every replica uses the same one.
    private const long MigrationLock = 0x5265_6353_6572_7669;

    private const string Advice = "Run 'dotnet RecService.Api.dll migrate' with the connection string of a role that owns the tables.";

    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(5);

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        if (configuration.Embedded is { } embedded)
        {
            await CreateDatabaseAsync(embedded, cancellationToken);
        }

        await using var connection = await ConnectAsync(cancellationToken);
        await CheckServerAsync(connection, cancellationToken);
        await MigrateAsync(connection, cancellationToken);
    }

    private static async Task CreateDatabaseAsync(EmbeddedPostgresSettings embedded, CancellationToken cancellationToken)
    {
        var connectionString = new NpgsqlConnectionStringBuilder(embedded.ConnectionStringFor("postgres")) { Pooling = false }.ConnectionString;
        await using var connection = new NpgsqlConnection(connectionString);
        await connection.OpenAsync(cancellationToken);
        await using var exists = new NpgsqlCommand("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", connection)
        {
            Parameters = { new() { Value = EmbeddedPostgresSettings.DatabaseName } },
        };
        if (await exists.ExecuteScalarAsync(cancellationToken) is false)
        {
            await using var create = new NpgsqlCommand($"CREATE DATABASE {EmbeddedPostgresSettings.DatabaseName}", connection);
            await create.ExecuteNonQueryAsync(cancellationToken);
        }
    }

    private async Task<NpgsqlConnection> ConnectAsync(CancellationToken cancellationToken)
    {
        var started = clock.GetTimestamp();
        var pause = FirstPause;
        while (true)
        {
            try
            {
                return await database.OpenConnectionAsync(cancellationToken);
            }
            catch (Exception exception) when (IsTransient(exception) && clock.GetElapsedTime(started) + pause <= configuration.Options.StartupTimeout)
            {
                LogUnreachable(Where, exception.Message, pause);
                await Task.Delay(pause, clock, cancellationToken);
                pause = pause * 2 < LongestPause ? pause * 2 : LongestPause;
            }
            catch (PostgresException exception)
                when (string.Equals(exception.SqlState, PostgresErrorCodes.InvalidCatalogName, StringComparison.Ordinal))
            {
                throw new StartupException(
                    $"The server at {Where} has no such database (ConnectionStrings:RecService): correct the name, or create the database.",
                    exception
                );
            }
            catch (Exception exception) when (exception is NpgsqlException or SocketException or TimeoutException)
            {
                throw new StartupException($"The database at {Where} cannot be used (ConnectionStrings:RecService): {exception.Message}", exception);
            }
        }
    }

    // A name that is not in the DNS yet, and a connection that is cut while it opens, come as exceptions of their own kinds.
    private static bool IsTransient(Exception exception) => exception is NpgsqlException { IsTransient: true } or SocketException or TimeoutException;

    private string Where
    {
        get
        {
            var builder = new NpgsqlConnectionStringBuilder(configuration.ConnectionString);
            return string.Create(
                CultureInfo.InvariantCulture,
                $"'{builder.Host}' port {builder.Port}, database '{builder.Database ?? builder.Username}'"
            );
        }
    }

    private static async Task CheckServerAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            "SELECT current_setting('server_version_num')::int, current_setting('server_version'), current_setting('server_encoding')",
            connection
        );
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        if (reader.GetInt32(0) < MinimumVersion)
        {
            throw new StartupException(
                $"The database server is PostgreSQL {reader.GetString(1)}; version {ServerBinaries.MinimumMajorVersion} or newer is needed."
            );
        }

        if (!string.Equals(reader.GetString(2), "UTF8", StringComparison.Ordinal))
        {
            throw new StartupException($"The database has the encoding {reader.GetString(2)}; UTF8 is needed.");
        }
    }

    private async Task MigrateAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        try
        {
            await CheckLevelAsync(connection, cancellationToken);
            if (!await IsCurrentAsync(context, connection, cancellationToken))
            {
                await (
                    configuration.Options.Migrate
                        ? MigrateAloneAsync(connection, cancellationToken)
                        : WaitUntilCurrentAsync(context, connection, cancellationToken)
                );
                // A newer release may have been the one who migrated.
                await CheckLevelAsync(connection, cancellationToken);
            }

            var applied = await context.Database.GetAppliedMigrationsAsync(cancellationToken);
            if (applied.Except(context.Database.GetMigrations(), StringComparer.Ordinal).ToList() is [_, ..] unknown)
            {
                LogNewerSchema(string.Join(", ", unknown));
            }
        }
        catch (PostgresException exception) when (exception.SqlState is PostgresErrorCodes.InsufficientPrivilege)
        {
            throw new StartupException(
                $"The schema of the database at {Where} is not up to date, and the role of the connection string may not change it ({exception.MessageText}). {Advice}",
                exception
            );
        }
    }

    private async Task CheckLevelAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        var least = await SchemaLevel.LeastAsync(connection, cancellationToken);
        if (least > SchemaLevel.OfThisRelease)
        {
            throw new StartupException(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"The schema of the database at {Where} is of a newer release: it needs one of schema level {least}, and this one has level {SchemaLevel.OfThisRelease}. "
                        + $"Start that release again, or restore a backup of before its migration."
                )
            );
        }
    }

    private async Task MigrateAloneAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        // EF's own lock is a lock on its history table, and replicas that start together already race for the making of that.
        // Tried again and again: who waits for it has a snapshot open, and an index that is built concurrently waits for the end of that.
        while (!await TryLockAsync(connection, cancellationToken))
        {
            await Task.Delay(FirstPause, clock, cancellationToken);
        }

        try
        {
            var started = clock.GetTimestamp();
            await MigrateWhenFreeAsync(cancellationToken);
            LogMigrated(clock.GetElapsedTime(started));
        }
        finally
        {
            await using var unlock = new NpgsqlCommand("SELECT pg_advisory_unlock($1)", connection)
            {
                Parameters = { new() { Value = MigrationLock } },
            };
            await unlock.ExecuteNonQueryAsync(CancellationToken.None);
        }
    }

    private async Task MigrateWhenFreeAsync(CancellationToken cancellationToken)
    {
        var started = clock.GetTimestamp();
        var pause = FirstPause;
        while (true)
        {
            try
            {
                await MigrateOnceAsync(cancellationToken);
                return;
            }
            catch (Exception exception) when (IsLocked(exception))
            {
                if (clock.GetElapsedTime(started) + pause > configuration.Options.StartupTimeout)
                {
                    throw new StartupException(
                        $"The schema of the database at {Where} cannot be brought up to date, as transactions that go on for long hold locks on its tables "
                            + "(pg_stat_activity shows them). Try again when they have ended, or set Database:StartupTimeout to a longer time.",
                        exception
                    );
                }

                LogLocked(pause);
                await Task.Delay(pause, clock, cancellationToken);
                pause = pause * 2 < LongestPause ? pause * 2 : LongestPause;
            }
        }
    }

    private async Task MigrateOnceAsync(CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        // An index of a large table takes as long as it takes.
        context.Database.SetCommandTimeout(0);
        await context.Database.OpenConnectionAsync(cancellationToken);
        // Every statement on the table queues behind one that waits for an exclusive lock. The setting ends with the use of the connection.
        var lockTimeout = string.Create(CultureInfo.InvariantCulture, $"{(long)configuration.Options.LockTimeout.TotalMilliseconds}ms");
        await context.Database.ExecuteSqlAsync($"SELECT set_config('lock_timeout', {lockTimeout}, false)", cancellationToken);
        await context.GetService<IHistoryRepository>().CreateIfNotExistsAsync(cancellationToken);
        await context.Database.MigrateAsync(cancellationToken);
    }

    // EF Core wraps what it finds transient.
    private static bool IsLocked(Exception exception) =>
        exception.GetBaseException() is PostgresException { SqlState: PostgresErrorCodes.LockNotAvailable or PostgresErrorCodes.DeadlockDetected };

    private async Task WaitUntilCurrentAsync(RecServiceDbContext context, NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        var started = clock.GetTimestamp();
        LogWaitsForMigration(configuration.Options.StartupTimeout);
        do
        {
            if (clock.GetElapsedTime(started) > configuration.Options.StartupTimeout)
            {
                throw new StartupException($"The schema of the database at {Where} is not up to date, and Database:Migrate is false. {Advice}");
            }

            await Task.Delay(FirstPause, clock, cancellationToken);
        } while (!await IsCurrentAsync(context, connection, cancellationToken));
    }

    // Looked at first, so that a start with nothing to migrate needs no right to migrate.
    private static async Task<bool> IsCurrentAsync(RecServiceDbContext context, NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand($"SELECT to_regclass('\"{HistoryRepository.DefaultTableName}\"') IS NOT NULL", connection);
        return await command.ExecuteScalarAsync(cancellationToken) is true
            && !(await context.Database.GetPendingMigrationsAsync(cancellationToken)).Any();
    }

    private static async Task<bool> TryLockAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand("SELECT pg_try_advisory_lock($1)", connection)
        {
            Parameters = { new() { Value = MigrationLock } },
        };
        return await command.ExecuteScalarAsync(cancellationToken) is true;
    }

    [LoggerMessage(LogLevel.Warning, "The database at {Where} cannot be reached: {Reason} Next try in {Pause}")]
    private partial void LogUnreachable(string where, string reason, TimeSpan pause);

    [LoggerMessage(LogLevel.Information, "The database schema is not up to date; waiting up to {Limit} for somebody to migrate it")]
    private partial void LogWaitsForMigration(TimeSpan limit);

    [LoggerMessage(LogLevel.Warning, "The database schema cannot be brought up to date yet, as a table is locked; next try in {Pause}")]
    private partial void LogLocked(TimeSpan pause);

    [LoggerMessage(
        LogLevel.Warning,
        "The database schema is of a newer release, which says that this one may work on it. What this one does not know of it: {Migrations}"
    )]
    private partial void LogNewerSchema(string migrations);

    [LoggerMessage(LogLevel.Information, "The database schema was brought up to date in {Elapsed}")]
    private partial void LogMigrated(TimeSpan elapsed);
}
