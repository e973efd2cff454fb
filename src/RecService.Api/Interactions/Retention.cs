using System.Diagnostics;
using Microsoft.Extensions.Options;
using Npgsql;
using RecService.Api.Domain;
using RecService.Api.Storage;
using RecService.Api.Telemetry;

namespace RecService.Api.Interactions;

/// <summary>Section <c>Retention</c> of the configuration.</summary>
internal sealed class RetentionOptions
{
    public const string Section = "Retention";

    /// <summary>
    /// How long interactions of a type are kept, by the time that they happened; types that are not named are kept for ever. Upper and lower case are
    /// the same, as in all configuration.
    /// </summary>
    public Dictionary<string, TimeSpan> Types { get; set; } = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>How often it is looked for what is too old.</summary>
    public TimeSpan Interval { get; set; } = TimeSpan.FromHours(1);
}

internal sealed class RetentionOptionsValidation : IValidateOptions<RetentionOptions>
{
    public ValidateOptionsResult Validate(string? name, RetentionOptions options)
    {
        var failures = new List<string>();
        foreach (var (type, age) in options.Types)
        {
            if (Features.NameProblem(type) is { } problem)
            {
                failures.Add($"{RetentionOptions.Section}:Types: the type '{type}' {problem}.");
            }

            if (age < TimeSpan.FromHours(1) || age > TimeSpan.FromDays(36_500))
            {
                failures.Add(
                    $"{RetentionOptions.Section}:Types:{type} must lie between 01:00:00 and 36500.00:00:00 (write it as [days.]hours:minutes:seconds)."
                );
            }
        }

        if (options.Interval < TimeSpan.FromSeconds(1) || options.Interval > TimeSpan.FromDays(31))
        {
            failures.Add($"{RetentionOptions.Section}:{nameof(options.Interval)} must lie between 00:00:01 and 31.00:00:00.");
        }

        return failures.Count > 0 ? ValidateOptionsResult.Fail(failures) : ValidateOptionsResult.Success;
    }
}

/// <summary>
/// Deletes interactions that are older than their type is kept, and what is remembered of deleted items for no longer; a bounded number at a time, in
/// one process at a time.
/// </summary>
internal sealed partial class Retention(
    NpgsqlDataSource database,
    IOptions<RetentionOptions> options,
    IOptions<InteractionsOptions> interactions,
    ServiceMetrics metrics,
    TimeProvider clock,
    ILogger<Retention> logger
) : BackgroundService
{
    /// <summary>Small enough that a batch holds its locks for a moment only, and that other work gets its turn.</summary>
    public const int BatchSize = 10_000;

    /// <summary>Key of the advisory lock of the process that deletes; "RecOld" in ASCII.</summary>
    public const long LockKey = 0x5265634F6C64;

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    // Each batch goes on behind the last one, so that all of them together read the table once. What somebody else holds is left to the next time.
    private const string DeleteBatch = """
        WITH old AS (
            SELECT user_key, interaction_key FROM interactions WHERE lower(type) = lower($1) AND occurred_at < $2 AND interaction_key > $3
            ORDER BY interaction_key LIMIT $4 FOR UPDATE SKIP LOCKED),
        deleted AS (
            DELETE FROM interactions AS i USING old WHERE i.user_key = old.user_key AND i.interaction_key = old.interaction_key RETURNING i.interaction_key)
        SELECT ARRAY[count(*), coalesce(max(interaction_key), 0)] FROM deleted
        """;

    private const string AnyOld = "SELECT EXISTS (SELECT FROM interactions WHERE lower(type) = lower($1) AND occurred_at < $2)";

    /// <summary>Deletes what is too old now; returns how many interactions, 0 also when another process is at it.</summary>
    public async Task<long> RunAsync(CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await connection.ExecuteAsync(Statements.SessionWithoutJit, cancellationToken);
        if (!await connection.ScalarAsync<bool>("SELECT pg_try_advisory_lock($1)", cancellationToken, LockKey))
        {
            return 0;
        }

        try
        {
            var deleted = 0L;
            foreach (var (type, age) in options.Value.Types)
            {
                deleted += await DeleteAsync(connection, type, clock.GetUtcNow() - age, cancellationToken);
            }

            await ForgetDeletedItemsAsync(connection, cancellationToken);
            return deleted;
        }
        finally
        {
            // A broken connection has lost the lock already.
            if (connection.FullState.HasFlag(System.Data.ConnectionState.Open))
            {
                await connection.ExecuteAsync("SELECT pg_advisory_unlock($1)", CancellationToken.None, LockKey);
            }
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await RunAsync(stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception exception)
            {
                LogFailed(exception.Discreet());
            }

            await Task.Delay(options.Value.Interval, clock, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task ForgetDeletedItemsAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        var until = interactions.Value.DeletionsAfter(clock.GetUtcNow());
        while (await DeletedItems.PruneAsync(connection, until, cancellationToken) == DeletedItems.PruneSize)
        {
            await Task.Delay(Pause, clock, cancellationToken);
        }
    }

    private async Task<long> DeleteAsync(NpgsqlConnection connection, string type, DateTimeOffset before, CancellationToken cancellationToken)
    {
        var start = Stopwatch.GetTimestamp();
        // A statement that deletes nothing would still be a change in the change log.
        if (!await connection.ScalarUnhurriedAsync<bool>(AnyOld, cancellationToken, type, before))
        {
            return 0;
        }

        var deleted = 0L;
        for (long[] batch = [BatchSize, 0]; batch[0] == BatchSize;)
        {
            if (deleted > 0)
            {
                await Task.Delay(Pause, clock, cancellationToken);
            }

            batch = await connection.ScalarUnhurriedAsync<long[]>(DeleteBatch, cancellationToken, type, before, batch[1], BatchSize);
            metrics.Expired(type, batch[0]);
            deleted += batch[0];
        }

        LogDeleted(deleted, type, before, Stopwatch.GetElapsedTime(start).TotalMilliseconds);
        return deleted;
    }

    [LoggerMessage(
        EventId = 1001,
        Level = LogLevel.Information,
        Message = "Deleted {Count} interactions of type {Type} from before {Before}, in {Milliseconds:F0} ms"
    )]
    private partial void LogDeleted(long count, string type, DateTimeOffset before, double milliseconds);

    [LoggerMessage(EventId = 1002, Level = LogLevel.Warning, Message = "What is too old cannot be deleted; it is tried again")]
    private partial void LogFailed(Exception exception);
}
