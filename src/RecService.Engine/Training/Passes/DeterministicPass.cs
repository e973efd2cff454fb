using System.Diagnostics;
using RecService.Engine.Kernels;
using RecService.Engine.Kernels.Rows;
using RecService.Engine.Losses;
using RecService.Engine.Numerics;
using RecService.Engine.Training.Parameters;
using RecService.Engine.Training.Threads;

namespace RecService.Engine.Training.Passes;

/// <summary>
/// Learns so that the outcome does not depend on the number of threads. A group of rows is scored by all threads together; then each thread changes
/// the parameters
/// that it owns, row after row. No thread reads what another is writing, and every parameter sees the rows in the same order. A row's step uses
/// scores that are up to
/// a group old, as in delayed stochastic gradient descent (Langford, Smola, Zinkevich, "Slow learners are fast", NIPS 2009).
/// </summary>
internal sealed unsafe class DeterministicPass : ILearningPass
{
    /// <summary>
    /// How many features a row has in common with all other rows of its group, on average: with more, steps would go too far before they see what
    /// came of them.
    /// </summary>
    private const double GreatestOverlap = 32;

    /// <summary>The same times the rate of plain gradient descent, whose steps do not shrink.</summary>
    private const double GreatestDescent = 0.5;

    /// <summary>The least group: smaller ones cost more than they are worth, but where rows are long.</summary>
    private const int LeastGroup = 16;

    private const int BatchRows = 1024;

    private readonly TrainingRows _rows;
    private readonly ParameterTable _table;
    private readonly TrainingSettings _settings;
    private readonly TargetScale _scale;
    private readonly LossFunction _loss;
    private readonly RowLearner _learner;
    private readonly WorkerTeam _team;
    private readonly SpinBarrier _ofOne = new(1);
    private readonly SpinBarrier _ofAll;
    private readonly int _batchExamples;
    private readonly int[] _order;
    private readonly int _group;
    private readonly int _scratchOfRow;
    private readonly NativeArray<float> _scratch;
    private readonly NativeArray<float> _scores;
    private readonly NativeArray<float> _biased;
    private readonly BatchBuffer[] _buffers = [new(), new()];
    private readonly RandomSource _random = new(0);
    private readonly Action<int> _work;
    private RowBatch _batch;
    private StepContext _context;
    private CancellationToken _cancellation;
    private ulong _seed;
    private bool _isCancelled;
    private double _timeOfOne;
    private double _timeOfAll;
    private SpinBarrier _barrier;
    private double _lossSum;
    private double _weight;

    /// <param name="rows">The examples.</param>
    /// <param name="table">The parameters.</param>
    /// <param name="settings">The settings.</param>
    /// <param name="scale">The scale of the targets.</param>
    /// <param name="learner">The kernel.</param>
    /// <param name="team">The threads.</param>
    /// <param name="overlap">How many features two rows have in common, on average.</param>
    /// <param name="rowsAreLong">Whether a row's score adds up so much that no group may be too large for the overlap.</param>
    public DeterministicPass(
        TrainingRows rows,
        ParameterTable table,
        TrainingSettings settings,
        TargetScale scale,
        RowLearner learner,
        WorkerTeam team,
        double overlap,
        bool rowsAreLong
    )
    {
        _rows = rows;
        _table = table;
        _settings = settings;
        _scale = scale;
        _loss = settings.Loss.Function();
        _learner = learner;
        _team = team;
        _ofAll = new(team.Size);
        _batchExamples = Math.Max(2, BatchRows / rows.RowsPerExample / 2 * 2);
        _order = [.. Enumerable.Range(0, (rows.Count + _batchExamples - 1) / _batchExamples)];
        var greatest = settings.Solver == Solver.Sgd ? Math.Min(GreatestOverlap, GreatestDescent / settings.LearningRate) : GreatestOverlap;
        _group = (int)Math.Clamp(greatest / overlap, rowsAreLong ? 2 : LeastGroup, BatchRows) / 2 * 2;
        _scratchOfRow = RowLearner.ScratchOf(settings.Crossing, rows.Layout.MaximumGroups, table.Stride);
        _scratch = new((nuint)(_group * (long)_scratchOfRow));
        _scores = new((nuint)(_batchExamples * rows.RowsPerExample));
        _biased = new(_scores.Length);
        _barrier = _ofAll;
        _work = Work;
    }

    public double Learn(int epoch, RandomSource random, CancellationToken cancellationToken)
    {
        _seed = random.Next();
        _context = _table.Context(_settings.RateOf(epoch));
        _cancellation = cancellationToken;
        _isCancelled = false;
        random.Shuffle<int>(_order);
        (_lossSum, _weight) = (0, 0);
        // What one thread writes the others read a moment later, and passing it on may take longer than doing all alone. As the outcome is the same,
        // it is tried.
        _barrier = epoch switch
        {
            1 => _ofAll,
            2 => _ofOne,
            _ => _timeOfAll < _timeOfOne ? _ofAll : _ofOne,
        };
        var start = Stopwatch.GetTimestamp();
        Read(0);
        if (_barrier.Size == 1)
        {
            Work(0);
        }
        else
        {
            _team.Run(_work);
        }

        (_barrier == _ofOne ? ref _timeOfOne : ref _timeOfAll) = Stopwatch.GetElapsedTime(start).TotalSeconds;
        cancellationToken.ThrowIfCancellationRequested();
        return _scale.LossOf(_lossSum / _weight);
    }

    public void Dispose()
    {
        _scratch.Dispose();
        _scores.Dispose();
        _biased.Dispose();
        foreach (var buffer in _buffers)
        {
            buffer.Dispose();
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
            // The others would wait for this thread for ever.
            _barrier.Break();
            throw;
        }
    }

    private void DoBatches(int thread)
    {
        // The bias is stepped by every thread alike, each on a replica: it is in every row, and must not be a group behind.
        var tables = _table.Shared with { Bias = _table.Tables(thread).Bias, FetchAhead = RowBatch.Lookahead };
        _table.CopyBias(_table.Shared, tables);
        var ownership = new Ownership(thread, _barrier.Size);
        for (var step = 0; step < _order.Length && !_isCancelled; step++)
        {
            var batch = _batch;
            for (var from = 0; from < batch.Count; from += _group)
            {
                var group = batch.Slice(from, Math.Min(_group, batch.Count - from));
                var scores = _scores.Pointer + from;
                var own = group.Count * thread / _barrier.Size;
                _learner.Forward(
                    group.Slice(own, (group.Count * (thread + 1) / _barrier.Size) - own),
                    default,
                    tables,
                    _scratch.Pointer + (own * (nint)_scratchOfRow),
                    _scratchOfRow,
                    scores + own
                );
                if (!_barrier.Wait())
                {
                    return;
                }

                _learner.Step(
                    _loss,
                    group,
                    default,
                    tables,
                    _context,
                    _scratch.Pointer,
                    _scratchOfRow,
                    scores,
                    ownership,
                    thread == 0 ? _biased.Pointer + from : null
                );
                if (thread == 0 && from + _group >= batch.Count)
                {
                    Finish(step, batch);
                }

                if (!_barrier.Wait())
                {
                    return;
                }
            }
        }

        if (thread == 0)
        {
            _table.CopyBias(tables, _table.Shared);
        }
    }

    /// <summary>Adds up the loss of a batch that all threads are done with scoring, and reads the next one while they are learning.</summary>
    private void Finish(int step, in RowBatch batch)
    {
        var scored = new ScoredRows(_biased.Pointer, batch.Targets, batch.Weights, batch.Count);
        var (loss, weight) = _loss.Sum(scored, float.NegativeInfinity, float.PositiveInfinity);
        _lossSum += loss;
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
