using System.Diagnostics;
using RecService.Engine.Data;
using RecService.Engine.Data.Histories;
using RecService.Engine.Kernels.Rows;
using RecService.Engine.Losses;
using RecService.Engine.Model;
using RecService.Engine.Numerics;
using RecService.Engine.Training.Parameters;
using RecService.Engine.Training.Threads;

namespace RecService.Engine.Training.Sequences;

/// <summary>A model of sequences in the making: parameters, sequences as the kernels read them, and threads.</summary>
internal sealed class SequenceFit : IDisposable
{
    /// <summary>Events of a segment at most: what is learned of a history steps behind each.</summary>
    private const int SegmentEvents = 1024;

    /// <summary>The same where the model does not depend on the number of threads: <see cref="GroupBatches"/> of them know nothing of each other.</summary>
    private const int DeterministicSegmentEvents = 128;

    private const int GroupBatches = 4;

    /// <summary>Fewer blocks of rows for a thread than this are not worth it.</summary>
    private const int LeastBlocksOfThread = 16;

    private readonly TrainingSettings _settings;
    private readonly HistorySettings? _history;
    private readonly RandomSource _random;
    private readonly TargetScale _scale;
    private readonly SequencePlan _plan;
    private readonly ParameterTable _table;
    private readonly ModelTranslation _translation;
    private readonly WorkerTeam _team;
    private readonly SequenceLearner[] _learners;
    private readonly GradientList[] _gradients = [];
    private readonly HoldoutMeasure? _holdout;
    private readonly double _weights;
    private readonly Func<IReadOnlyList<FarExample>> _farExamples;

    public SequenceFit(
        TrainingSettings settings,
        FactorizationKernel kernel,
        FeatureSpace space,
        HistorySettings? history,
        SequenceSet train,
        SequenceSet? holdout,
        bool excludesSeen
    )
    {
        _settings = settings;
        _history = history;
        _random = new(settings.Seed);
        var loss = settings.Loss.Function();
        var targets = train.Targets ?? Ones(train.Count);
        _scale = loss.ScaleOf(targets, train.Weights);
        _farExamples = () => FarExamples.Of(train, holdout, byTarget: _scale.Clips);
        var data = new SequenceData(space, train, history, _scale);
        var counts = data.TargetCounts();
        var negatives = new NegativeItems(train, counts, settings);
        _plan = new(train, data.Settings.Length, settings.Deterministic ? DeterministicSegmentEvents : SegmentEvents);
        for (var e = 0; e < train.Count; e++)
        {
            _weights += train.WeightOf(e);
        }

        var numbering = RowNumbering.Natural(space);
        _translation = new(space, settings, numbering, _scale);
        _table = new(space, settings, numbering, threads: 1);
        _table.Initialise(loss.InitialBias(targets, train.Weights, negatives.Weight), SequenceOccurrences.Of(data), _random);
        if (loss.Rows == LossRows.Blocks)
        {
            InitialisePopularity(data, counts);
        }

        _team = new(
            settings.Deterministic
                ? settings.Threads
                : (int)Math.Clamp(_plan.Rows / (LeastBlocksOfThread * SequencePlan.BlockRows), 1, settings.Threads)
        );
        try
        {
            var weightRows = space.ColumnCount + ParameterTables.SpecialsOf(space, settings.Crossing);
            _learners =
            [
                .. Enumerable
                    .Range(0, _team.Size)
                    .Select(_ => SequenceKernels.Learner(kernel.Name, data, _plan, negatives, settings, _table.Stride, weightRows)),
            ];
            _gradients = settings.Deterministic ? [.. Enumerable.Range(0, GroupBatches).Select(_ => new GradientList(_table.Stride))] : [];
            _holdout = holdout is null
                ? null
                : SequenceKernels.Holdout(
                    kernel.Name,
                    new(space, holdout, history, _scale),
                    settings,
                    _scale,
                    negatives.Weight,
                    _table.Stride,
                    excludesSeen
                );
        }
        catch
        {
            _team.Dispose();
            throw;
        }
    }

    /// <summary>Learns from every row once, and measures the holdout.</summary>
    /// <exception cref="TrainingDivergedException">The loss grew without bound, or a parameter is no longer a finite number.</exception>
    public EpochReport Learn(int epoch, CancellationToken cancellationToken)
    {
        var start = Stopwatch.GetTimestamp();
        _plan.Deal(_random);
        var trainLoss = Pass(epoch, _random.Next(), cancellationToken);
        var learningTime = Stopwatch.GetElapsedTime(start);
        var holdout = _holdout?.Measure(_table.Shared, cancellationToken);
        CheckSense(epoch, trainLoss, holdout?.Loss);
        return new(epoch, trainLoss, holdout?.Loss, Stopwatch.GetElapsedTime(start), learningTime) { Ranking = holdout?.Ranking };
    }

    /// <summary>Goes on from a former run, and measures the holdout.</summary>
    /// <exception cref="TrainingDivergedException">The state makes no sense of the sequences.</exception>
    public (double Loss, HoldoutRanking Ranking)? Start(TrainingState state, ReadOnlySpan<int> formerColumns, CancellationToken cancellationToken)
    {
        _translation.Start(_table.Current, state, formerColumns);
        var holdout = _holdout?.Measure(_table.Shared, cancellationToken);
        CheckSense(0, 0, holdout?.Loss);
        return holdout;
    }

    /// <summary>Keeps the parameters as they are now.</summary>
    /// <param name="state">Whether for <see cref="ToState"/> too.</param>
    public void Keep(bool state) => _table.Keep(sums: state);

    /// <summary>Ends learning; returns the model that was kept last, and where none was, the model as it is.</summary>
    public FactorizationModel ToModel(FeatureIndex? features) => _translation.ToModel(_table.End(), features, _history);

    /// <summary>The state of the model, after <see cref="ToModel"/>.</summary>
    public TrainingState ToState(FactorizationModel model) => _translation.ToState(_table.End(), model);

    public void Dispose()
    {
        _team.Dispose();
        foreach (var learner in _learners)
        {
            learner.Dispose();
        }

        foreach (var gradients in _gradients)
        {
            gradients.Dispose();
        }

        _holdout?.Dispose();
        _table.Dispose();
    }

    private double Pass(int epoch, ulong seed, CancellationToken cancellationToken)
    {
        var losses = new double[_plan.Count];
        if (_settings.Deterministic)
        {
            for (var first = 0; first < _plan.Count; first += GroupBatches)
            {
                cancellationToken.ThrowIfCancellationRequested();
                Group(epoch, seed, first, Math.Min(GroupBatches, _plan.Count - first), losses);
            }
        }
        else
        {
            var next = -1;
            _team.Run(thread =>
            {
                var tables = _table.Tables(0);
                var context = _table.Context(_settings.RateOf(epoch));
                while (!cancellationToken.IsCancellationRequested && Interlocked.Increment(ref next) is var batch && batch < _plan.Count)
                {
                    losses[batch] = _learners[thread].Learn(_plan[batch], seed + (ulong)batch, tables, context);
                }
            });
            cancellationToken.ThrowIfCancellationRequested();
        }

        return _scale.LossOf(losses.Sum() / _weights);
    }

    /// <summary>Learns from some batches, all of the same parameters, which each thread steps a part of.</summary>
    private void Group(int epoch, ulong seed, int first, int count, double[] losses)
    {
        var next = -1;
        _team.Run(thread =>
        {
            while (Interlocked.Increment(ref next) is var n && n < count)
            {
                var batch = first + n;
                losses[batch] = _learners[thread].Gradients(_plan[batch], seed + (ulong)batch, _table.Tables(0), _gradients[n]);
            }
        });
        _team.Run(thread =>
        {
            var (tables, context) = (_table.Tables(0), _table.Context(_settings.RateOf(epoch)));
            for (var n = 0; n < count; n++)
            {
                _learners[thread].Step(_gradients[n], tables, context, new(thread, _team.Size));
            }
        });
        for (var n = 0; n < count; n++)
        {
            _gradients[n].Clear();
        }
    }

    private static float[] Ones(int count)
    {
        var ones = new float[count];
        Array.Fill(ones, 1);
        return ones;
    }

    private void CheckSense(int epoch, double trainLoss, double? holdoutLoss)
    {
        if (
            !_scale.IsPlausible(trainLoss)
            || (holdoutLoss is { } measured && !_scale.IsPlausibleOfHoldout(measured))
            || !_translation.IsFinite(_table.Current)
        )
        {
            throw new TrainingDivergedException(epoch, _farExamples());
        }
    }

    /// <summary>The weights of items begin near where they would go: a part of the logarithm of how often the item is chosen.</summary>
    private unsafe void InitialisePopularity(SequenceData data, double[] counts)
    {
        const float Part = 0.3f;
        var tables = _table.Shared;
        for (var item = 0; item < counts.Length; item++)
        {
            // The column of an item's id stands first.
            if (counts[item] > 0 && data.Items[item] is { Length: > 0 } row)
            {
                tables.Weights[(nuint)row.Columns[0] * tables.WeightBlock] = Part * (float)Math.Log(counts[item] + 1);
            }
        }
    }
}
