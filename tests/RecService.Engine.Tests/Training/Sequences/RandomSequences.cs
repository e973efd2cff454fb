using RecService.Engine.Data;
using RecService.Engine.Data.Histories;
using RecService.Engine.Numerics;

namespace RecService.Engine.Tests.Training.Sequences;

/// <summary>Sequences for tests: users with attributes, items with or without tags, contexts, and columns of items as part of a history.</summary>
internal sealed class RandomSequences
{
    private const int Users = 6;
    private const int Contexts = 3;

    /// <param name="seed">Seed.</param>
    /// <param name="items">Number of items.</param>
    /// <param name="tags">Whether items have tags.</param>
    /// <param name="times">Whether events have times, some of them equal, and all of the first user's.</param>
    /// <param name="partial">Whether some events are history only, and some are no part of it.</param>
    /// <param name="length">Events of a user at most.</param>
    public RandomSequences(ulong seed, int items = 8, bool tags = true, bool times = false, bool partial = false, int length = 12)
    {
        var random = new RandomSource(seed);
        var builder = new FeatureIndexBuilder();
        EntityFeatures[] ofItems =
        [
            .. Enumerable
                .Range(0, items)
                .Select(item => EntityFeatures.Create($"i{item}", tags && item % 4 != 0 ? [$"t{item % 3}", .. item % 2 == 0 ? ["even"] : Array.Empty<string>()] : [], [])),
        ];
        EntityFeatures[] ofUsers = [.. Enumerable.Range(0, Users).Select(user => EntityFeatures.Create(null, [$"g{user % 2}"], []))];
        EntityFeatures[] ofContexts =
        [
            .. Enumerable.Range(0, Contexts).Select(context => EntityFeatures.Create(null, [], [new("device", FeatureValue.Of($"d{context}"))])),
        ];
        foreach (var item in ofItems)
        {
            builder.CountItem(item, 3);
        }

        foreach (var user in ofUsers)
        {
            builder.CountUser(user, 3);
        }

        foreach (var context in ofContexts)
        {
            builder.CountContext(context, 3);
        }

        (Space, Index) = builder.Build(1, history: true, repeat: true);
        var (starts, itemOf, contextOf) = (new List<int> { 0 }, new List<int>(), new List<int>());
        var (weights, historyWeights, targets, when) = (new List<float>(), new List<float>(), new List<float>(), new List<double>());
        for (var user = 0; user < Users; user++)
        {
            var time = 1e6;
            var count = user == 1 ? 1 : 2 + random.Below(length - 1);
            for (var e = 0; e < count; e++)
            {
                // Runs of the same item, and items that come again.
                itemOf.Add(e > 0 && random.Below(4) == 0 ? itemOf[^1] : random.Below(items));
                contextOf.Add(random.Below(Contexts));
                weights.Add(partial && random.Below(4) == 0 ? 0 : 0.5f + random.Below(3));
                historyWeights.Add(partial && random.Below(4) == 0 ? 0 : 0.5f + random.Below(3));
                targets.Add(random.Below(5) - 1.5f);
                time += user == 0 || random.Below(3) == 0 ? 0 : random.Below(1000);
                when.Add(time);
            }

            starts.Add(itemOf.Count);
        }

        weights[0] = 1;
        Set = new()
        {
            Users = Rows(ofUsers, Index.AppendUser),
            Items = Rows(ofItems, Index.AppendItem),
            Roles = ItemRoles.Of(Index, ofItems),
            Contexts = Rows(ofContexts, Index.AppendContext),
            Starts = [.. starts],
            UserOf = [.. Enumerable.Range(0, Users)],
            ItemOf = [.. itemOf],
            ContextOf = [.. contextOf],
            Weights = [.. weights],
            HistoryWeights = [.. historyWeights],
            Targets = [.. targets],
            Times = times ? [.. when] : null,
        };
    }

    public FeatureSpace Space { get; }

    public FeatureIndex Index { get; }

    public SequenceSet Set { get; }

    public static SparseRows Rows(IEnumerable<EntityFeatures> entities, Action<EntityFeatures, RowBuffer> append)
    {
        var (rows, row) = (new SparseRowsBuilder(), new RowBuffer());
        foreach (var entity in entities)
        {
            row.Clear();
            append(entity, row);
            rows.AddRow(row.Row);
        }

        return rows.Build();
    }

    /// <summary>The events before one, as a request has them.</summary>
    public static HistoryEvent[] EventsBefore(SequenceSet set, int sequence, int e) =>
        [
            .. Enumerable
                .Range(set.Starts[sequence], e - set.Starts[sequence])
                .Select(earlier => new HistoryEvent(set.ItemOf[earlier], set.HistoryWeightOf(earlier), set.Times is null ? earlier : set.Times[earlier])),
        ];
}
