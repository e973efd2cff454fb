using System.Diagnostics;
using RecService.Engine.Data;
using RecService.Engine.Kernels;
using RecService.Engine.Kernels.Rows;
using RecService.Engine.Losses;
using RecService.Engine.Model;
using RecService.Engine.Numerics;
using RecService.Engine.Training.Parameters;
using RecService.Engine.Training.Passes;
using RecService.Engine.Training.Threads;

namespace RecService.Engine.Training;

/// <summary>A model in the making: parameters, examples as the kernels read them, and threads.</summary>
internal sealed class ModelInTraining : IDisposable
{
    /// <summary>Rows that this share of the examples touches have replicas: threads would meet there too often.</summary>
    private const double HotShare = 1.0 / 512;

    /// <summary>Latent vectors with replicas at most, in floats: what an exchange costs, and what must fit into the near caches.</summary>
    private const int MostHotFloats = 1 << 15;

    /// <summary>Fewer examples for a thread than this are not worth it.</summary>
    private const int LeastExamplesOfThread = 4096;

    private readonly RandomSource _random;
    private readonly TargetScale _scale;
    private readonly WorkerTeam _team;
    private readonly TrainingRows _rows;
    private readonly TrainingRows? _holdoutRows;
    private readonly ParameterTable _table;
    private readonly ModelTranslation _translation;
    private readonly ILearningPass _learning;
    private readonly MeasuringPass? _measuring;
    private readonly FieldRelevance? _relevance;
    private readonly LossFunction _loss;
    private readonly float _constant;
    private readonly Func<IReadOnlyList<FarExample>> _farExamples;

    public ModelInTraining(
        TrainingSettings settings,
        FactorizationKernel kernel,
        FeatureSpace space,
        ExampleSet train,
        ExampleSet? holdout,
        NegativeSampling? negatives,
        Action<int>? threadStarted
    )
    {
        var loss = _loss = settings.Loss.Function();
        _random = new(settings.Seed);
        _scale = loss.ScaleOf(train.Targets, train.Weights);
        // Pairs are not the examples that the caller gave.
        _farExamples = () => loss.Rows == LossRows.Singles ? FarExamples.Of(train, holdout, byTarget: _scale.Clips) : [];
        var length = RowLength.Of(train);
        var isLong = RowLength.IsLong(length);
        settings = RowLength.Adapt(settings, length);
        var occurrences = Occurrences.Of(space, train, negatives);
        var threads = settings.Deterministic ? settings.Threads : Math.Clamp(train.Count / LeastExamplesOfThread, 1, settings.Threads);
        var order = Order(train.Count, pairs: loss.Rows == LossRows.Pairs && negatives is null);
        var partition =
            settings.Deterministic || loss.Rows != LossRows.Singles || negatives is not null || train.Blocks.Count > 1
                ? null
                : RowPartition.Of(train, order, occurrences, threads, ParameterTable.BytesOf(space, settings));
        var numbering =
            settings.Deterministic || (threads == 1 && partition is null)
                ? RowNumbering.Natural(space)
                : RowNumbering.HotFirst(
                    space,
                    occurrences,
                    partition is null ? default : partition.PartOf,
                    threads == 1 ? double.PositiveInfinity : train.Count * HotShare,
                    MostHotFloats / Math.Max(8, ParameterTables.StrideOf(settings.VectorLengthOf(space)))
                );
        _translation = new(space, settings, numbering, _scale);
        _relevance = LearnsL2(settings, isLong) ? new(space, settings, occurrences, train.Weights is null ? 1 : train.Weights.Average()) : null;
        _table = new(space, settings, numbering, threads, l2ByColumn: _relevance is not null);
        _constant = loss.InitialBias(train.Targets, train.Weights, negatives?.PerPositive ?? 0);
        _table.Initialise(_constant, occurrences, _random);
        LeastEpochs = isLong ? settings.Epochs / 2 : 0;
        _team = new(threads, threadStarted);

        try
        {
            var layout = RowLayout.Of(space, train, settings.Crossing, oneHotAllowed: true);
            _rows = new(space, train, layout, numbering, loss.Rows, _scale, partition?.Order ?? order, negatives);
            var shape = new KernelShape(kernel.Name, settings.Crossing, layout.OneHot, _table.Stride);
            var learner = KernelChoice.Learner(shape, settings.Solver, loss.Rows);
            _learning = settings.Deterministic
                ? new DeterministicPass(_rows, _table, settings, _scale, learner, _team, Overlap(occurrences), isLong)
                : new FreePass(_rows, _table, settings, _scale, learner, _team, Queue(partition), isLong ? Overlap(occurrences) : 0);
            if (holdout is not null)
            {
                var ofHoldout = RowLayout.Of(space, holdout, settings.Crossing, oneHotAllowed: true);
                _holdoutRows = new(space, holdout, ofHoldout, numbering, loss.Rows, _scale, order: null, negatives: null);
                _measuring = new(_holdoutRows, _table, settings, _scale, KernelChoice.Scorer(shape with { OneHot = ofHoldout.OneHot }), _team, _constant);
            }
        }
        catch
        {
            _team.Dispose();
            throw;
        }
    }

    /// <summary>Epochs before any counts as one without a better holdout: with long rows the holdout may get worse before it gets better.</summary>
    public int LeastEpochs { get; }

    /// <summary>Learns from every example once, and measures the holdout.</summary>
    /// <exception cref="TrainingDivergedException">The loss grew without bound, or a parameter is no longer a finite number.</exception>
    public EpochReport Learn(int epoch, CancellationToken cancellationToken)
    {
        var start = Stopwatch.GetTimestamp();
        var trainLoss = _learning.Learn(epoch, _random, cancellationToken);
        var learningTime = Stopwatch.GetElapsedTime(start);
        var holdoutLoss = Measure(cancellationToken);
        CheckSense(epoch, trainLoss, holdoutLoss);
        _relevance?.Update(_table, epoch, _scale.NoiseOf(trainLoss));
        return new(epoch, trainLoss, holdoutLoss, Stopwatch.GetElapsedTime(start), learningTime);
    }

    /// <summary>Goes on from a former run, and measures the holdout.</summary>
    /// <exception cref="TrainingDivergedException">The state makes no sense of the examples.</exception>
    public double? Start(TrainingState state, ReadOnlySpan<int> formerColumns, CancellationToken cancellationToken)
    {
        _translation.Start(_table.Current, state, formerColumns);
        var holdoutLoss = Measure(cancellationToken);
        CheckSense(0, 0, holdoutLoss);
        return holdoutLoss;
    }

    /// <summary>The loss of the holdout by the best constant of the training examples, in units of the targets; null without a holdout.</summary>
    public double? ConstantLoss => _measuring?.ConstantLoss;

    /// <summary>The standard error of the distance of the holdout's loss, as measured last, to <see cref="ConstantLoss"/>.</summary>
    public double GainError { get; private set; }

    /// <summary>Takes the best constant of the training examples in place of what was learned.</summary>
    public void TakeConstant() => _table.TakeConstant(_constant);

    /// <summary>Keeps the parameters as they are now.</summary>
    /// <param name="state">Whether for <see cref="ToState"/> too.</param>
    public void Keep(bool state) => _table.Keep(sums: state);

    /// <summary>Ends learning: gives back the memory that no more than learning needs, before the model takes its own.</summary>
    /// <returns>The model that was kept last; where none was, the model as it is.</returns>
    public FactorizationModel ToModel(FeatureIndex? features)
    {
        _rows.Dispose();
        _holdoutRows?.Dispose();
        return _translation.ToModel(_table.End(), features);
    }

    /// <summary>The state of the model, after <see cref="ToModel"/>.</summary>
    public TrainingState ToState(FactorizationModel model) => _translation.ToState(_table.End(), model);

    public void Dispose()
    {
        _team.Dispose();
        _learning.Dispose();
        _measuring?.Dispose();
        _rows.Dispose();
        _holdoutRows?.Dispose();
        _table.Dispose();
    }

    private double? Measure(CancellationToken cancellationToken)
    {
        if (_measuring is null)
        {
            return null;
        }

        (var loss, GainError) = _measuring.Measure(cancellationToken);
        return loss;
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

    private static bool LearnsL2(TrainingSettings settings, bool rowsAreLong) =>
        FieldRelevance.IsFor(settings.Solver) && (settings.LearnsL2 ?? (rowsAreLong && settings.L2ByField is not { Count: > 0 }));

    /// <summary>How many columns two rows have in common, on average.</summary>
    private double Overlap(double[] occurrences)
    {
        var rows = (double)_rows.Count * _rows.RowsPerExample;
        return occurrences.Sum(count => count / rows * (count / rows));
    }

    private BatchQueue Queue(RowPartition? partition)
    {
        var batchExamples = ExamplePass.BatchExamplesOf(_rows, FreePass.BatchRows);
        return partition is null ? new SharedQueue(_rows.Count, batchExamples) : new CellQueue(partition, batchExamples, _team.Size);
    }

    private int[] Order(int count, bool pairs)
    {
        var units = new int[pairs ? count / 2 : count];
        for (var unit = 0; unit < units.Length; unit++)
        {
            units[unit] = unit;
        }

        _random.Shuffle<int>(units);
        return pairs ? [.. units.SelectMany(pair => new[] { 2 * pair, (2 * pair) + 1 })] : units;
    }
}
