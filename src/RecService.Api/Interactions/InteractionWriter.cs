using Npgsql;
using NpgsqlTypes;
using RecService.Api.Storage;
using RecService.Api.Telemetry;

namespace RecService.Api.Interactions;

/// <summary>What was stored. Rows are named by the numbers they were added under.</summary>
/// <param name="Accepted">The number of rows stored.</param>
/// <param name="Duplicates">The number of rows that were stored before.</param>
/// <param name="ConflictCount">The number of rows whose interactionId belongs to another event.</param>
/// <param name="Conflicts">The first of those rows.</param>
internal readonly record struct WriteOutcome(long Accepted, long Duplicates, long ConflictCount, IReadOnlyList<long> Conflicts);

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

    private static readonly string CopyIncoming = $"COPY incoming (line, {InteractionColumns.Names}) FROM STDIN (FORMAT BINARY)";

    // Repeats are rows whose interactionId is stored, or was seen further up. They must create neither users nor items.
    private const string CreateRepeats = "CREATE TEMPORARY TABLE repeats (LIKE incoming) ON COMMIT DROP";

    private const string InsertRepeats = """
        INSERT INTO repeats
        SELECT i.* FROM incoming AS i JOIN users AS u ON u.user_id = i.user_id
        JOIN interactions AS s ON s.user_key = u.user_key AND s.interaction_id = i.interaction_id
        WHERE i.interaction_id IS NOT NULL
        UNION
        SELECT i.* FROM incoming AS i
        JOIN (SELECT ctid, row_number() OVER (PARTITION BY user_id, interaction_id ORDER BY line) AS place
              FROM incoming WHERE interaction_id IS NOT NULL) AS r ON r.ctid = i.ctid
        WHERE r.place > 1
        """;

    private const string DropRepeats = "DELETE FROM incoming AS i USING repeats AS r WHERE r.line = i.line";

    // The rows found are locked against deletion. Sorted, so that two writers never wait for each other in a circle.
    private const string LockUsers = """
        SELECT (SELECT count(DISTINCT user_id) FROM incoming) - (SELECT count(*) FROM (
            SELECT FROM users AS u WHERE u.user_id IN (SELECT user_id FROM incoming) ORDER BY u.user_id FOR KEY SHARE) AS locked)
        """;

    private const string InsertUsers = """
        INSERT INTO users (user_id, created_at, updated_at)
        SELECT DISTINCT i.user_id, $1::timestamptz, $1::timestamptz FROM incoming AS i WHERE NOT EXISTS (SELECT FROM users AS u WHERE u.user_id = i.user_id)
        ORDER BY i.user_id ON CONFLICT (user_id) DO NOTHING
        """;

    private const string LockItems = """
        SELECT (SELECT count(DISTINCT item_id) FROM incoming) - (SELECT count(*) FROM (
            SELECT FROM items AS m WHERE m.item_id IN (SELECT item_id FROM incoming) ORDER BY m.item_id FOR KEY SHARE) AS locked)
        """;

    private const string InsertItems = """
        INSERT INTO items (item_id, created_at, updated_at)
        SELECT DISTINCT i.item_id, $1::timestamptz, $1::timestamptz FROM incoming AS i WHERE NOT EXISTS (SELECT FROM items AS m WHERE m.item_id = i.item_id)
        ORDER BY i.item_id ON CONFLICT (item_id) DO NOTHING
        """;

    private const string IncomingNow = "SELECT *, $1::timestamptz AS received_at FROM incoming";

    private static readonly string InsertUnnamed = InteractionColumns.Insert(IncomingNow, "ORDER BY i.interaction_key");

    // Writers of the same ids wait for each other. All of them take the ids in one order, so that they never do so in a circle. The keys were drawn
    // before, and keep the order of the lines.
    private static readonly string InsertNamed = InteractionColumns.Insert(IncomingNow, "ORDER BY i.user_id, i.interaction_id");

    // Duplicates and conflicts, by type.
    private static readonly string SelectLeft = $"""
        SELECT type, conflict, count(*), (array_agg(line ORDER BY line) FILTER (WHERE conflict))[:$1]
        FROM (
            SELECT i.line, i.type, {InteractionColumns.IsConflict} AS conflict
            FROM (SELECT * FROM repeats UNION ALL SELECT * FROM incoming WHERE interaction_id IS NOT NULL) AS i
            JOIN users AS u ON u.user_id = i.user_id
            JOIN interactions AS s ON s.user_key = u.user_key AND s.interaction_id = i.interaction_id
            LEFT JOIN items AS m ON m.item_id = i.item_id
            WHERE s.interaction_key <> i.interaction_key) AS remaining
        GROUP BY type, conflict
        """;

    private readonly NpgsqlTransaction _transaction;
    private readonly DateTimeOffset _now;
    private readonly ServiceMetrics _metrics;
    private readonly long[] _rowsByType;
    private readonly long[] _duplicatesByType;
    private readonly long[] _conflictsByType;
    private NpgsqlBinaryImporter? _importer;
    private long _rows;
    private bool _anyIds;

    private InteractionWriter(NpgsqlConnection connection, NpgsqlTransaction transaction, DateTimeOffset now, ServiceMetrics metrics)
    {
        Connection = connection;
        _transaction = transaction;
        _now = now;
        _metrics = metrics;
        _rowsByType = new long[metrics.TypeCount];
        _duplicatesByType = new long[metrics.TypeCount];
        _conflictsByType = new long[metrics.TypeCount];
    }

    /// <summary>The connection, for what belongs into the same transaction: before the first row, or after they are stored.</summary>
    public NpgsqlConnection Connection { get; }

    public static async Task<InteractionWriter> BeginAsync(
        NpgsqlDataSource database,
        DateTimeOffset now,
        ServiceMetrics metrics,
        CancellationToken cancellationToken
    )
    {
        var connection = await database.OpenConnectionAsync(cancellationToken);
        try
        {
            return new(connection, await connection.BeginTransactionAsync(cancellationToken), now, metrics);
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
        if (await new DirectInsert(Connection, _now).TryAsync([.. rows.Select(row => row.Row)], cancellationToken) is not { } findings)
        {
            return null;
        }

        var conflicts = new List<long>();
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
                case Finding.Conflict:
                    _conflictsByType[type]++;
                    conflicts.Add(index);
                    break;
            }
        }

        return new(rows.Count - duplicates - conflicts.Count, duplicates, conflicts.Count, conflicts);
    }

    public async Task AddAsync(long line, InteractionRow row, CancellationToken cancellationToken)
    {
        var importer = _importer ??= await BeginCopyAsync(cancellationToken);
        await importer.StartRowAsync(cancellationToken);
        await importer.WriteAsync(line, NpgsqlDbType.Bigint, cancellationToken);
        foreach (var column in InteractionColumns.All)
        {
            await column.WriteAsync(importer, row, cancellationToken);
        }

        _rows++;
        _rowsByType[_metrics.TypeOf(row.Type)]++;
        _anyIds |= row.InteractionId is not null;
    }

    /// <summary>Stores the rows added, for <see cref="CommitAsync"/> to make it last.</summary>
    /// <param name="maxConflicts">How many conflicts are to be named at most.</param>
    /// <param name="cancellationToken">Ends the waiting; nothing is stored then.</param>
    public async Task<WriteOutcome> StoreAsync(int maxConflicts, CancellationToken cancellationToken)
    {
        if (_importer is null)
        {
            return new(0, 0, 0, []);
        }

        await _importer.CompleteAsync(cancellationToken);
        await _importer.DisposeAsync();
        await Connection.ExecuteUnhurriedAsync("ANALYZE incoming", cancellationToken);
        if (_rows < FewRows)
        {
            // To look these up takes less time than to read whole tables, except on disks that turn, for which the server's own setting is.
            await Connection.ExecuteUnhurriedAsync("SET LOCAL random_page_cost = 1.1", cancellationToken);
        }

        return await Transactions.RunFromSavepointAsync(_transaction, cancellation => StoreRowsAsync(maxConflicts, cancellation), cancellationToken);
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
        if (_importer is not null)
        {
            await _importer.DisposeAsync();
        }

        await _transaction.DisposeAsync();
        await Connection.DisposeAsync();
    }

    private async Task<NpgsqlBinaryImporter> BeginCopyAsync(CancellationToken cancellationToken)
    {
        await Connection.ExecuteAsync(CreateIncoming, cancellationToken);
        return await Connection.BeginBinaryImportAsync(CopyIncoming, cancellationToken);
    }

    private void Count()
    {
        for (var type = 0; type < _rowsByType.Length; type++)
        {
            _metrics.CountInteractions(type, Outcome.Accepted, _rowsByType[type] - _duplicatesByType[type] - _conflictsByType[type]);
            _metrics.CountInteractions(type, Outcome.Duplicate, _duplicatesByType[type]);
            _metrics.CountInteractions(type, Outcome.Rejected, _conflictsByType[type]);
        }
    }

    private async Task<WriteOutcome> StoreRowsAsync(int maxConflicts, CancellationToken cancellationToken)
    {
        long repeats = 0;
        if (_anyIds)
        {
            await Connection.ExecuteUnhurriedAsync(CreateRepeats, cancellationToken);
            repeats = await Connection.ExecuteUnhurriedAsync(InsertRepeats, cancellationToken);
            if (repeats > 0)
            {
                await Connection.ExecuteUnhurriedAsync(DropRepeats, cancellationToken);
            }
        }

        // Statements that would change nothing are not run: the change log would take them for changes.
        long accepted = 0;
        if (repeats < _rows)
        {
            await EnsureAsync(LockUsers, InsertUsers, cancellationToken);
            await EnsureAsync(LockItems, InsertItems, cancellationToken);
            accepted = await Connection.ExecuteUnhurriedAsync(_anyIds ? InsertNamed : InsertUnnamed, cancellationToken, _now);
        }

        var left = _rows - accepted;
        if (left == 0)
        {
            return new(accepted, 0, 0, []);
        }

        // What is left was stored before, or by another writer in this very moment.
        var (count, conflicts) = await ConflictsAsync(maxConflicts, cancellationToken);
        return new(accepted, left - count, count, conflicts);
    }

    /// <summary>Locks the rows that the incoming ones refer to, and creates those that are not there.</summary>
    private async Task EnsureAsync(string lockAndCountMissing, string insertMissing, CancellationToken cancellationToken)
    {
        // A row that another writer is creating is waited for, and locked in the next round, unless it was deleted by then.
        for (var round = 0; await Connection.ScalarUnhurriedAsync<long>(lockAndCountMissing, cancellationToken) > 0; round++)
        {
            if (round == MaxRounds)
            {
                throw new RowVanishedException();
            }

            await Connection.ExecuteUnhurriedAsync(insertMissing, cancellationToken, _now);
        }
    }

    /// <summary>Tells the rows that were not stored apart, and names the first of the conflicts.</summary>
    private async Task<(long Count, List<long> Lines)> ConflictsAsync(int limit, CancellationToken cancellationToken)
    {
        // The step may be run again.
        Array.Clear(_duplicatesByType);
        Array.Clear(_conflictsByType);
        var lines = new List<long>();
        await using var command = new NpgsqlCommand(SelectLeft, Connection) { CommandTimeout = 0, Parameters = { new() { Value = limit } } };
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            var isConflict = reader.GetBoolean(1);
            (isConflict ? _conflictsByType : _duplicatesByType)[_metrics.TypeOf(reader.GetString(0))] += reader.GetInt64(2);
            if (isConflict)
            {
                lines.AddRange(reader.GetFieldValue<long[]>(3));
            }
        }

        lines.Sort();
        return (_conflictsByType.Sum(), [.. lines.Take(limit)]);
    }
}
