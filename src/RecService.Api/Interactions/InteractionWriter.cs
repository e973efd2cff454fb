using Npgsql;
using RecService.Api.Storage;
using RecService.Api.Telemetry;

namespace RecService.Api.Interactions;

/// <summary>What was stored. Rows are named by the numbers they were added under.</summary>
/// <param name="Accepted">The number of rows stored.</param>
/// <param name="Duplicates">The number of rows that were stored before.</param>
/// <param name="RejectedCount">The number of rows that cannot be stored.</param>
/// <param name="Rejected">The first of those rows, and why.</param>
internal readonly record struct WriteOutcome(
    long Accepted,
    long Duplicates,
    long RejectedCount,
    IReadOnlyList<(long Line, Finding Finding)> Rejected
);

/// <summary>
/// The one way of interactions into the database: COPY to a temporary table, then a few statements over the whole set; a few are inserted directly.
/// It is one transaction, which is lost unless it is committed.
/// </summary>
internal sealed class InteractionWriter : IAsyncDisposable
{
    private const int FewRows = 1_000;
    private const int MaxRounds = 10;

    // Rows get their keys here, so that a stored row tells which of the incoming ones it was.
    private static readonly string CreateIncoming = $"""
        {Statements.WithoutJit};
        CREATE TEMPORARY TABLE incoming (
            line bigint, interaction_key bigint DEFAULT nextval('interactions_interaction_key_seq'), {InteractionColumns.Definitions}) ON COMMIT DROP
        """;

    private static readonly string Incoming = $"incoming (line, {InteractionColumns.Names})";

    // Of what rows are joined by only: what else they have would take most of the time.
    private const string Analyze = "ANALYZE incoming (line, user_id, item_id, interaction_id)";

    // What a row of s is beside the one stored under its id.
    private static readonly string Beside = FormattableString.Invariant(
        $"""
        SELECT i.line, i.type, CASE WHEN {InteractionColumns.IsConflict} THEN {(int)Finding.Conflict} ELSE {(int)Finding.Duplicate} END AS finding
        """
    );

    private const string Stored = """
        JOIN users AS u ON u.user_id = i.user_id
        JOIN interactions AS s ON s.user_key = u.user_key AND s.interaction_id = i.interaction_id
        LEFT JOIN items AS m ON m.item_id = i.item_id
        """;

    // Repeats are rows whose interactionId is stored, or was seen further up. They must create neither users nor items.
    private static readonly string FindStored = $"""
        CREATE TEMPORARY TABLE repeats (LIKE incoming) ON COMMIT DROP;
        CREATE TEMPORARY TABLE stored (line bigint, type text COLLATE "C", finding integer) ON COMMIT DROP;
        INSERT INTO stored {Beside} FROM incoming AS i {Stored} WHERE i.interaction_id IS NOT NULL
        """;

    private const string FindRepeated = """
        INSERT INTO repeats
        SELECT i.* FROM incoming AS i
        JOIN (SELECT ctid, row_number() OVER (PARTITION BY user_id, interaction_id ORDER BY line) AS place
              FROM incoming WHERE interaction_id IS NOT NULL) AS r ON r.ctid = i.ctid
        WHERE r.place > 1
        """;

    private const string DropStored = "DELETE FROM incoming AS i USING stored AS r WHERE r.line = i.line";
    private const string DropRepeated = "DELETE FROM incoming AS i USING repeats AS r WHERE r.line = i.line";

    // The rows found are locked against deletion. Sorted, so that two writers never wait for each other in a circle.
    private const string LockUsers = """
        WITH ids AS MATERIALIZED (SELECT DISTINCT user_id FROM incoming)
        SELECT (SELECT count(*) FROM ids) - (SELECT count(*) FROM (
            SELECT FROM users AS u WHERE u.user_id IN (SELECT user_id FROM ids) ORDER BY u.user_id FOR KEY SHARE) AS locked)
        """;

    private const string InsertUsers = """
        INSERT INTO users (user_id, created_at, updated_at)
        SELECT DISTINCT i.user_id, $1::timestamptz, $1::timestamptz FROM incoming AS i WHERE NOT EXISTS (SELECT FROM users AS u WHERE u.user_id = i.user_id)
        ORDER BY i.user_id ON CONFLICT (user_id) DO NOTHING
        """;

    private const string LockItems = """
        WITH ids AS MATERIALIZED (SELECT DISTINCT item_id FROM incoming)
        SELECT (SELECT count(*) FROM ids) - (SELECT count(*) FROM (
            SELECT FROM items AS m WHERE m.item_id IN (SELECT item_id FROM ids) ORDER BY m.item_id FOR KEY SHARE) AS locked)
        """;

    private const string CreateCreated = """CREATE TEMPORARY TABLE IF NOT EXISTS created (item_id text COLLATE "C") ON COMMIT DROP""";

    private const string InsertItems = """
        WITH new AS (
            INSERT INTO items (item_id, created_at, updated_at)
            SELECT DISTINCT i.item_id, $1::timestamptz, $1::timestamptz FROM incoming AS i
            WHERE NOT EXISTS (SELECT FROM items AS m WHERE m.item_id = i.item_id)
            ORDER BY i.item_id ON CONFLICT (item_id) DO NOTHING
            RETURNING item_id)
        INSERT INTO created SELECT item_id FROM new
        """;

    // What was created is this transaction's: whether it was deleted is for certain now.
    private const string AnyDeleted = """
        SELECT EXISTS (SELECT FROM created AS c JOIN deleted_items AS d ON d.item_id = c.item_id WHERE d.deleted_at > $1)
        """;

    // In a statement after the locks: it sees the deletions that they have waited for.
    private static readonly string RefuseRows = FormattableString.Invariant(
        $"""
        WITH refused AS (
            DELETE FROM incoming AS i
            USING (
                SELECT n.line,
                    CASE WHEN u.user_key IS NULL AND NOT $2 THEN {(int)Finding.UnknownUser} ELSE 0 END
                    | CASE WHEN m.item_key IS NOT NULL THEN 0 WHEN d.item_id IS NOT NULL THEN {(int)Finding.DeletedItem}
                        WHEN NOT $3 THEN {(int)Finding.UnknownItem} ELSE 0 END AS finding
                FROM incoming AS n LEFT JOIN users AS u ON u.user_id = n.user_id LEFT JOIN items AS m ON m.item_id = n.item_id
                LEFT JOIN deleted_items AS d ON d.item_id = n.item_id AND d.deleted_at > $4
                WHERE (u.user_key IS NULL AND NOT $2) OR (m.item_key IS NULL AND (d.item_id IS NOT NULL OR NOT $3))) AS f
            WHERE f.line = i.line RETURNING i.line, i.type, f.finding)
        SELECT type, finding, count(*), (array_agg(line ORDER BY line))[:$1] FROM refused GROUP BY type, finding
        """
    );

    private const string IncomingNow = "SELECT *, $1::timestamptz AS received_at FROM incoming";

    private static readonly string InsertUnnamed = InteractionColumns.Insert(IncomingNow, "ORDER BY i.interaction_key");

    // Writers of the same ids wait for each other. All of them take the ids in one order, so that they never do so in a circle. The keys were drawn
    // before, and keep the order of the lines: of several with one id, the first is stored.
    private static readonly string InsertNamed = InteractionColumns.Insert(IncomingNow, "ORDER BY i.user_id, i.interaction_id, i.interaction_key");

    private static readonly string CountStored = CountsOf("stored");

    // Materialized, so that it is sorted without the columns that were compared.
    private static readonly string CountLeft = $"""
        WITH remaining AS MATERIALIZED (
            {Beside}
            FROM (SELECT * FROM repeats UNION ALL SELECT * FROM incoming WHERE interaction_id IS NOT NULL) AS i
            {Stored}
            WHERE s.interaction_key <> i.interaction_key)
        {CountsOf("remaining")}
        """;

    private readonly NpgsqlTransaction _transaction;
    private readonly InteractionsOptions _options;
    private readonly DateTimeOffset _now;
    private readonly DateTimeOffset _deletionsAfter;
    private readonly ServiceMetrics _metrics;
    private readonly long[] _rowsByType;
    private readonly long[] _duplicatesByType;
    private readonly long[] _rejectedByType;
    private CopyWriter? _copy;
    private long _rows;
    private bool _anyIds;

    private InteractionWriter(
        NpgsqlConnection connection,
        NpgsqlTransaction transaction,
        InteractionsOptions options,
        DateTimeOffset now,
        ServiceMetrics metrics
    )
    {
        Connection = connection;
        _transaction = transaction;
        _options = options;
        _now = now;
        _deletionsAfter = options.DeletionsAfter(now);
        _metrics = metrics;
        _rowsByType = new long[metrics.TypeCount];
        _duplicatesByType = new long[metrics.TypeCount];
        _rejectedByType = new long[metrics.TypeCount];
    }

    /// <summary>The connection, for what belongs into the same transaction: before the first row, or after they are stored.</summary>
    public NpgsqlConnection Connection { get; }

    public static async Task<InteractionWriter> BeginAsync(
        NpgsqlDataSource database,
        InteractionsOptions options,
        DateTimeOffset now,
        ServiceMetrics metrics,
        CancellationToken cancellationToken
    )
    {
        var connection = await database.OpenConnectionAsync(cancellationToken);
        try
        {
            return new(connection, await connection.BeginTransactionAsync(cancellationToken), options, now, metrics);
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    /// <summary>Stores a few rows without a temporary table. When that cannot be done, it answers null and nothing has happened.</summary>
    public async Task<WriteOutcome?> TryStoreDirectlyAsync(IReadOnlyList<(int Index, InteractionRow Row)> rows, CancellationToken cancellationToken)
    {
        if (await new DirectInsert(Connection, _options, _now).TryAsync([.. rows.Select(row => row.Row)], cancellationToken) is not { } findings)
        {
            return null;
        }

        var rejected = new List<(long Line, Finding Finding)>();
        var duplicates = 0;
        foreach (var ((index, row), finding) in rows.Zip(findings))
        {
            var type = _metrics.TypeOf(row.Type);
            _rowsByType[type]++;
            switch (finding)
            {
                case Finding.Duplicate:
                    _duplicatesByType[type]++;
                    duplicates++;
                    break;
                case not Finding.New:
                    _rejectedByType[type]++;
                    rejected.Add((index, finding));
                    break;
            }
        }

        return new(rows.Count - duplicates - rejected.Count, duplicates, rejected.Count, rejected);
    }

    public async ValueTask AddAsync(long line, InteractionRow row, CancellationToken cancellationToken)
    {
        var copy = _copy ??= await BeginCopyAsync(cancellationToken);
        copy.BeginRow();
        copy.Int64(line);
        foreach (var column in InteractionColumns.All)
        {
            column.Write(copy, row);
        }

        _rows++;
        _rowsByType[_metrics.TypeOf(row.Type)]++;
        _anyIds |= row.InteractionId is not null;
        await copy.EndRowAsync(cancellationToken);
    }

    /// <summary>Ends the adding, which leaves the connection to others.</summary>
    public async Task CompleteAsync(CancellationToken cancellationToken)
    {
        if (_copy is { } copy)
        {
            _copy = null;
            await using (copy)
            {
                await copy.CompleteAsync(cancellationToken);
            }
        }
    }

    /// <summary>Stores the rows added, for <see cref="CommitAsync"/> to make it last.</summary>
    /// <param name="maxRejected">How many rejected rows are to be named at most.</param>
    /// <param name="cancellationToken">Ends the waiting; nothing is stored then.</param>
    public async Task<WriteOutcome> StoreAsync(int maxRejected, CancellationToken cancellationToken)
    {
        await CompleteAsync(cancellationToken);
        if (_rows == 0)
        {
            return new(0, 0, 0, []);
        }

        await Connection.ExecuteUnhurriedAsync(Analyze, cancellationToken);
        if (_rows < FewRows)
        {
            // To look these up takes less time than to read whole tables, except on disks that turn, for which the server's own setting is.
            await Connection.ExecuteUnhurriedAsync("SET LOCAL random_page_cost = 1.1", cancellationToken);
        }

        return await Transactions.RunFromSavepointAsync(_transaction, cancellation => StoreRowsAsync(maxRejected, cancellation), cancellationToken);
    }

    public async Task CommitAsync(CancellationToken cancellationToken)
    {
        await _transaction.CommitAsync(cancellationToken);
        Count();
    }

    /// <summary>In place of <see cref="CommitAsync"/> when nothing was stored: there is nothing to wait for on the disk.</summary>
    public async Task EndAsync(CancellationToken cancellationToken)
    {
        await _transaction.RollbackAsync(cancellationToken);
        Count();
    }

    public async ValueTask DisposeAsync()
    {
        if (_copy is not null)
        {
            await _copy.DisposeAsync();
        }

        await _transaction.DisposeAsync();
        await Connection.DisposeAsync();
    }

    private async Task<CopyWriter> BeginCopyAsync(CancellationToken cancellationToken)
    {
        await Connection.ExecuteAsync(CreateIncoming, cancellationToken);
        return await CopyWriter.BeginAsync(Connection, Incoming, columns: 1 + InteractionColumns.All.Count, cancellationToken);
    }

    private void Count()
    {
        for (var type = 0; type < _rowsByType.Length; type++)
        {
            _metrics.CountInteractions(type, Outcome.Accepted, _rowsByType[type] - _duplicatesByType[type] - _rejectedByType[type]);
            _metrics.CountInteractions(type, Outcome.Duplicate, _duplicatesByType[type]);
            _metrics.CountInteractions(type, Outcome.Rejected, _rejectedByType[type]);
        }
    }

    private async Task<WriteOutcome> StoreRowsAsync(int maxRejected, CancellationToken cancellationToken)
    {
        // The step may be run again.
        Array.Clear(_duplicatesByType);
        Array.Clear(_rejectedByType);
        var rejected = new List<(long Line, Finding Finding)>();
        var (stored, conflicts) = _anyIds ? await SetStoredAsideAsync(maxRejected, rejected, cancellationToken) : (0, 0);

        // Statements that would change nothing are not run: the change log would take them for changes.
        long accepted = 0;
        long refused = 0;
        if (stored < _rows)
        {
            var missingUsers = await CountAsync(LockUsers, cancellationToken);
            var missingItems = await CountAsync(LockItems, cancellationToken);
            if ((missingUsers > 0 && !_options.CreateUsers) || (missingItems > 0 && _options.MayRefuseItems))
            {
                refused = await RefuseAsync(maxRejected, rejected, cancellationToken);
            }

            // What is refused makes nothing of the same id a repeat. Where no item is missing, a repeat could create nothing, and is left by the insertion.
            var repeated = _anyIds && missingItems > 0 && stored + refused < _rows ? await SetRepeatedAsideAsync(cancellationToken) : 0;
            if (stored + refused + repeated < _rows)
            {
                if (refused + repeated > 0)
                {
                    missingUsers = missingUsers > 0 ? await CountAsync(LockUsers, cancellationToken) : 0;
                    missingItems = missingItems > 0 ? await CountAsync(LockItems, cancellationToken) : 0;
                }

                await EnsureUsersAsync(missingUsers, cancellationToken);
                await EnsureItemsAsync(missingItems, cancellationToken);
                accepted = await Connection.ExecuteUnhurriedAsync(_anyIds ? InsertNamed : InsertUnnamed, cancellationToken, _now);
            }
        }

        var left = _rows - stored - accepted - refused;
        if (left > 0)
        {
            // What is left repeats another row, or was stored by another writer in this very moment.
            conflicts += await CountRepeatsAsync(CountLeft, maxRejected, rejected, cancellationToken);
        }

        return new(accepted, stored + left - conflicts, _rejectedByType.Sum(), [.. rejected.OrderBy(row => row.Line).Take(maxRejected)]);
    }

    /// <summary>Takes rows whose ids are stored out of the incoming ones; returns how many, and how many of them are conflicts.</summary>
    private async Task<(long Rows, long Conflicts)> SetStoredAsideAsync(
        int limit,
        List<(long Line, Finding Finding)> rejected,
        CancellationToken cancellationToken
    )
    {
        long stored = await Connection.ExecuteUnhurriedAsync(FindStored, cancellationToken);
        if (stored == 0)
        {
            return (0, 0);
        }

        if (stored < _rows)
        {
            await Connection.ExecuteUnhurriedAsync(DropStored, cancellationToken);
        }

        return (stored, await CountRepeatsAsync(CountStored, limit, rejected, cancellationToken));
    }

    /// <summary>Takes rows whose ids were seen further up out of the incoming ones; returns how many.</summary>
    private async Task<long> SetRepeatedAsideAsync(CancellationToken cancellationToken)
    {
        long repeated = await Connection.ExecuteUnhurriedAsync(FindRepeated, cancellationToken);
        if (repeated > 0)
        {
            await Connection.ExecuteUnhurriedAsync(DropRepeated, cancellationToken);
        }

        return repeated;
    }

    /// <summary>Counts duplicates and conflicts by type, and names the first conflicts.</summary>
    private static string CountsOf(string findings) =>
        FormattableString.Invariant(
            $"""
            SELECT type, finding, count(*), (array_agg(line ORDER BY line) FILTER (WHERE finding <> {(int)Finding.Duplicate}))[:$1]
            FROM {findings} GROUP BY type, finding
            """
        );

    private Task<long> CountAsync(string lockAndCountMissing, CancellationToken cancellationToken) =>
        Connection.ScalarUnhurriedAsync<long>(lockAndCountMissing, cancellationToken);

    /// <summary>Creates the users that are missing, and locks them.</summary>
    private async Task EnsureUsersAsync(long missing, CancellationToken cancellationToken)
    {
        for (var round = 0; missing > 0; round++)
        {
            GiveUpWhere(round == MaxRounds || !_options.CreateUsers);
            await Connection.ExecuteUnhurriedAsync(InsertUsers, cancellationToken, _now);

            // A row that another writer is creating is waited for, and locked in the next round, unless it was deleted by then.
            missing = await CountAsync(LockUsers, cancellationToken);
        }
    }

    /// <summary>Creates the items that are missing, and locks them.</summary>
    private async Task EnsureItemsAsync(long missing, CancellationToken cancellationToken)
    {
        for (var round = 0; missing > 0; round++)
        {
            GiveUpWhere(round == MaxRounds || !_options.CreateItems);
            await using var batch = new NpgsqlBatch(Connection)
            {
                Timeout = 0,
                BatchCommands =
                {
                    new(CreateCreated),
                    new(InsertItems) { Parameters = { new() { Value = _now } } },
                    new(AnyDeleted) { Parameters = { new() { Value = _deletionsAfter } } },
                },
            };

            // Others have created and deleted one of them since the incoming rows were looked through.
            GiveUpWhere((bool)(await batch.ExecuteScalarAsync(cancellationToken))!);
            missing = await CountAsync(LockItems, cancellationToken);
        }
    }

    /// <summary>The step is run again then.</summary>
    private static void GiveUpWhere(bool rowsVanish)
    {
        if (rowsVanish)
        {
            throw new RowVanishedException();
        }
    }

    /// <summary>Takes rows whose user or item must not be created out of the incoming ones; returns how many.</summary>
    private async Task<long> RefuseAsync(int limit, List<(long Line, Finding Finding)> rejected, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(RefuseRows, Connection)
        {
            CommandTimeout = 0,
            Parameters =
            {
                new() { Value = limit },
                new() { Value = _options.CreateUsers },
                new() { Value = _options.CreateItems },
                new() { Value = _deletionsAfter },
            },
        };
        return await ReadAsync(command, rejected, cancellationToken);
    }

    /// <summary>Tells repeats apart; returns how many of them are conflicts.</summary>
    private async Task<long> CountRepeatsAsync(
        string sql,
        int limit,
        List<(long Line, Finding Finding)> rejected,
        CancellationToken cancellationToken
    )
    {
        await using var command = new NpgsqlCommand(sql, Connection) { CommandTimeout = 0, Parameters = { new() { Value = limit } } };
        return await ReadAsync(command, rejected, cancellationToken);
    }

    /// <summary>Counts rows by type and finding, and names the first of those that are rejected; returns how many are.</summary>
    private async Task<long> ReadAsync(NpgsqlCommand command, List<(long Line, Finding Finding)> rejected, CancellationToken cancellationToken)
    {
        var count = 0L;
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            var type = _metrics.TypeOf(reader.GetString(0));
            var finding = (Finding)reader.GetInt32(1);
            var rows = reader.GetInt64(2);
            if (finding == Finding.Duplicate)
            {
                _duplicatesByType[type] += rows;
                continue;
            }

            _rejectedByType[type] += rows;
            count += rows;
            rejected.AddRange(reader.GetFieldValue<long[]>(3).Select(line => (line, finding)));
        }

        return count;
    }
}
