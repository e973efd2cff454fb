using RecService.Engine.Kernels;
using RecService.Engine.Kernels.Rows;
using RecService.Engine.Losses;
using RecService.Engine.Numerics;
using RecService.Engine.Training.Threads;

namespace RecService.Engine.Training.Passes;

/// <summary>A pass over examples, in batches that threads take as they become free. Allocates nothing after the first.</summary>
internal abstract unsafe class ExamplePass : IDisposable
{
    private readonly WorkerTeam _team;
    private readonly Worker[] _workers;
    private readonly BatchQueue _queue;
    private readonly double[] _losses;
    private readonly double[] _weights;
    private readonly bool _clips;
    private readonly Action<int> _work;
    private CancellationToken _cancellation;

    /// <param name="rows">The examples.</param>
    /// <param name="settings">The settings.</param>
    /// <param name="scale">The scale of the targets.</param>
    /// <param name="stride">Floats of a latent vector.</param>
    /// <param name="team">The threads.</param>
    /// <param name="queue">The batches.</param>
    /// <param name="overlap">How many entries two rows have in common, on average.</param>
    /// <param name="clips">Whether scores are limited to the range of the targets before the loss is taken.</param>
    /// <param name="buffer">Makes the buffer of a thread.</param>
    protected ExamplePass(
        TrainingRows rows,
        TrainingSettings settings,
        TargetScale scale,
        int stride,
        WorkerTeam team,
        BatchQueue queue,
        double overlap,
        bool clips,
        Func<int, BatchBuffer> buffer
    )
    {
        Rows = rows;
        Loss = settings.Loss.Function();
        Scale = scale;
        _clips = clips;
        _team = team;
        _queue = queue;
        _losses = new double[queue.Batches.Length];
        _weights = new double[queue.Batches.Length];
        var batchExamples = queue.Batches.Max(batch => batch.Count);
        ScratchOfRow = RowLearner.ScratchOf(settings.Crossing, rows.Layout.MaximumGroups, stride);
        RowsTogether = RowLearner.RowsTogether(ScratchOfRow, overlap);
        var scratch = RowsTogether * ScratchOfRow;
        _workers = [.. Enumerable.Range(0, team.Size).Select(thread => new Worker(buffer(thread), batchExamples * rows.RowsPerExample, scratch))];
        _work = Work;
    }

    /// <summary>The examples.</summary>
    public TrainingRows Rows { get; }

    /// <summary>The loss.</summary>
    protected LossFunction Loss { get; }

    /// <summary>The scale of the targets.</summary>
    protected TargetScale Scale { get; }

    /// <summary>Floats that the forward pass of a row leaves.</summary>
    protected int ScratchOfRow { get; }

    /// <summary>Rows that there is room for what the forward pass leaves of.</summary>
    protected int RowsTogether { get; }

    /// <summary>Examples of a batch of about so many rows: an even number, so that pairs stay together.</summary>
    public static int BatchExamplesOf(TrainingRows rows, int batchRows) => Math.Max(2, batchRows / rows.RowsPerExample / 2 * 2);

    /// <summary>
    /// Goes through all examples; returns their weighted mean loss in units of the targets, which is no number when a score is none.
    /// </summary>
    /// <param name="random">Draws the order of the batches; null for their own.</param>
    /// <param name="cancellationToken">Ends the pass within a batch.</param>
    protected double Run(RandomSource? random, CancellationToken cancellationToken)
    {
        _cancellation = cancellationToken;
        _queue.Restart(random);
        _team.Run(_work);
        var (loss, weight) = (0.0, 0.0);
        // In the order of the batches, so that the sum does not depend on which thread had which.
        for (var batch = 0; batch < _losses.Length; batch++)
        {
            loss += _losses[batch];
            weight += _weights[batch];
        }

        return Scale.LossOf(loss / weight);
    }

    /// <summary>What a thread does before its first batch.</summary>
    protected virtual void Begin(int thread) { }

    /// <summary>What a thread does with a batch; leaves the rows' scores.</summary>
    protected abstract void Do(int thread, in RowBatch batch, float* scratch, float* scores);

    /// <summary>What a thread does after its last batch.</summary>
    protected virtual void End(int thread) { }

    /// <summary>The seed from which the negatives of a batch are drawn.</summary>
    protected virtual ulong SeedOf(int batch) => (ulong)batch;

    public virtual void Dispose()
    {
        foreach (var worker in _workers)
        {
            worker.Dispose();
        }
    }

    private void Work(int thread)
    {
        try
        {
            DoBatches(thread);
        }
        catch
        {
            // Others may wait for what this thread has taken.
            _queue.Stop();
            throw;
        }
    }

    private void DoBatches(int thread)
    {
        var worker = _workers[thread];
        Begin(thread);
        for (var index = _queue.Next(thread); index >= 0; index = _queue.Next(thread))
        {
            _cancellation.ThrowIfCancellationRequested();
            worker.Random.Restart(SeedOf(index));
            var batch = Rows.Read(_queue.Batches[index].From, _queue.Batches[index].Count, worker.Buffer, worker.Random);
            Do(thread, batch, worker.Scratch.Pointer, worker.Scores.Pointer);
            (_losses[index], _weights[index]) = Loss.Sum(
                new(worker.Scores.Pointer, batch.Targets, batch.Weights, batch.Count),
                _clips ? Scale.LeastScore : float.NegativeInfinity,
                _clips ? Scale.GreatestScore : float.PositiveInfinity
            );
        }

        End(thread);
    }

    private sealed class Worker(BatchBuffer buffer, int rows, int scratch) : IDisposable
    {
        public BatchBuffer Buffer { get; } = buffer;

        public NativeArray<float> Scores { get; } = new((nuint)rows);

        public NativeArray<float> Scratch { get; } = new((nuint)scratch);

        public RandomSource Random { get; } = new(0);

        public void Dispose()
        {
            Buffer.Dispose();
            Scores.Dispose();
            Scratch.Dispose();
        }
    }
}
