using Npgsql;
using RecService.Api.Domain;
using RecService.Api.Storage;
using RecService.Api.Telemetry;
using IsolationLevel = System.Data.IsolationLevel;

namespace RecService.Api.Publishing;

/// <summary>
/// Keeps the numbers of users by item (<see cref="ItemCounts"/>) up to date, in one process at a time, at the cost of the interactions that are new or were
/// deleted. Everything is counted only at first, after other settings of what is positive, and when more is new than that would take.
/// </summary>
internal sealed partial class ItemCounter(NpgsqlDataSource database, Feedback feedback, TimeProvider clock, ILogger<ItemCounter> logger) : BackgroundService
{
    /// <summary>Key of the advisory lock of the process that counts; "RecCnt" in ASCII.</summary>
    public const long LockKey = 0x526563436E74;

    /// <summary>How many keys of interactions are gone through in one transaction.</summary>
    private const long BlockSize = 50_000;

    /// <summary>To count what is new takes about so many times as long for an interaction as to count everything.</summary>
    private const int CostOfNew = 10;

    /// <summary>After counting, it rests so many times as long as that took, up to <see cref="LongestRest"/>: of what is new it takes a fifth of the time at most.</summary>
    private const int Rest = 4;

    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    private static readonly TimeSpan LongestRest = TimeSpan.FromMinutes(1);

    /// <summary>How long a process with other settings may leave something uncounted before this one takes over.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    private static readonly string IsPositive =
        $"EXISTS (SELECT FROM {FeedbackParameters.Table(4)} WHERE lower(m.type) = lower(i.type) AND {Feedback.IsPositiveSql})";

    // By what each user did before, which an index holds; once for each user, as some have done very much. The arithmetic keeps the planner from another index.
    private static readonly string CountPairs = $"""
        earlier AS (
            SELECT u.user_key, i.item_key FROM (SELECT DISTINCT user_key FROM pairs) AS u CROSS JOIN LATERAL (
                SELECT i.item_key FROM interactions AS i WHERE i.user_key = u.user_key AND i.interaction_key + 0 <= $1 AND {IsPositive} OFFSET 0) AS i),
        counted AS (
            SELECT item_key, count(*)::int AS users FROM (
                SELECT item_key FROM (SELECT item_key, user_key, false AS known FROM pairs UNION ALL SELECT item_key, user_key, true FROM earlier) AS p
                GROUP BY item_key, user_key HAVING NOT bool_or(known)) AS p
            GROUP BY item_key)
        """;

    // Pairs of user and item that have lost an interaction, and have no other. With a deleted item goes its number.
    private static readonly string Subtract = $"""
        WITH i AS (DELETE FROM deleted_interactions RETURNING *),
        without AS (
            DELETE FROM item_counts AS c USING (SELECT DISTINCT item_key FROM i) AS d
            WHERE c.item_key = d.item_key AND NOT EXISTS (SELECT FROM items AS m WHERE m.item_key = d.item_key)),
        pairs AS MATERIALIZED (
            SELECT DISTINCT i.item_key, i.user_key FROM i JOIN items AS m ON m.item_key = i.item_key WHERE i.interaction_key <= $1 AND {IsPositive}),
        {CountPairs}
        UPDATE item_counts AS c SET users = c.users - n.users, round = $3 FROM counted AS n WHERE c.item_key = n.item_key
        """;

    // Pairs that have a new interaction, and had none before.
    private static readonly string Add = $"""
        WITH pairs AS MATERIALIZED (
            SELECT DISTINCT i.item_key, i.user_key FROM interactions AS i WHERE i.interaction_key > $1 AND i.interaction_key <= $2 AND {IsPositive}),
        {CountPairs}
        INSERT INTO item_counts AS c (item_key, users, round) SELECT item_key, users, $3 FROM counted
        ON CONFLICT (item_key) DO UPDATE SET users = c.users + excluded.users, round = excluded.round
        """;

    // Item by item along an index. A hash of all pairs may spill, and two million of them then take minutes when the planner divides the work.
    private static readonly string CountAll = $"""
        WITH counted AS MATERIALIZED (
            SELECT i.item_key, count(DISTINCT i.user_key)::int AS users FROM interactions AS i
            WHERE i.interaction_key + 0 <= $2 AND {IsPositive} GROUP BY i.item_key),
        none AS (
            UPDATE item_counts AS c SET users = 0, round = $3
            WHERE c.users <> 0 AND NOT EXISTS (SELECT FROM counted AS n WHERE n.item_key = c.item_key))
        INSERT INTO item_counts AS c (item_key, users, round) SELECT item_key, users, $3 FROM counted
        ON CONFLICT (item_key) DO UPDATE SET users = excluded.users, round = excluded.round WHERE c.users <> excluded.users
        """;

    private readonly string _settings = string.Join(
        ';',
        feedback
            .Types.Where(type => type.Weight > 0)
            .OrderBy(type => type.Type, StringComparer.OrdinalIgnoreCase)
            .Select(type =>
                FormattableString.Invariant(
                    $"{type.Type.ToLowerInvariant()} {type.PositiveFrom:R} {type.NegativeTo:R} {type.Minimum:R} {type.Maximum:R}"
                )
            )
    );

    private readonly SettledKeys _settled = new();
    private bool _hasCounted;
    private long? _othersSince;
    private long _othersCountedTo;
    private long? _pruned;

    /// <summary>Counts what is new; says whether everything that is committed is counted now.</summary>
    public async Task<bool> RunAsync(CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        if (!await IsDueAsync(connection, cancellationToken))
        {
            _hasCounted = true;
            return true;
        }

        await connection.ExecuteAsync(Statements.SessionWithoutJit, cancellationToken);
        if (!await connection.ScalarAsync<bool>("SELECT pg_try_advisory_lock($1)", cancellationToken, LockKey))
        {
            return false;
        }

        try
        {
            var (settings, countedTo, _) = await StateAsync(connection, cancellationToken);
            var (last, settled) = await _settled.ReadAsync(connection, countedTo, cancellationToken);
            if (settled == 0 && last > 0)
            {
                // The first ones may still be in the writing.
                return false;
            }

            if (settings != _settings)
            {
                return MayReplace(settings, countedTo, settled) && await CountAllAsync(connection, settled, cancellationToken) && settled == last;
            }

            (_hasCounted, _othersSince) = (true, null);
            var deleted = await DeletedAsync(connection, cancellationToken);
            var news = settled - countedTo + deleted;
            if (settled < countedTo || (news > BlockSize && news > settled / CostOfNew))
            {
                return await CountAllAsync(connection, settled, cancellationToken) && settled == last;
            }

            do
            {
                countedTo = await CountBlockAsync(connection, Math.Min(settled, countedTo + BlockSize), cancellationToken);
            } while (countedTo < settled);

            if (deleted > BlockSize)
            {
                // Every look at what was deleted would go through what is left of them. Whoever may not do it is warned by the server, which leaves it.
                await connection.ExecuteUnhurriedAsync("VACUUM (SKIP_LOCKED) deleted_interactions", cancellationToken);
            }

            return countedTo >= last;
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
        var failing = false;
        while (!stoppingToken.IsCancellationRequested)
        {
            var start = clock.GetTimestamp();
            try
            {
                await RunAsync(stoppingToken);
                await PruneAsync(stoppingToken);
                failing = false;
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception exception)
            {
                // Once for each time that the store is away.
                if (!failing)
                {
                    LogFailed(exception.Discreet());
                }

                failing = true;
            }

            // What fails late must not fail again and again.
            var rest = clock.GetElapsedTime(start) * Rest;
            rest = failing || rest < LongestRest ? rest : LongestRest;
            await Task.Delay(rest > Interval ? rest : Interval, clock, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>Not with training runs alone, of which there may be none.</summary>
    private async Task PruneAsync(CancellationToken cancellationToken)
    {
        if (_pruned is { } last && clock.GetElapsedTime(last) < ChangeLog.Kept)
        {
            return;
        }

        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await ChangeLog.PruneItemsAsync(connection, cancellationToken);
        _pruned = clock.GetTimestamp();
    }

    private Task<bool> IsDueAsync(NpgsqlConnection connection, CancellationToken cancellationToken) =>
        connection.ScalarAsync<bool>(
            $"""
            SELECT feedback <> $1 OR counted_to <> {SettledKeys.LastKey} OR EXISTS (SELECT FROM deleted_interactions) FROM item_count_state
            """,
            cancellationToken,
            _settings
        );

    /// <summary>
    /// While processes of two settings run beside each other, as in an upgrade, the one that came last counts: else each would undo what the other has done.
    /// </summary>
    private bool MayReplace(string settings, long countedTo, long settled)
    {
        if (_othersSince is null || countedTo != _othersCountedTo || countedTo >= settled)
        {
            (_othersSince, _othersCountedTo) = (clock.GetTimestamp(), countedTo);
        }

        return !_hasCounted || settings.Length == 0 || clock.GetElapsedTime(_othersSince.Value) >= Patience;
    }

    private async Task<bool> CountAllAsync(NpgsqlConnection connection, long to, CancellationToken cancellationToken)
    {
        var start = clock.GetTimestamp();
        await using (var transaction = await connection.BeginTransactionAsync(IsolationLevel.RepeatableRead, cancellationToken))
        {
            var (_, _, round) = await StateAsync(connection, cancellationToken);
            await connection.ExecuteUnhurriedAsync("DELETE FROM deleted_interactions", cancellationToken);
            await connection.ExecuteUnhurriedAsync(
                "DELETE FROM item_counts AS c WHERE NOT EXISTS (SELECT FROM items AS m WHERE m.item_key = c.item_key)",
                cancellationToken
            );
            await RunAsync(connection, CountAll, 0, to, round + 1, cancellationToken);
            await connection.ExecuteAsync(
                "UPDATE item_count_state SET feedback = $1, counted_to = $2, round = $3",
                cancellationToken,
                _settings,
                to,
                round + 1
            );
            await transaction.CommitAsync(cancellationToken);
        }

        (_hasCounted, _othersSince) = (true, null);
        LogCountedAll(clock.GetElapsedTime(start).TotalMilliseconds);
        return true;
    }

    /// <summary>Counts up to a key, and takes off what was deleted; returns the key up to which it is counted.</summary>
    private async Task<long> CountBlockAsync(NpgsqlConnection connection, long to, CancellationToken cancellationToken)
    {
        await using var transaction = await connection.BeginTransactionAsync(IsolationLevel.RepeatableRead, cancellationToken);
        var (_, from, round) = await StateAsync(connection, cancellationToken);
        var changed = await RunAsync(connection, Subtract, from, to, round + 1, cancellationToken);
        changed += to > from ? await RunAsync(connection, Add, from, to, round + 1, cancellationToken) : 0;
        to = Math.Max(from, to);
        await connection.ExecuteAsync("UPDATE item_count_state SET counted_to = $1, round = $2", cancellationToken, to, changed > 0 ? round + 1 : round);
        await transaction.CommitAsync(cancellationToken);
        return to;
    }

    private async Task<int> RunAsync(NpgsqlConnection connection, string sql, long from, long to, long round, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(sql, connection)
        {
            Parameters =
            {
                new() { Value = from },
                new() { Value = to },
                new() { Value = round },
            },
            // As long as the interactions take; the caller's token ends it.
            CommandTimeout = 0,
        };
        FeedbackParameters.Add(command.Parameters, feedback);
        return await command.ExecuteNonQueryAsync(cancellationToken);
    }

    private static Task<long> DeletedAsync(NpgsqlConnection connection, CancellationToken cancellationToken) =>
        connection.ScalarUnhurriedAsync<long>("SELECT count(*) FROM deleted_interactions", cancellationToken);

    private static async Task<(string Settings, long CountedTo, long Round)> StateAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand("SELECT feedback, counted_to, round FROM item_count_state", connection);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        return (reader.GetString(0), reader.GetInt64(1), reader.GetInt64(2));
    }

    [LoggerMessage(EventId = 3011, Level = LogLevel.Information, Message = "The users of all items were counted, in {Milliseconds:F0} ms")]
    private partial void LogCountedAll(double milliseconds);

    [LoggerMessage(EventId = 3012, Level = LogLevel.Warning, Message = "The users of items cannot be counted; it is tried again")]
    private partial void LogFailed(Exception exception);
}
