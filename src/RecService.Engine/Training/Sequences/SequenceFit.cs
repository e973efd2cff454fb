using System.Diagnostics;
using System.Runtime.Intrinsics;
using RecService.Engine.Data;
using RecService.Engine.Data.Histories;
using RecService.Engine.Kernels;
using RecService.Engine.Kernels.Rows;
using RecService.Engine.Model;
using RecService.Engine.Numerics;
using RecService.Engine.Training.Parameters;
using RecService.Engine.Training.Threads;

namespace RecService.Engine.Training.Sequences;

/// <summary>A model of sequences in the making: parameters, sequences as the kernels read them, and threads.</summary>
internal sealed class SequenceFit : IDisposable
{
    /// <summary>Events of a segment at most.</summary>
    private const int SegmentEvents = 1024;

    /// <summary>Catalogues up to this size are compared with as a whole.</summary>
    private const int MostItemsOfAll = 0;

    private const int DefaultNegatives = 128;

    private readonly TrainingSettings _settings;
    private readonly HistorySettings? _history;
    private readonly RandomSource _random;
    private readonly SequencePlan _plan;
    private readonly ParameterTable _table;
    private readonly ModelTranslation _translation;
    private readonly WorkerTeam _team;
    private readonly SequenceLearner[] _learners;
    private readonly HoldoutMeasure? _holdout;
    private readonly double _weights;

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
        var data = new SequenceData(space, train, history);
        var counts = data.TargetCounts();
        var negatives = new NegativeItems(
            counts,
            settings.Negatives ?? (counts.Count(count => count > 0) <= MostItemsOfAll ? 0 : DefaultNegatives),
            settings.NegativeExponent
        );
        _plan = new(train, data.Settings.Length, SegmentEvents);
        for (var e = 0; e < train.Count; e++)
        {
            _weights += train.WeightOf(e);
        }

        var scale = new TargetScale(0, 1, float.NegativeInfinity, float.PositiveInfinity, Clips: false);
        var numbering = RowNumbering.Natural(space);
        _translation = new(space, settings, numbering, scale);
        _table = new(space, settings, numbering, threads: 1);
        _table.Initialise(0, SequenceOccurrences.Of(data), _random);
        InitialisePopularity(data, counts);
        _team = new(Math.Max(1, Math.Min(settings.Threads, (int)(_plan.Rows / (4 * SequencePlan.BlockRows)))));
        var weightRows = space.ColumnCount + ParameterTables.SpecialsOf(space, settings.Interaction);
        var registers = kernel.Name;
        _learners = [.. Enumerable.Range(0, _team.Size).Select(_ => SequenceKernels.Learner(registers, data, _plan, negatives, settings, _table.Stride, weightRows))];
        _holdout = holdout is null ? null : SequenceKernels.Holdout(registers, new(space, holdout, history), settings, _table.Stride, excludesSeen);
    }

    /// <summary>Rows of an epoch.</summary>
    public long Rows => _plan.Rows;

    /// <summary>Learns from every row once, and measures the holdout.</summary>
    public EpochReport Learn(int epoch, CancellationToken cancellationToken)
    {
        var start = Stopwatch.GetTimestamp();
        _plan.Deal(_random);
        var seed = _random.Next();
        var losses = new double[_team.Size];
        var next = -1;
        _team.Run(thread =>
        {
            var tables = _table.Tables(0);
            var context = _table.Context(_settings.RateOf(epoch));
            while (!cancellationToken.IsCancellationRequested && Interlocked.Increment(ref next) is var batch && batch < _plan.Count)
            {
                losses[thread] += _learners[thread].Learn(_plan[batch], seed + (ulong)batch, tables, context);
            }
        });
        cancellationToken.ThrowIfCancellationRequested();
        var learningTime = Stopwatch.GetElapsedTime(start);
        var trainLoss = losses.Sum() / _weights;
        var holdout = _holdout?.Measure(_table.Shared, cancellationToken);
        if (!double.IsFinite(trainLoss) || !double.IsFinite(holdout?.Loss ?? 0) || !_translation.IsFinite(_table.Current))
        {
            throw new TrainingDivergedException(epoch);
        }

        return new(epoch, trainLoss, holdout?.Loss, Stopwatch.GetElapsedTime(start), learningTime) { Ranking = holdout?.Ranking };
    }

    /// <summary>Goes on from a former run, and measures the holdout.</summary>
    public (double Loss, HoldoutRanking Ranking)? Start(TrainingState state, ReadOnlySpan<int> formerColumns, CancellationToken cancellationToken)
    {
        _translation.Start(_table.Current, state, formerColumns);
        return _holdout?.Measure(_table.Shared, cancellationToken);
    }

    /// <summary>Keeps the parameters as they are now.</summary>
    public void Keep(bool state) => _table.Keep(sums: state);

    public FactorizationModel ToModel(FeatureIndex? features) => _translation.ToModel(_table.End(), features, _history);

    public TrainingState ToState(FactorizationModel model) => _translation.ToState(_table.End(), model);

    public void Dispose()
    {
        _team.Dispose();
        foreach (var learner in _learners)
        {
            learner.Dispose();
        }

        _holdout?.Dispose();
        _table.Dispose();
    }

    /// <summary>The weights of items start where their counts would have them, so that learning need not go all the way.</summary>
    private unsafe void InitialisePopularity(SequenceData data, double[] counts)
    {
        var tables = _table.Shared;
        for (var item = 0; item < counts.Length; item++)
        {
            if (data.Items[item] is { Length: > 0 } row)
            {
                tables.Weights[(nuint)row.Columns[0] * tables.WeightBlock] = 0.3f * (float)Math.Log(counts[item] + 1);
            }
        }
    }
}

/// <summary>How often columns occur in sequences.</summary>
internal static class SequenceOccurrences
{
    public static double[] Of(SequenceData data)
    {
        var occurrences = new double[data.Space.ColumnCount];
        var set = data.Set;
        for (var sequence = 0; sequence < set.SequenceCount; sequence++)
        {
            var rowsAfter = 0;
            for (var e = set.Starts[sequence + 1] - 1; e >= set.Starts[sequence]; e--)
            {
                // Without order, each is part of the history of the others.
                if (data.Omegas[e] > 0 && (rowsAfter > 0 || set.IsUnordered(sequence)))
                {
                    Add(data.History!, set.ItemOf[e]);
                    Add(data.Recent!, set.ItemOf[e]);
                }

                if (set.WeightOf(e) > 0)
                {
                    rowsAfter++;
                    Add(data.Items, set.ItemOf[e]);
                    Add(data.Users, set.UserOf[sequence]);
                    if (data.Contexts is { } contexts)
                    {
                        Add(contexts, set.ContextOf![e]);
                    }
                }
            }
        }

        return occurrences;

        void Add(RoleRows rows, int row)
        {
            foreach (var column in rows[row].Columns)
            {
                occurrences[column]++;
            }
        }
    }
}

/// <summary>Chooses the kernels of sequences. The combinations are spelled out as types, so that no reflection is needed.</summary>
internal static class SequenceKernels
{
    public static SequenceLearner Learner(string registers, SequenceData data, SequencePlan plan, NegativeItems negatives, TrainingSettings settings, int stride, int weightRows) =>
        settings.Solver switch
        {
            Solver.Sgd => Learner<GradientDescent>(registers, data, plan, negatives, settings, stride, weightRows),
            Solver.AdaGrad => Learner<AdaGrad>(registers, data, plan, negatives, settings, stride, weightRows),
            _ => Learner<Adam>(registers, data, plan, negatives, settings, stride, weightRows),
        };

    public static HoldoutMeasure Holdout(string registers, SequenceData data, TrainingSettings settings, int stride, bool excludesSeen) =>
        registers switch
        {
            "vector512" when stride >= Lanes16.Width => new HoldoutMeasure<Vector512<float>, Lanes16>(data, settings, stride, excludesSeen),
            "vector512" or "vector256" => new HoldoutMeasure<Vector256<float>, Lanes8>(data, settings, stride, excludesSeen),
            "vector128" => new HoldoutMeasure<Vector128<float>, Lanes4>(data, settings, stride, excludesSeen),
            _ => new HoldoutMeasure<float, Lanes1>(data, settings, stride, excludesSeen),
        };

    private static SequenceLearner Learner<TSolver>(string registers, SequenceData data, SequencePlan plan, NegativeItems negatives, TrainingSettings settings, int stride, int weightRows)
        where TSolver : struct, ISolver<TSolver> =>
        registers switch
        {
            "vector512" when stride >= Lanes16.Width => new SequenceLearner<Vector512<float>, Lanes16, TSolver>(data, plan, negatives, settings, stride, weightRows),
            "vector512" or "vector256" => new SequenceLearner<Vector256<float>, Lanes8, TSolver>(data, plan, negatives, settings, stride, weightRows),
            "vector128" => new SequenceLearner<Vector128<float>, Lanes4, TSolver>(data, plan, negatives, settings, stride, weightRows),
            _ => new SequenceLearner<float, Lanes1, TSolver>(data, plan, negatives, settings, stride, weightRows),
        };
}
