using RecService.Engine.Kernels;
using RecService.Engine.Kernels.Rows;
using RecService.Engine.Losses;
using RecService.Engine.Training.Parameters;
using RecService.Engine.Training.Threads;

namespace RecService.Engine.Training.Passes;

/// <summary>Measures the loss of all examples without learning, and how sure its distance to that of a constant score is.</summary>
internal sealed unsafe class MeasuringPass(
    TrainingRows rows,
    ParameterTable table,
    TrainingSettings settings,
    TargetScale scale,
    RowScorer scorer,
    WorkerTeam team,
    float constant
)
    : ExamplePass(rows, settings, scale, table.Stride, team, new SharedQueue(rows.Count, BatchExamplesOf(rows, BatchRows)), 0, clips: true, _ => new())
{
    private const int BatchRows = 1024;

    private readonly double[] _squaredGains = new double[team.Size];

    /// <summary>The weighted mean loss by the constant, in units of the targets.</summary>
    public double ConstantLoss { get; } = scale.LossOf(rows.LossOf(settings.Loss.Function(), constant));

    /// <summary>The weighted mean loss in units of the targets, scores limited to the range of the training targets; and the standard error of its distance to <see cref="ConstantLoss"/>.</summary>
    public (double Loss, double GainError) Measure(CancellationToken cancellationToken)
    {
        Array.Clear(_squaredGains);
        var loss = Run(null, cancellationToken);
        var gain = (loss - ConstantLoss) * Rows.Weight;
        var squares = Scale.LossOf(Scale.LossOf(_squaredGains.Sum()));
        return (loss, Math.Sqrt(Math.Max(0, squares - (gain * gain / Rows.Count))) / Rows.Weight);
    }

    protected override void Do(int thread, in RowBatch batch, float* scratch, float* scores)
    {
        var tables = table.Shared with { FetchAhead = RowBatch.Lookahead };
        scorer.Score(batch, tables, scratch, scores);
        _squaredGains[thread] += Loss.SquaredGains(
            new(scores, batch.Targets, batch.Weights, batch.Count),
            Scale.LeastScore,
            Scale.GreatestScore,
            constant
        );
    }
}
