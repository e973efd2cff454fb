using RecService.Engine.Data;
using RecService.Engine.Model;

namespace RecService.Engine.Scoring;

public readonly record struct RankedItem(int Item, float Score);

public sealed class ItemRanker(FactorizationModel model, SparseRows itemRows)
{
    private readonly Scorer _scorer = new(model);
    public int Count => itemRows.Count;

    public RankedItem[] Top(SparseRow request, int count, ReadOnlySpan<bool> excluded = default)
    {
        var all = new List<RankedItem>();
        for (var i = 0; i < Count; i++)
            if (excluded.IsEmpty || !excluded[i]) all.Add(new(i, Score(request, i)));
        return [.. all.OrderByDescending(r => r.Score).ThenBy(r => r.Item).Take(count)];
    }

    public float Score(SparseRow request, int item)
    {
        var b = new RowBuffer();
        b.Append(request);
        b.Append(itemRows[item]);
        return _scorer.Score(b.Row);
    }

    public RankedItem[] Similar(int item, int count)
    {
        float[] V(int i)
        {
            var v = new float[model.Factors];
            var row = itemRows[i];
            for (var e = 0; e < row.Length; e++)
                for (var d = 0; d < v.Length; d++) v[d] += row.ValueAt(e) * model.FactorsOf(row.Columns[e])[d];
            return v;
        }
        var a = V(item);
        float Cos(float[] b) => (float)(a.Zip(b, (x, y) => (double)x * y).Sum() / Math.Sqrt(1e-30 + a.Sum(x => (double)x * x) * b.Sum(x => (double)x * x)));
        return [.. Enumerable.Range(0, Count).Where(i => i != item).Select(i => new RankedItem(i, Cos(V(i)))).OrderByDescending(r => r.Score).ThenBy(r => r.Item).Take(count)];
    }
}
