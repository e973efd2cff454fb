using RecService.Engine.Data;
using RecService.Engine.Model;

namespace RecService.Engine.Training;

public readonly record struct EpochReport(int Epoch, double TrainLoss, double? HoldoutLoss, TimeSpan Elapsed);
public sealed record TrainingResult(FactorizationModel Model, int BestEpoch, IReadOnlyList<EpochReport> Epochs);

public sealed class Trainer(TrainingSettings settings)
{
    public TrainingResult Train(FeatureSpace space, ExampleSet train, ExampleSet? holdout = null, NegativeSampling? negatives = null, FeatureIndex? features = null,
        Action<EpochReport>? progress = null, CancellationToken cancellationToken = default)
    {
        var k = settings.Factors; var stride = FactorizationModel.StrideOf(k);
        var rnd = new Random((int)settings.Seed);
        var w = new float[space.ColumnCount]; var gw = new float[space.ColumnCount];
        var v = new float[space.FactorCount * stride]; var gv = new float[v.Length];
        for (var i = 0; i < space.FactorCount; i++) for (var d = 0; d < k; d++) v[i * stride + d] = (float)((rnd.NextDouble() - 0.5) * 3.4 * settings.InitialDeviation);
        var min = train.Targets.Min(); var max = train.Targets.Max();
        var mean = train.Targets.Average();
        var bias = settings.Loss == Loss.Logistic ? 0 : mean; var gb = 0f;
        FactorizationModel Snap() => new(space, settings.Interaction, settings.Loss, k, bias, (float[])w.Clone(), (float[])v.Clone(), settings.Loss == Loss.Logistic ? 0 : min, settings.Loss == Loss.Logistic ? 1 : max, features);
        var pooled = new float[space.FieldCount * k]; var S = new float[k];
        double Step(SparseRow row, float target, float weight, bool learn)
        {
            Array.Clear(pooled); Array.Clear(S);
            var y = bias;
            for (var e = 0; e < row.Length; e++)
            {
                var c = row.Columns[e]; var x = row.ValueAt(e); y += w[c] * x; var o = space.FactorOf(c) * stride; var f = space.ColumnFields[c] * k;
                for (var d = 0; d < k; d++) { pooled[f + d] += x * v[o + d]; S[d] += x * v[o + d]; }
            }
            for (var d = 0; d < k; d++) { var q = 0f; for (var f = 0; f < space.FieldCount; f++) q += pooled[f * k + d] * pooled[f * k + d]; y += 0.5f * (S[d] * S[d] - q); }
            float g; double loss;
            if (settings.Loss == Loss.Squared) { g = y - target; if (!learn) g = Math.Clamp(y, min, max) - target; loss = g * (double)g; }
            else { var p = 1 / (1 + MathF.Exp(-y)); g = p - target; loss = -Math.Log(Math.Max(1e-7, target > 0 ? p : 1 - p)); }
            if (!learn) return loss;
            g *= weight; var lr = settings.LearningRate;
            gb += g * g; bias -= lr * g / MathF.Sqrt(gb + 1e-8f);
            for (var e = 0; e < row.Length; e++)
            {
                var c = row.Columns[e]; var x = row.ValueAt(e); var o = space.FactorOf(c) * stride; var f = space.ColumnFields[c] * k;
                var q = g * x + settings.L2Linear * w[c]; gw[c] += q * q; w[c] -= lr * q / MathF.Sqrt(gw[c] + 1e-8f);
                for (var d = 0; d < k; d++) { var z = g * x * (S[d] - pooled[f + d]) + settings.L2Factors * v[o + d]; gv[o + d] += z * z; v[o + d] -= lr * z / MathF.Sqrt(gv[o + d] + 1e-8f); }
            }
            return loss;
        }
        var buffer = new RowBuffer(); var joined = new RowBuffer();
        var order = Enumerable.Range(0, train.Count).ToArray();
        var reports = new List<EpochReport>(); FactorizationModel? best = null; var bestLoss = double.MaxValue; var bestEpoch = 0;
        for (var epoch = 1; epoch <= settings.Epochs; epoch++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var start = System.Diagnostics.Stopwatch.GetTimestamp();
            rnd.Shuffle(order);
            double loss = 0; long n = 0;
            foreach (var i in order)
            {
                loss += Step(train.Gather(i, buffer), train.Targets[i], train.WeightOf(i), true); n++;
                for (var s = 0; s < negatives?.PerPositive; s++)
                {
                    var item = rnd.Next(train.Blocks[negatives.ItemBlock].Count);
                    if (negatives.Positives.Contains(train.RowOf(negatives.UserBlock, i), item)) continue;
                    joined.Clear();
                    for (var b = 0; b < train.Blocks.Count; b++) joined.Append(train.Blocks[b][b == negatives.ItemBlock ? item : train.RowOf(b, i)]);
                    loss += Step(joined.Row, 0, train.WeightOf(i), true); n++;
                }
            }
            double? h = null;
            if (holdout is not null) { h = Enumerable.Range(0, holdout.Count).Average(i => Step(holdout.Gather(i, buffer), holdout.Targets[i], 1, false)); }
            var report = new EpochReport(epoch, loss / n, h, System.Diagnostics.Stopwatch.GetElapsedTime(start));
            reports.Add(report); progress?.Invoke(report);
            if (h is null) { bestEpoch = epoch; continue; }
            if (h < bestLoss) { bestLoss = h.Value; best = Snap(); bestEpoch = epoch; }
            else if (epoch - bestEpoch >= settings.Patience) break;
        }
        return new(best ?? Snap(), bestEpoch, reports);
    }
}
