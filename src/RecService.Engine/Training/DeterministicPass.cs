using RecService.Engine.Numerics;

namespace RecService.Engine.Training;

/// <summary>
/// Learns so that the outcome does not depend on the number of threads. <see cref="Group"/> rows at a time are scored by all threads together; then each thread
/// changes the parameters that it owns, row after row. No thread reads what another is writing, and every parameter sees the rows in the same order. A row's step
/// uses scores that are up to <see cref="Group"/> rows old, as in delayed stochastic gradient descent (Langford, Smola, Zinkevich, "Slow learners are fast", NIPS 2009).
/// </summary>
internal sealed unsafe class DeterministicPass : ILearningPass
{
    /// <summary>Rows that are scored before any of them is learned from.</summary>
    public const int Group = 64;

    private const int BatchRows = 1024;

    private readonly TrainingRows _rows;
    private readonly ParameterTable _table;
    private readonly TrainingSettings _settings;
    private readonly TargetScale _scale;
    private readonly GroupedLearner _learner;
    private readonly WorkerTeam _team;
    private readonly SpinBarrier _barrier;
    private readonly int _batchExamples;
    private readonly int[] _order;
    private readonly int _scratchOfRow;
    private readonly NativeArray<float> _scratch;
    private readonly NativeArray<float> _scores;
    private readonly BatchBuffer[] _buffers = [new(), new()];
    private readonly RandomSource _random = new(0);
    private readonly Action<int> _work;
    private RowBatch _batch;
    private StepContext _context;
    private CancellationToken _cancellation;
    private ulong _seed;
    private bool _isCancelled;
    private double _loss;
    private double _weight;

    public DeterministicPass(TrainingRows rows, ParameterTable table, TrainingSettings settings, TargetScale scale, GroupedLearner learner, WorkerTeam team)
    {
        _rows = rows;
        _table = table;
        _settings = settings;
        _scale = scale;
        _learner = learner;
        _team = team;
        _barrier = new(team.Size);
        _batchExamples = Math.Max(2, BatchRows / rows.RowsPerExample / 2 * 2);
        _order = [.. Enumerable.Range(0, (rows.Count + _batchExamples - 1) / _batchExamples)];
        _scratchOfRow = GroupedLearner.ScratchOf(rows.Layout.MaximumGroups, table.Stride);
        _scratch = new((nuint)(Group * _scratchOfRow));
        _scores = new((nuint)(_batchExamples * rows.RowsPerExample));
        _work = Work;
    }

    public double Learn(int epoch, RandomSource random, CancellationToken cancellationToken)
    {
        _seed = random.Next();
        _context = _table.Context(_settings.RateOf(epoch));
        _cancellation = cancellationToken;
        _isCancelled = false;
        random.Shuffle<int>(_order);
        (_loss, _weight) = (0, 0);
        Read(0);
        _team.Run(_work);
        cancellationToken.ThrowIfCancellationRequested();
        return _scale.LossOf(_loss / _weight);
    }

    public void Dispose()
    {
        _scratch.Dispose();
        _scores.Dispose();
        foreach (var buffer in _buffers)
        {
            buffer.Dispose();
        }
    }

    private void Work(int thread)
    {
        var tables = _table.Shared;
        var ownership = new Ownership(thread, _team.Size);
        for (var step = 0; step < _order.Length && !_isCancelled; step++)
        {
            var batch = _batch;
            for (var from = 0; from < batch.Count; from += Group)
            {
                var group = batch.Slice(from, Math.Min(Group, batch.Count - from));
                var scores = _scores.Pointer + from;
                _learner.Forward(
                    group, group.Count * thread / _team.Size, group.Count * (thread + 1) / _team.Size, tables, _scratch.Pointer, _scratchOfRow, scores);
                _barrier.Wait();
                _learner.Backward(group, tables, _context, _scratch.Pointer, _scratchOfRow, scores, ownership);
                if (thread == 0 && from + Group >= batch.Count)
                {
                    Finish(step, batch);
                }

                _barrier.Wait();
            }
        }
    }

    /// <summary>Adds up the loss of a batch that all threads are done with scoring, and reads the next one while they are learning.</summary>
    private void Finish(int step, in RowBatch batch)
    {
        var (loss, weight) = LossFunctions.Sum(
            _settings.Loss, _scores.Pointer, batch.Targets, batch.Weights, batch.Count, float.NegativeInfinity, float.PositiveInfinity);
        _loss += loss;
        _weight += weight;
        _isCancelled = _cancellation.IsCancellationRequested;
        Read(step + 1);
    }

    private void Read(int step)
    {
        if (step < _order.Length)
        {
            var from = _order[step] * _batchExamples;
            _random.Restart(_seed + (ulong)_order[step]);
            _batch = _rows.Read(from, Math.Min(_batchExamples, _rows.Count - from), _buffers[step % 2], _random);
        }
    }
}
