using System.Runtime.InteropServices;
using System.Text;
using Npgsql;
using RecService.Api.Storage;
using RecService.Api.Telemetry;
using RecService.Engine.Data;
using IsolationLevel = System.Data.IsolationLevel;

namespace RecService.Api.Training;

/// <summary>Streams a consistent cut-off of the store into memory by binary COPY.</summary>
internal sealed class CutoffReader(NpgsqlDataSource database)
{
    public async Task<Cutoff> ReadAsync(TrainingOptions options, CancellationToken cancellationToken)
    {
        using var span = Spans.Start("read");
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        // Repeatable read: users, items, interactions and the snapshot's name all come from one moment.
        await using var transaction = await connection.BeginTransactionAsync(IsolationLevel.RepeatableRead, cancellationToken);
        var (at, snapshot, databaseId) = await CutoffAsync(connection, cancellationToken);
        var erasureHorizon = await Erasures.HorizonAsync(connection, cancellationToken);
        var (users, userIndex) = await EntitiesAsync(
            connection,
            "SELECT user_key, user_id, tags, attributes::text FROM users ORDER BY user_id",
            cancellationToken
        );
        var (items, itemIndex) = await EntitiesAsync(
            connection,
            "SELECT item_key, item_id, tags, attributes::text FROM items ORDER BY item_id",
            cancellationToken
        );
        var contexts = new ContextTable();
        var (ranges, typical) = await ValuesAsync(connection, options, cancellationToken);
        var rows = new RowCollector(options.Objective, options.Types, options.Saturation, options.UserShare, ranges, typical);
        var types = await InteractionsAsync(connection, userIndex, itemIndex, contexts, rows, cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        var ordered = rows.Rows(contexts.Order());
        return new()
        {
            Users = users,
            Items = items,
            Contexts = contexts.InOrder(),
            Rows = ordered,
            Types = types,
            ValueRanges = ranges,
            TypicalValues = typical,
            Dislikes = rows.Dislikes(),
            Dropped = rows.Dropped,
            At = at,
            ErasureHorizon = erasureHorizon,
            DatabaseSnapshot = snapshot,
            DatabaseId = databaseId,
        };
    }

    public async Task<bool> AnyInteractionAsync(CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return await connection.ScalarAsync<bool>("SELECT EXISTS (SELECT FROM interactions)", cancellationToken);
    }

    /// <summary>Whether users, items or interactions have changed since a former run's cut-off.</summary>
    public async Task<bool> HasChangedSinceAsync(string cutoffSnapshot, string databaseId, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return await connection.ScalarAsync<string>("SELECT system_identifier::text FROM pg_control_system()", cancellationToken) != databaseId
            || await ChangeLog.HasChangedSinceAsync(
                connection,
                cutoffSnapshot,
                [ChangeLog.Users, ChangeLog.Items, ChangeLog.Interactions],
                cancellationToken
            );
    }

    private static async Task<(DateTimeOffset At, string Snapshot, string DatabaseId)> CutoffAsync(
        NpgsqlConnection connection,
        CancellationToken cancellationToken
    )
    {
        await using var command = new NpgsqlCommand(
            "SELECT now(), pg_current_snapshot()::text, (SELECT system_identifier::text FROM pg_control_system())",
            connection
        );
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        return (reader.GetFieldValue<DateTimeOffset>(0), reader.GetString(1), reader.GetString(2));
    }

    private static async Task<(EntityList Entities, Dictionary<long, int> Index)> EntitiesAsync(
        NpgsqlConnection connection,
        string query,
        CancellationToken cancellationToken
    )
    {
        var entities = new EntityList();
        var index = new Dictionary<long, int>();
        await using var rows = await CopyRows.BeginAsync(connection, query, columns: 4, cancellationToken);
        while (await rows.FillAsync(cancellationToken))
        {
            while (rows.Next())
            {
                index.Add(rows.Int64(0), entities.Count);
                entities.Add(rows.Bytes(1), rows.Texts(2), rows.Bytes(3));
            }
        }

        return (entities, index);
    }

    /// <summary>
    /// The ranges that the settings give, and those that the values tell where the settings do not and values matter; and what is typical where weights go
    /// by it.
    /// </summary>
    private static async Task<(Dictionary<string, ValueRange> Ranges, Dictionary<string, double> Typical)> ValuesAsync(
        NpgsqlConnection connection,
        TrainingOptions options,
        CancellationToken cancellationToken
    )
    {
        var values = options
            .Types.Where(type =>
                type.Value.WeighsByValue(options.Objective)
                || (type.Value.GoesByValue(options.Objective) && (type.Value.Minimum is null || type.Value.Maximum is null))
            )
            .ToDictionary(type => type.Key, _ => new NumberCounts(), StringComparer.OrdinalIgnoreCase);
        if (values.Count > 0)
        {
            await using var command = new NpgsqlCommand(
                "SELECT lower(type), value, count(*) FROM interactions WHERE value IS NOT NULL AND lower(type) = ANY ($1) GROUP BY 1, 2",
                connection
            )
            {
                // As long as the interactions take; the caller's token ends it.
                CommandTimeout = 0,
                Parameters = { new() { Value = values.Keys.Select(type => type.ToLowerInvariant()).ToArray() } },
            };
            await using var reader = await command.ExecuteReaderAsync(cancellationToken);
            while (await reader.ReadAsync(cancellationToken))
            {
                values[reader.GetString(0)].Add(reader.GetDouble(1), reader.GetInt64(2));
            }
        }

        var ranges = new Dictionary<string, ValueRange>(StringComparer.OrdinalIgnoreCase);
        var typical = new Dictionary<string, double>(StringComparer.OrdinalIgnoreCase);
        foreach (var (type, settings) in options.Types)
        {
            var inferred = values.TryGetValue(type, out var known) ? ValueRange.Of(known) : ValueRange.Any;
            var range = new ValueRange(settings.Minimum ?? inferred.Minimum, settings.Maximum ?? inferred.Maximum);
            if (range != ValueRange.Any)
            {
                ranges.Add(type, range);
            }

            if (settings.WeighsByValue(options.Objective))
            {
                var meaning = settings.ToMeaning(type, range, typicalValue: null);
                typical.Add(type, known?.MedianOf(value => value > 0 && meaning.IsPositive(value)) ?? 1);
            }
        }

        return (ranges, typical);
    }

    /// <summary>Reads all interactions; returns their types.</summary>
    private static async Task<IReadOnlyCollection<string>> InteractionsAsync(
        NpgsqlConnection connection,
        Dictionary<long, int> users,
        Dictionary<long, int> items,
        ContextTable contexts,
        RowCollector rows,
        CancellationToken cancellationToken
    )
    {
        await using var stored = await CopyRows.BeginAsync(
            connection,
            "SELECT user_key, item_key, type, value, occurred_at, interaction_key, tags, context::text FROM interactions",
            columns: 8,
            cancellationToken
        );
        var types = new TypeTable();
        while (await stored.FillAsync(cancellationToken))
        {
            while (stored.Next())
            {
                rows.Add(
                    users[stored.Int64(0)],
                    items[stored.Int64(1)],
                    contexts.Intern(stored.Texts(6), stored.Bytes(7)),
                    types.Intern(stored.Bytes(2)),
                    stored.NullableDouble(3),
                    stored.Seconds(4),
                    stored.Int64(5)
                );
            }
        }

        return types.Types;
    }

    /// <summary>The types of the interactions; there are few, and most interactions have the type of the one before.</summary>
    private sealed class TypeTable
    {
        private readonly Dictionary<string, string> _types = new(StringComparer.Ordinal);
        private byte[] _lastBytes = [];
        private string _last = "";

        public IReadOnlyCollection<string> Types => _types.Keys;

        public string Intern(ReadOnlySpan<byte> type)
        {
            if (!type.SequenceEqual(_lastBytes))
            {
                _lastBytes = type.ToArray();
                var text = Encoding.UTF8.GetString(type);
                ref var known = ref CollectionsMarshal.GetValueRefOrAddDefault(_types, text, out _);
                _last = known ??= text;
            }

            return _last;
        }
    }

    /// <summary>The distinct contexts of the interactions; most interactions share a few.</summary>
    private sealed class ContextTable
    {
        private readonly Dictionary<string, int> _indices = new(StringComparer.Ordinal) { [""] = 0 };
        private readonly List<(string Key, EntityFeatures Features)> _contexts = [("", EntityFeatures.None)];
        private byte[] _lastJson = [];
        private int _lastIndex;

        public int Intern(string[] tags, ReadOnlySpan<byte> json)
        {
            if (tags.Length == 0 && json.SequenceEqual("{}"u8))
            {
                return 0;
            }

            if (tags.Length == 0 && json.SequenceEqual(_lastJson))
            {
                return _lastIndex;
            }

            var text = Encoding.UTF8.GetString(json);
            // Neither tags nor JSON hold control characters, so a key means one context.
            var key = tags.Length == 0 ? text : $"{text}\n{string.Join('\n', tags)}";
            ref var index = ref CollectionsMarshal.GetValueRefOrAddDefault(_indices, key, out var exists);
            if (!exists)
            {
                index = _contexts.Count;
                _contexts.Add((key, EntityFeatures.FromJson(null, tags, text)));
            }

            if (tags.Length == 0)
            {
                (_lastJson, _lastIndex) = (json.ToArray(), index);
            }

            return index;
        }

        /// <summary>The place of each context in an order that does not depend on the order of the rows.</summary>
        public int[] Order()
        {
            var places = new int[_contexts.Count];
            var place = 0;
            foreach (var context in Sorted())
            {
                places[context] = place++;
            }

            return places;
        }

        /// <summary>The contexts in that order.</summary>
        public List<EntityFeatures> InOrder() => [.. Sorted().Select(context => _contexts[context].Features)];

        private IEnumerable<int> Sorted() => Enumerable.Range(0, _contexts.Count).OrderBy(context => _contexts[context].Key, StringComparer.Ordinal);
    }
}
