using Npgsql;
using NpgsqlTypes;
using RecService.Api.Storage;

namespace RecService.Api.Interactions;

/// <summary>Stores a few interactions row by row, by prepared statements, which takes less time than to make a temporary table for them.</summary>
internal sealed class DirectInsert(NpgsqlConnection connection, InteractionsOptions options, DateTimeOffset now)
{
    /// <summary>Up to how many rows.</summary>
    public const int MaxRows = 64;

    // Others may store the same ids in the same moment. Whoever meets them again and again is better off with the whole set.
    private const int MaxRounds = 5;

    private const string Save = "SAVEPOINT before_direct_insert";
    private const string Undo = "ROLLBACK TO SAVEPOINT before_direct_insert";

    // Prepared plans outlive their occasion: one that reads the whole table, made while that was small, would still be used when it has grown.
    // For these statements alone: what comes after them in the transaction is planned as the server's settings say.
    private const string LookUp = "SET LOCAL enable_seqscan = off";
    private const string PlanAsBefore = "SET LOCAL enable_seqscan TO DEFAULT";

    private const string DrawKeys = "SELECT nextval('interactions_interaction_key_seq') FROM generate_series(1, $1)";

    private static readonly string Parameters = InteractionColumns.Parameters;
    private static readonly string KeyParameter = FormattableString.Invariant($"${InteractionColumns.All.Count + 1}");
    private static readonly string TimeParameter = FormattableString.Invariant($"${InteractionColumns.All.Count + 2}");

    private static readonly string DeletionParameter = FormattableString.Invariant($"${InteractionColumns.All.Count + 1}");

    private static readonly string InsertInteraction = InteractionColumns.Insert(
        $"SELECT {Parameters}, {KeyParameter}::bigint AS interaction_key, {TimeParameter}::timestamptz AS received_at"
    );

    private static readonly string FindInteraction = $"""
        SELECT u.user_key IS NOT NULL, m.item_key IS NOT NULL, s.interaction_key IS NOT NULL, {InteractionColumns.IsConflict},
            m.item_key IS NULL AND EXISTS (SELECT FROM deleted_items AS d WHERE d.item_id = i.item_id AND d.deleted_at > {DeletionParameter})
        FROM (SELECT {Parameters}) AS i LEFT JOIN users AS u ON u.user_id = i.user_id LEFT JOIN items AS m ON m.item_id = i.item_id
        LEFT JOIN interactions AS s ON s.user_key = u.user_key AND s.interaction_id = i.interaction_id
        """;

    private const string InsertUsers =
        "INSERT INTO users (user_id, created_at, updated_at) SELECT unnest($1), $2, $2 ON CONFLICT (user_id) DO NOTHING";

    private const string InsertItems =
        "INSERT INTO items (item_id, created_at, updated_at) SELECT unnest($1), $2, $2 ON CONFLICT (item_id) DO NOTHING";

    // Of items that are this transaction's by then: others may have created and deleted them after they were looked for.
    private const string FindDeleted = "SELECT FROM deleted_items WHERE item_id = ANY ($1) AND deleted_at > $2";

    private readonly DateTimeOffset _deletionsAfter = options.DeletionsAfter(now);

    /// <summary>
    /// Stores the rows that are new, and their users and items; answers what became of each row. Null, with nothing done, when others are in the way.
    /// </summary>
    public async Task<Finding[]?> TryAsync(IReadOnlyList<InteractionRow> rows, CancellationToken cancellationToken)
    {
        var entries = await InOrderAsync(rows, cancellationToken);

        // Mostly all of them are new, and their users and items are known.
        if (await InsertAsync([new(Statements.WithoutJit), new(Save)], [], entries, cancellationToken))
        {
            return Findings(entries);
        }

        for (var round = 0; round < MaxRounds; round++)
        {
            // Statements that change nothing are not kept: the change log would take them for changes.
            await FindAsync([new(Undo)], entries, cancellationToken);
            var fresh = Fresh(entries);
            if (fresh.Count == 0)
            {
                return Findings(entries);
            }

            if (await InsertAsync([], [.. Creations(fresh)], fresh, cancellationToken))
            {
                await FindAsync([], [.. entries.Where(entry => entry.Finding is Finding.New).Except(fresh)], cancellationToken);
                return Findings(entries);
            }
        }

        await connection.ExecuteAsync(Undo, cancellationToken);
        return null;
    }

    private static Finding[] Findings(IEnumerable<Entry> entries) => [.. entries.OrderBy(entry => entry.Place).Select(entry => entry.Finding)];

    /// <summary>
    /// The rows in the order in which every writer stores them, so that two never wait for each other in a circle. Their keys keep the order of the
    /// batch.
    /// </summary>
    private async Task<Entry[]> InOrderAsync(IReadOnlyList<InteractionRow> rows, CancellationToken cancellationToken)
    {
        Entry[] asGiven = [.. rows.Select((row, place) => new Entry(place, row))];
        Entry[] inOrder = [.. asGiven.Order(WriteOrder.Instance)];
        if (inOrder.SequenceEqual(asGiven))
        {
            return asGiven;
        }

        await using var draw = new NpgsqlBatch(connection)
        {
            BatchCommands =
            {
                new(Statements.WithoutJit),
                new(DrawKeys) { Parameters = { new() { Value = rows.Count } } },
            },
        };
        await draw.PrepareAsync(cancellationToken);
        await using var keys = await draw.ExecuteReaderAsync(cancellationToken);
        foreach (var entry in asGiven)
        {
            await keys.ReadAsync(cancellationToken);
            entry.Key = keys.GetInt64(0);
        }

        return inOrder;
    }

    /// <summary>Says whether all of them went in, and none of the items was deleted.</summary>
    private async Task<bool> InsertAsync(
        IEnumerable<NpgsqlBatchCommand> before,
        IReadOnlyCollection<NpgsqlBatchCommand> creations,
        IReadOnlyCollection<Entry> entries,
        CancellationToken cancellationToken
    )
    {
        NpgsqlBatchCommand[] insertions = [.. entries.Select(Insertion)];
        await using var batch = LookingUp(before, creations.Concat(insertions));
        await batch.PrepareAsync(cancellationToken);
        await batch.ExecuteNonQueryAsync(cancellationToken);
        return Array.TrueForAll(insertions, insertion => insertion.RecordsAffected == 1)
            && !creations.Any(command => command is { CommandText: FindDeleted, Rows: > 0 });
    }

    /// <summary>Finds out what is there of each: the user, the item, the interaction itself.</summary>
    private async Task FindAsync(IEnumerable<NpgsqlBatchCommand> before, IReadOnlyCollection<Entry> entries, CancellationToken cancellationToken)
    {
        if (entries.Count == 0)
        {
            return;
        }

        await using var batch = LookingUp(before, entries.Select(Search));
        await batch.PrepareAsync(cancellationToken);
        await using var reader = await batch.ExecuteReaderAsync(cancellationToken);
        foreach (var entry in entries)
        {
            await reader.ReadAsync(cancellationToken);
            entry.HasUser = reader.GetBoolean(0);
            entry.HasItem = reader.GetBoolean(1);
            entry.Finding =
                !reader.GetBoolean(2) ? Refusal(entry, isDeleted: reader.GetBoolean(4))
                : reader.GetBoolean(3) ? Finding.Conflict
                : Finding.Duplicate;
            await reader.NextResultAsync(cancellationToken);
        }
    }

    private Finding Refusal(Entry entry, bool isDeleted) =>
        (entry.HasUser || options.CreateUsers ? Finding.New : Finding.UnknownUser)
        | (
            isDeleted ? Finding.DeletedItem
            : entry.HasItem || options.CreateItems ? Finding.New
            : Finding.UnknownItem
        );

    /// <summary>What is to be stored: of an id that is not stored yet, the first that came.</summary>
    private static List<Entry> Fresh(IEnumerable<Entry> entries)
    {
        var seen = new HashSet<(string User, string Interaction)>();
        return
        [
            .. entries.Where(entry => entry.Finding is Finding.New && (entry.Row.InteractionId is not { } id || seen.Add((entry.Row.UserId, id)))),
        ];
    }

    private IEnumerable<NpgsqlBatchCommand> Creations(List<Entry> entries)
    {
        var users = InOrder(entries.Where(entry => !entry.HasUser).Select(entry => entry.Row.UserId));
        if (users.Length > 0)
        {
            yield return new(InsertUsers) { Parameters = { TextArray(users), Time(now) } };
        }

        var items = InOrder(entries.Where(entry => !entry.HasItem).Select(entry => entry.Row.ItemId));
        if (items.Length > 0)
        {
            yield return new(InsertItems) { Parameters = { TextArray(items), Time(now) } };
            yield return new(FindDeleted) { Parameters = { TextArray(items), Time(_deletionsAfter) } };
        }
    }

    private static string[] InOrder(IEnumerable<string> ids) => [.. ids.Distinct(StringComparer.Ordinal).Order(CollationC.Instance)];

    private NpgsqlBatch LookingUp(IEnumerable<NpgsqlBatchCommand> before, IEnumerable<NpgsqlBatchCommand> commands)
    {
        var batch = new NpgsqlBatch(connection);
        foreach (var command in before.Append(new(LookUp)).Concat(commands).Append(new(PlanAsBefore)))
        {
            batch.BatchCommands.Add(command);
        }

        return batch;
    }

    private NpgsqlBatchCommand Insertion(Entry entry)
    {
        var command = Command(InsertInteraction, entry);
        command.Parameters.Add(new() { Value = entry.Key ?? (object)DBNull.Value, NpgsqlDbType = NpgsqlDbType.Bigint });
        command.Parameters.Add(Time(now));
        return command;
    }

    private NpgsqlBatchCommand Search(Entry entry)
    {
        var command = Command(FindInteraction, entry);
        command.Parameters.Add(Time(_deletionsAfter));
        return command;
    }

    private static NpgsqlBatchCommand Command(string sql, Entry entry)
    {
        var command = new NpgsqlBatchCommand(sql);
        foreach (var column in InteractionColumns.All)
        {
            command.Parameters.Add(column.Parameter(entry.Row));
        }

        return command;
    }

    private static NpgsqlParameter TextArray(string[] values) => new() { Value = values, NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text };

    private static NpgsqlParameter Time(DateTimeOffset value) => new() { Value = value, NpgsqlDbType = NpgsqlDbType.TimestampTz };

    /// <summary>A row of the batch, and what is known of it.</summary>
    private sealed class Entry(int place, InteractionRow row)
    {
        public int Place => place;

        public InteractionRow Row => row;

        /// <summary>Null: it is drawn where the row is stored.</summary>
        public long? Key { get; set; }

        public bool HasUser { get; set; }

        public bool HasItem { get; set; }

        public Finding Finding { get; set; }
    }

    /// <summary>Rows with an id by user and id, behind those without, which nobody waits for.</summary>
    private sealed class WriteOrder : IComparer<Entry>
    {
        public static readonly WriteOrder Instance = new();

        public int Compare(Entry? x, Entry? y)
        {
            var (left, right) = (x!.Row, y!.Row);
            if (left.InteractionId is null || right.InteractionId is null)
            {
                return (left.InteractionId is null ? 0 : 1) - (right.InteractionId is null ? 0 : 1);
            }

            var users = CollationC.Instance.Compare(left.UserId, right.UserId);
            return users != 0 ? users : CollationC.Instance.Compare(left.InteractionId, right.InteractionId);
        }
    }
}
