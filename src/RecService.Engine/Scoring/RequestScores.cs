using RecService.Engine.Data;

namespace RecService.Engine.Scoring;

/// <summary>The scores of items for a request, as <see cref="Scorer.Score(SparseRow)"/> has them of the joined rows.</summary>
/// <param name="scorer">The model.</param>
/// <param name="itemRows">The columns of each item.</param>
/// <param name="repeatRows">The columns of its coming again; null when there are none.</param>
/// <param name="request">The request's columns.</param>
/// <param name="repeats">The value of each item that comes again; null when none does.</param>
/// <param name="sharesFields">Whether the request has fields that items have, and their entries do not cross.</param>
internal sealed class RequestScores(
    Scorer scorer,
    RowChunks itemRows,
    RowChunks? repeatRows,
    RowBuffer request,
    Dictionary<int, float>? repeats,
    bool sharesFields
) : IItemScores
{
    private readonly RowBuffer _joined = new();

    public void Score(Span<RankedItem> items)
    {
        var model = scorer.Model;
        var workspace = scorer.Rent();
        if (!sharesFields)
        {
            workspace.Begin(request.Row, model.Weights, model.FactorTable);
        }

        foreach (ref var ranked in items)
        {
            var (item, value) = (ranked.Item, repeats?.GetValueOrDefault(ranked.Item) ?? 0);
            float linear;
            var cross = sharesFields
                ? workspace.Forward(Join(item, value), model.Weights, model.FactorTable, out linear, model.FieldWeights)
                : workspace.Join(
                    itemRows[item],
                    value > 0 && repeatRows is not null ? repeatRows[item] : default,
                    value,
                    model.Weights,
                    model.FactorTable,
                    out linear,
                    model.FieldWeights
                );
            ranked = new(item, model.Bias + linear + cross);
        }

        scorer.Return(workspace);
    }

    private SparseRow Join(int item, float repeatValue)
    {
        _joined.Clear();
        _joined.Append(request.Row);
        AppendItem(_joined, itemRows, repeatRows, item, repeatValue);
        return _joined.Row;
    }

    /// <summary>Appends the columns of an item and of its coming again to those of a request.</summary>
    public static void AppendItem(RowBuffer joined, RowChunks itemRows, RowChunks? repeatRows, int item, float repeatValue)
    {
        joined.Append(itemRows[item]);
        if (repeatValue > 0 && repeatRows is not null)
        {
            var repeat = repeatRows[item];
            for (var e = 0; e < repeat.Length; e++)
            {
                joined.Add(repeat.Columns[e], repeatValue * repeat.ValueAt(e));
            }
        }
    }
}
