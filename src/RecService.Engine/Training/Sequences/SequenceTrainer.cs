using RecService.Engine.Data;
using RecService.Engine.Data.Histories;
using RecService.Engine.Losses;
using RecService.Engine.Model;
using RecService.Engine.Numerics;
using RecService.Engine.Training.Parameters;

namespace RecService.Engine.Training.Sequences;

/// <summary>
/// Trains factorization machines along sequences: the row of each event has, beside user, context and item, what the user did before it (SVD++ with squared
/// loss: Koren, KDD 2008; of which item next with <see cref="Losses.Loss.Softmax"/>). The same settings and data give the same model with one thread, and with any
/// number of threads where <see cref="TrainingSettings.Deterministic"/> asks for it.
/// </summary>
public sealed class SequenceTrainer
{
    /// <summary>From so many events on, an epoch is a long way: fewer negatives do at a time, and small gains are not worth another epoch.</summary>
    public const int ManyEvents = 2_000_000;

    /// <summary>By what part an epoch of many events has to be better than the best one to be a reason for others.</summary>
    private const double LeastGain = 0.005;

    /// <summary>
    /// What the ranking of an epoch leaves of those before it in their mean: the epoch that ranks a few hundred rows best by chance is not the best one.
    /// </summary>
    private const double Smoothing = 0.7;

    private readonly TrainingSettings _settings;
    private readonly HistorySettings? _history;
    private readonly FactorizationKernel _kernel;

    /// <param name="settings">The settings, which are checked.</param>
    /// <param name="history">How histories are pooled; null for a model without them.</param>
    /// <exception cref="ArgumentException">A setting is out of range, or names a kernel that this machine has not.</exception>
    public SequenceTrainer(TrainingSettings settings, HistorySettings? history)
    {
        ArgumentNullException.ThrowIfNull(settings);
        settings.Validate();
        history?.Validate();
        if (settings.Crossing is not (Crossing.FieldPooled or Crossing.FieldWeighted))
        {
            throw new ArgumentException(
                $"{nameof(TrainingSettings.Crossing)} is {settings.Crossing}: along sequences, fields cross, pooled or weighted.",
                nameof(settings)
            );
        }

        _settings = settings;
        _history = history;
        _kernel = settings.KernelName is { } name ? FactorizationKernel.ByName(name) : FactorizationKernel.Default;
    }

    /// <summary>Whether the result has the state of the run.</summary>
    public bool KeepsState { get; init; }

    /// <summary>Whether the holdout is ranked among the items that are not in the user's history: not where items come again.</summary>
    public bool ExcludesSeen { get; init; } = true;

    /// <summary>
    /// Trains until the holdout's ranking (with <see cref="Losses.Loss.Softmax"/>: NDCG without a cut-off, as an exponentially weighted mean over the
    /// epochs) or loss has not improved for <see cref="TrainingSettings.Patience"/> epochs (with <see cref="ManyEvents"/>, by half a percent), or for all
    /// <see cref="TrainingSettings.Epochs"/>.
    /// </summary>
    /// <param name="space">The columns.</param>
    /// <param name="train">The sequences to learn from.</param>
    /// <param name="holdout">
    /// The sequences that decide which epoch is kept: what is to be predicted of them, with all that was before it, which has the weight 0. Its blocks may have
    /// more rows than those of <paramref name="train"/>.
    /// </param>
    /// <param name="features">The index that made the columns, to be stored with the model.</param>
    /// <param name="start">Where to start from: a former run of the same loss and number of factors, as for <see cref="Trainer.Train"/>.</param>
    /// <param name="progress">Called after each epoch, on the calling thread.</param>
    /// <param name="cancellationToken">Ends training within a batch of a thousand rows.</param>
    /// <exception cref="ArgumentException">There is nothing to predict, the parts of a set do not fit together, or the start does not fit.</exception>
    /// <exception cref="TrainingDivergedException">The loss grew without bound, or a parameter is no longer a finite number.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public TrainingResult Train(
        FeatureSpace space,
        SequenceSet train,
        SequenceSet? holdout = null,
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

        TrainingSize.Check(space, _settings, KeepsState);
        var formerColumns = start is null ? null : FormerColumns.Of(start, _settings, space, features);
        using var fit = new SequenceFit(_settings, _kernel, space, _history, train, holdout, ExcludesSeen);
        var epochs = new List<EpochReport>(Math.Min(_settings.Epochs, 10_000));
        var (bestEpoch, best) = (0, double.NegativeInfinity);
        var lastGain = 0;
        double? merit = null;
        double? startLoss = null;
        if (start is not null && fit.Start(start, formerColumns, cancellationToken) is var (loss, startRanking))
        {
            (startLoss, best) = (loss, Merit(loss, startRanking, former: null));
            merit = best;
            fit.Keep(KeepsState);
        }

        for (var epoch = 1; epoch <= _settings.Epochs && epoch - lastGain <= _settings.Patience; epoch++)
        {
            epochs.Add(fit.Learn(epoch, cancellationToken));
            progress?.Invoke(epochs[^1]);
            if (epochs[^1].Ranking is not { } ranking)
            {
                bestEpoch = lastGain = epoch;
            }
            else
            {
                merit = Merit(epochs[^1].HoldoutLoss!.Value, ranking, merit);
                if (merit > best)
                {
                    lastGain = IsGain(merit.Value, best, train.Count) ? epoch : lastGain;
                    (best, bestEpoch) = (merit.Value, epoch);
                    fit.Keep(KeepsState);
                }
            }
        }

        var model = fit.ToModel(features);
        return new(model, bestEpoch, epochs) { StartHoldoutLoss = startLoss, State = KeepsState ? fit.ToState(model) : null };
    }

    /// <summary>Whether an epoch is so much better than the best one that others are worth their time.</summary>
    internal static bool IsGain(double merit, double best, int events) =>
        merit > best && (!double.IsFinite(best) || merit - best > (events < ManyEvents ? 0 : LeastGain) * Math.Abs(best));

    /// <summary>What is to be as large as possible of a holdout, after an epoch; <paramref name="former"/> is that of the epoch before.</summary>
    private double Merit(double loss, HoldoutRanking ranking, double? former) =>
        !_settings.Loss.Function().OfBlocks.Traits.RanksHoldout ? -loss
        : former is null ? ranking.FullNdcg
        : (Smoothing * former.Value) + ((1 - Smoothing) * ranking.FullNdcg);

    private void Check(FeatureSpace space, SequenceSet set, string name)
    {
        set.Validate();
        if (set.ColumnCount > space.ColumnCount)
        {
            throw new ArgumentException($"The sequences have columns up to {set.ColumnCount - 1}; the space has {space.ColumnCount}.", name);
        }

        if (_history is not null && set.Roles is null)
        {
            throw new ArgumentException("There are no columns of items as part of a history.", name);
        }

        if (set.Count == 0 || set.Weights?.AsSpan().ContainsAnyExcept(0f) == false)
        {
            throw new ArgumentException("There is nothing to predict.", name);
        }
    }
}
