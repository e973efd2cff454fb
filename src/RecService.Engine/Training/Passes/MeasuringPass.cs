using RecService.Engine.Kernels;
using RecService.Engine.Kernels.Rows;
using RecService.Engine.Losses;
using RecService.Engine.Training.Parameters;
using RecService.Engine.Training.Threads;

namespace RecService.Engine.Training.Passes;

/// <summary>Measures the loss of all examples without learning.</summary>
internal sealed unsafe class MeasuringPass(
    TrainingRows rows,
    ParameterTable table,
    TrainingSettings settings,
    TargetScale scale,
    RowScorer scorer,
    WorkerTeam team
)
    : ExamplePass(rows, settings, scale, table.Stride, team, new SharedQueue(rows.Count, BatchExamplesOf(rows, BatchRows)), 0, clips: true, _ => new())
{
    private const int BatchRows = 1024;

    /// <summary>The weighted mean loss, scores limited to the range of the training targets.</summary>
    public double Measure(CancellationToken cancellationToken) => Run(null, cancellationToken);

    protected override void Do(int thread, in RowBatch batch, float* scratch, float* scores)
    {
        var tables = table.Shared with { FetchAhead = RowBatch.Lookahead };
        scorer.Score(batch, tables, scratch, scores);
    }
}
