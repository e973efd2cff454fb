using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace RecService.Engine.Losses;

/// <summary>Scored rows: what a loss reads of them.</summary>
/// <param name="scores">The score of each row.</param>
/// <param name="targets">Its target; not read by a loss of pairs.</param>
/// <param name="weights">Its weight; null when all are 1.</param>
/// <param name="count">Number of rows.</param>
internal readonly unsafe struct ScoredRows(float* scores, float* targets, float* weights, int count)
{
    public readonly float* Scores = scores;
    public readonly float* Targets = targets;
    public readonly float* Weights = weights;
    public readonly int Count = count;
}

/// <summary>A loss, as those see it who do not care which: <see cref="LossNames.Function"/> of each.</summary>
public abstract unsafe class LossFunction
{
    private protected LossFunction() { }

    /// <summary>What commands and reports call it.</summary>
    public abstract string Word { get; }

    /// <summary>What rows it is of.</summary>
    public abstract LossRows Rows { get; }

    /// <summary>What a prediction is.</summary>
    public abstract PredictionKind Predicts { get; }

    /// <summary>Negatives to draw for each positive unless somebody says how many; null for a loss that is not for positives alone.</summary>
    public abstract int? DefaultNegatives { get; }

    /// <summary>Settings to start from.</summary>
    public abstract LossDefaults Defaults { get; }

    /// <summary>What <see cref="Reported"/> is called, such as RMSE.</summary>
    public abstract string FigureName { get; }

    /// <summary>A mean loss, in units of the targets or their squares, as it is reported: of squared loss its root.</summary>
    public abstract double Reported(double mean);

    /// <summary>What a score predicts: a target within the range of the training targets, a probability, or the score.</summary>
    /// <param name="score">The score.</param>
    /// <param name="minimum">Smallest training target.</param>
    /// <param name="maximum">Largest training target.</param>
    public abstract float Predict(float score, float minimum, float maximum);

    /// <summary>The scale on which targets are learned.</summary>
    internal abstract TargetScale ScaleOf(ReadOnlySpan<float> targets, ReadOnlySpan<float> weights);

    /// <summary>The bias that is best without any feature, on that scale.</summary>
    internal abstract float InitialBias(ReadOnlySpan<float> targets, ReadOnlySpan<float> weights, float negativesPerPositive);

    /// <summary>The loss of blocks of rows that share their negatives.</summary>
    internal abstract BlockLoss OfBlocks { get; }

    /// <summary>∂L/∂y of rows times their weights.</summary>
    /// <param name="rows">The rows, with scores without the bias.</param>
    /// <param name="bias">w0.</param>
    /// <param name="biased">Receives the scores with the bias; may be those of the rows, or null.</param>
    /// <param name="slopes">Receives the slopes.</param>
    internal abstract void Slopes(ScoredRows rows, float bias, float* biased, float* slopes);

    /// <summary>Σ weight · loss and Σ weight of rows.</summary>
    /// <param name="rows">The rows.</param>
    /// <param name="minimum">Scores are taken to be at least this much; of pairs they are taken as they are.</param>
    /// <param name="maximum">And at most this much.</param>
    internal abstract (double Loss, double Weight) Sum(ScoredRows rows, float minimum, float maximum);

    /// <summary>Σ (weight · (loss − loss by a constant score))² of rows; 0 of pairs, which no constant tells apart.</summary>
    /// <param name="rows">The rows.</param>
    /// <param name="minimum">Scores are taken to be at least this much.</param>
    /// <param name="maximum">And at most this much.</param>
    /// <param name="constant">The constant, taken as it is.</param>
    internal virtual double SquaredGains(ScoredRows rows, float minimum, float maximum, float constant) => 0;
}

/// <summary>What a type of loss says, as an object.</summary>
internal abstract class LossFunction<TLoss> : LossFunction
    where TLoss : struct, ILoss, IBlockLoss
{
    internal override BlockLoss OfBlocks => BlockLoss<TLoss>.Instance;

    public override string Word => TLoss.Word;

    public override PredictionKind Predicts => TLoss.Predicts;

    public override int? DefaultNegatives => TLoss.DefaultNegatives;

    public override LossDefaults Defaults => TLoss.Defaults;

    public override string FigureName => TLoss.FigureName;

    public override double Reported(double mean) => TLoss.Reported(mean);

    public override float Predict(float score, float minimum, float maximum) => TLoss.Predict(score, minimum, maximum);

    internal override TargetScale ScaleOf(ReadOnlySpan<float> targets, ReadOnlySpan<float> weights) => TLoss.ScaleOf(targets, weights);

    internal override float InitialBias(ReadOnlySpan<float> targets, ReadOnlySpan<float> weights, float negativesPerPositive) =>
        TLoss.InitialBias(targets, weights, negativesPerPositive);
}

/// <summary>The loops over single rows.</summary>
internal sealed unsafe class RowLossFunction<TLoss> : LossFunction<TLoss>
    where TLoss : struct, IRowLoss, IBlockLoss
{
    public static RowLossFunction<TLoss> Instance { get; } = new();

    public override LossRows Rows => LossRows.Singles;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal override void Slopes(ScoredRows rows, float bias, float* biased, float* slopes)
    {
        var n = 0;
        for (; n + Vector256<float>.Count <= rows.Count && Vector256.IsHardwareAccelerated; n += Vector256<float>.Count)
        {
            var score = Vector256.Load(rows.Scores + n) + Vector256.Create(bias);
            if (biased is not null)
            {
                score.Store(biased + n);
            }

            var slope = TLoss.Slope(score, Vector256.Load(rows.Targets + n));
            (rows.Weights is null ? slope : slope * Vector256.Load(rows.Weights + n)).Store(slopes + n);
        }

        for (; n < rows.Count; n++)
        {
            var score = rows.Scores[n] + bias;
            if (biased is not null)
            {
                biased[n] = score;
            }

            slopes[n] = TLoss.Slope(score, rows.Targets[n]) * (rows.Weights is null ? 1 : rows.Weights[n]);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal override (double Loss, double Weight) Sum(ScoredRows rows, float minimum, float maximum)
    {
        var (sum, total) = (0.0, 0.0);
        var n = 0;
        if (Vector256.IsHardwareAccelerated)
        {
            // Partial sums in single precision are of a batch, not of all examples.
            var (lanes, laneWeights) = (Vector256<float>.Zero, Vector256<float>.Zero);
            for (; n + Vector256<float>.Count <= rows.Count; n += Vector256<float>.Count)
            {
                var score = Vector256.Min(Vector256.Max(Vector256.Load(rows.Scores + n), Vector256.Create(minimum)), Vector256.Create(maximum));
                var weight = rows.Weights is null ? Vector256<float>.One : Vector256.Load(rows.Weights + n);
                lanes += weight * TLoss.Value(score, Vector256.Load(rows.Targets + n));
                laneWeights += weight;
            }

            (sum, total) = (Vector256.Sum(lanes), Vector256.Sum(laneWeights));
        }

        for (; n < rows.Count; n++)
        {
            var weight = rows.Weights is null ? 1 : rows.Weights[n];
            sum += weight * TLoss.Value(Math.Clamp(rows.Scores[n], minimum, maximum), rows.Targets[n]);
            total += weight;
        }

        return (sum, total);
    }

    internal override double SquaredGains(ScoredRows rows, float minimum, float maximum, float constant)
    {
        var sum = 0.0;
        for (var n = 0; n < rows.Count; n++)
        {
            var gain = TLoss.Value(Math.Clamp(rows.Scores[n], minimum, maximum), rows.Targets[n]) - TLoss.Value(constant, rows.Targets[n]);
            var weighted = (double)gain * (rows.Weights is null ? 1 : rows.Weights[n]);
            sum += weighted * weighted;
        }

        return sum;
    }
}

/// <summary>The loops over pairs of rows, a positive followed by its negative; the weight of a pair is that of the positive.</summary>
internal sealed unsafe class PairLossFunction<TLoss> : LossFunction<TLoss>
    where TLoss : struct, IPairLoss, IBlockLoss
{
    public static PairLossFunction<TLoss> Instance { get; } = new();

    public override LossRows Rows => LossRows.Pairs;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal override void Slopes(ScoredRows rows, float bias, float* biased, float* slopes)
    {
        if (biased is not null)
        {
            new Span<float>(rows.Scores, rows.Count).CopyTo(new(biased, rows.Count));
        }

        for (var n = 0; n + 1 < rows.Count; n += 2)
        {
            slopes[n] = TLoss.Slope(rows.Scores[n] - rows.Scores[n + 1]) * (rows.Weights is null ? 1 : rows.Weights[n]);
            slopes[n + 1] = -slopes[n];
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal override (double Loss, double Weight) Sum(ScoredRows rows, float minimum, float maximum)
    {
        var (sum, total) = (0.0, 0.0);
        for (var n = 0; n + 1 < rows.Count; n += 2)
        {
            var weight = rows.Weights is null ? 1 : rows.Weights[n];
            sum += weight * TLoss.Value(rows.Scores[n] - rows.Scores[n + 1]);
            total += weight;
        }

        return (sum, total);
    }
}

/// <summary>A loss that rows one by one have not.</summary>
internal sealed unsafe class BlockLossFunction<TLoss> : LossFunction<TLoss>
    where TLoss : struct, ILoss, IBlockLoss
{
    public static BlockLossFunction<TLoss> Instance { get; } = new();

    public override LossRows Rows => LossRows.Blocks;

    internal override void Slopes(ScoredRows rows, float bias, float* biased, float* slopes) => throw NotOfRows();

    internal override (double Loss, double Weight) Sum(ScoredRows rows, float minimum, float maximum) => throw NotOfRows();

    private static NotSupportedException NotOfRows() => new($"The loss '{TLoss.Word}' is of blocks of rows.");
}
