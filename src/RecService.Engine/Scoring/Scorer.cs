using RecService.Engine.Data;
using RecService.Engine.Model;

namespace RecService.Engine.Scoring;

public sealed class Scorer(FactorizationModel model)
{
    public FactorizationModel Model { get; } = model;

    public float Score(SparseRow row)
    {
        var cross = new float[Model.Factors];
        var pooled = new float[Model.Space.FieldCount * Model.Factors];
        CrossFeatures(row, cross, pooled, out _, out var score);
        return score;
    }

    public void CrossFeatures(SparseRow row, Span<float> cross, Span<float> pooled, out float linear, out float score)
    {
        var k = Model.Factors;
        pooled.Clear();
        linear = 0;
        for (var e = 0; e < row.Length; e++)
        {
            var c = row.Columns[e];
            var x = row.ValueAt(e);
            linear += Model.Weights[c] * x;
            var v = Model.FactorsOf(c);
            var f = Model.Space.ColumnFields[c];
            for (var d = 0; d < k; d++) pooled[f * k + d] += x * v[d];
        }
        var total = 0f;
        for (var d = 0; d < k; d++)
        {
            float s = 0, q = 0;
            for (var f = 0; f < Model.Space.FieldCount; f++) { s += pooled[f * k + d]; q += pooled[f * k + d] * pooled[f * k + d]; }
            cross[d] = 0.5f * (s * s - q);
            total += cross[d];
        }
        score = Model.Bias + linear + total;
    }

    public ScoreExplanation Explain(SparseRow row)
    {
        var k = Model.Factors;
        var cross = new float[k];
        var pooled = new float[Model.Space.FieldCount * k];
        CrossFeatures(row, cross, pooled, out _, out var score);
        var lin = new float[Model.Space.FieldCount];
        for (var e = 0; e < row.Length; e++) lin[Model.Space.ColumnFields[row.Columns[e]]] += Model.Weights[row.Columns[e]] * row.ValueAt(e);
        var pairs = new List<PairContribution>();
        for (var f = 0; f < lin.Length; f++)
            for (var g = f + 1; g < lin.Length; g++)
            {
                var dot = 0f;
                for (var d = 0; d < k; d++) dot += pooled[f * k + d] * pooled[g * k + d];
                if (dot != 0) pairs.Add(new(Model.Space.Fields[f], Model.Space.Fields[g], dot));
            }
        return new(score, Model.Bias, [.. lin.Select((v, f) => new FieldContribution(Model.Space.Fields[f], v))], pairs);
    }
}

public sealed record ScoreExplanation(float Score, float Bias, IReadOnlyList<FieldContribution> Linear, IReadOnlyList<PairContribution> Pairs);
public readonly record struct FieldContribution(string Field, float Value);
public readonly record struct PairContribution(string FieldA, string FieldB, float Value);
