using RecService.Engine.Data;
using RecService.Engine.Losses;
using RecService.Engine.Numerics;
using RecService.Engine.Training.Parameters;
using RecService.Engine.Training.Passes;

namespace RecService.Engine.Training;

/// <summary>
/// Trains factorization machines by stochastic gradient descent on shuffled examples. The same settings and data give the same model with one thread,
/// and with any number
/// of threads where <see cref="TrainingSettings.Deterministic"/> asks for it.
/// </summary>
public sealed class Trainer
{
    private readonly TrainingSettings _settings;
    private readonly LossRows _rows;
    private readonly FactorizationKernel _kernel;

    /// <param name="settings">The settings, which are checked.</param>
    /// <exception cref="ArgumentException">A setting is out of range, or names a kernel that this machine has not.</exception>
    public Trainer(TrainingSettings settings)
    {
        ArgumentNullException.ThrowIfNull(settings);
        settings.Validate();
        _settings = settings;
        _rows = settings.Loss.Function().Rows;
        if (_rows == LossRows.Blocks)
        {
            throw new ArgumentException($"The loss {settings.Loss} is learned along sequences.", nameof(settings));
        }

        _kernel = settings.KernelName is { } name ? FactorizationKernel.ByName(name) : FactorizationKernel.Default;
    }

    /// <summary>Whether the result has the state of the run, which takes as much memory again as the parameters and the solver's sums.</summary>
    public bool KeepsState { get; init; }

    /// <summary>
    /// The epoch after which training ends, with <see cref="TrainingSettings.Epochs"/> as what schedules go by: what a former training on a part of the examples
    /// found to be the best. 0 gives the best constant. Null for all epochs.
    /// </summary>
    public int? LastEpoch { get; init; }

    /// <summary>Called on each thread, with its number, before it begins: to pin threads to processors when speed is measured.</summary>
    internal Action<int>? ThreadStarted { get; init; }

    /// <summary>
    /// Trains until the holdout has not improved for <see cref="TrainingSettings.Patience"/> epochs, or for all
    /// <see cref="TrainingSettings.Epochs"/>.
    /// </summary>
    /// <param name="space">The columns of the examples.</param>
    /// <param name="train">
    /// The examples to learn from; at least one. Of pairwise learning without <paramref name="negatives"/>, each positive followed by the rows that
    /// it is to be preferred to, with targets of 0 or less.
    /// </param>
    /// <param name="holdout">
    /// The examples that decide when to stop and which epoch is kept. Of pairwise learning, each positive followed by its negatives, as
    /// <see cref="NegativeSampling.Materialize"/> gives them.
    /// </param>
    /// <param name="negatives">For implicit feedback: how each positive gets its negatives.</param>
    /// <param name="features">The index that made the columns, to be stored with the model.</param>
    /// <param name="start">
    /// Where to start from: a former run of the same loss and number of factors. Features that it has not start as ever, those that are gone are
    /// dropped; features are the same by
    /// name, or without <paramref name="features"/> by field and number. The holdout should have been held out from it too: else it tells nothing.
    /// </param>
    /// <param name="progress">Called after each epoch, on the calling thread.</param>
    /// <param name="cancellationToken">Ends training within a thousand examples.</param>
    /// <returns>
    /// The model of the best epoch; of single rows, where no epoch did better on the holdout than the best constant by more than one standard error of
    /// the difference, that constant. Latent vectors that no training example touches are those of the start, or 0: else they would say nothing but noise.
    /// </returns>
    /// <exception cref="ArgumentException">
    /// There are no examples or no pairs, all weigh 0, or they have columns outside the space; the space is too large, or lacks a field that the
    /// settings name; or the start is of another loss or number of factors, or it cannot be told which of its
    /// features are which.
    /// </exception>
    /// <exception cref="TrainingDivergedException">The loss grew without bound, or a parameter is no longer a finite number.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public TrainingResult Train(
        FeatureSpace space,
        ExampleSet train,
        ExampleSet? holdout = null,
        NegativeSampling? negatives = null,
        FeatureIndex? features = null,
        TrainingState? start = null,
        Action<EpochReport>? progress = null,
        CancellationToken cancellationToken = default
    )
    {
        ArgumentNullException.ThrowIfNull(space);
        ArgumentNullException.ThrowIfNull(train);
        Check(space, train, nameof(train));
        if (holdout is not null)
        {
            Check(space, holdout, nameof(holdout));
        }

        negatives?.Check(train);
        if (_rows == LossRows.Pairs && negatives?.HasAnyFor(train) == false)
        {
            throw new ArgumentException("Every user has every item, so that there are no pairs to learn from.", nameof(negatives));
        }

        TrainingSize.Check(space, _settings, KeepsState);
        var formerColumns = start is null ? null : FormerColumns.Of(start, _settings, space, features);
        if (_rows == LossRows.Pairs)
        {
            train = negatives is null ? PairedExamples.Of(train, nameof(train)) : train;
            holdout = holdout is null ? null : PairedExamples.Of(holdout, nameof(holdout));
        }

        using var fit = new ModelInTraining(_settings, _kernel, space, train, holdout, negatives, ThreadStarted);
        var epochs = new List<EpochReport>(Math.Min(_settings.Epochs, 10_000));
        var startLoss = start is null ? null : fit.Start(start, formerColumns, cancellationToken);
        var (bestLoss, gainError) = (startLoss ?? double.PositiveInfinity, fit.GainError);
        if (startLoss is not null)
        {
            fit.Keep(KeepsState);
        }

        var bestEpoch = 0;
        var last = LastEpoch ?? _settings.Epochs;
        for (var epoch = 1; epoch <= last && !IsOver(epochs, bestEpoch, fit.LeastEpochs); epoch++)
        {
            epochs.Add(fit.Learn(epoch, cancellationToken));
            progress?.Invoke(epochs[^1]);
            if (epochs[^1].HoldoutLoss is not { } holdoutLoss)
            {
                bestEpoch = epoch;
            }
            else if (holdoutLoss < bestLoss)
            {
                (bestLoss, gainError) = (holdoutLoss, fit.GainError);
                bestEpoch = epoch;
                fit.Keep(KeepsState);
            }
        }

        var beatsConstant = bestLoss < fit.ConstantLoss - gainError;
        if (start is null && (epochs.Count == 0 || (_rows == LossRows.Singles && negatives is null && fit.ConstantLoss is not null && !beatsConstant)))
        {
            bestEpoch = 0;
            fit.TakeConstant();
        }

        var model = fit.ToModel(features);
        return new(model, bestEpoch, epochs)
        {
            StartHoldoutLoss = startLoss,
            ConstantHoldoutLoss = fit.ConstantLoss,
            BeatsConstant = fit.ConstantLoss is null ? null : beatsConstant,
            State = KeepsState ? fit.ToState(model) : null,
        };
    }

    /// <summary>Whether nothing better is to be expected: the best epoch is long ago, and of long rows the holdout does not get better again either.</summary>
    private bool IsOver(List<EpochReport> epochs, int bestEpoch, int leastEpochs)
    {
        var patience = _settings.Patience;
        return epochs.Count - Math.Max(bestEpoch, leastEpochs) >= patience && (leastEpochs == 0 || epochs.Count < 2 * patience || MeanLoss(0) >= MeanLoss(patience));

        double? MeanLoss(int before) => epochs.SkipLast(before).TakeLast(patience).Average(epoch => epoch.HoldoutLoss);
    }

    private static void Check(FeatureSpace space, ExampleSet examples, string name)
    {
        if (examples.Count == 0)
        {
            throw new ArgumentException("There are no examples.", name);
        }

        if (examples.Weights is { } weights && !weights.AsSpan().ContainsAnyExcept(0f))
        {
            throw new ArgumentException("Every example has the weight 0.", name);
        }

        if (examples.ColumnCount > space.ColumnCount)
        {
            throw new ArgumentException($"The examples have columns up to {examples.ColumnCount - 1}; the space has {space.ColumnCount}.", name);
        }
    }
}
