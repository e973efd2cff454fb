using RecService.Engine.Data;
using RecService.Engine.Data.Histories;
using RecService.Engine.Model;
using RecService.Engine.Numerics;

namespace RecService.Engine.Training.Sequences;

/// <summary>What an epoch came to.</summary>
/// <param name="Report">Losses and times.</param>
/// <param name="Holdout">How the holdout was ranked; null without one.</param>
public readonly record struct SequenceEpoch(EpochReport Report, HoldoutMetrics? Holdout);

/// <summary>What training came to.</summary>
/// <param name="Model">The model as it stood after <paramref name="BestEpoch"/>.</param>
/// <param name="BestEpoch">The epoch with the best holdout; without one, the last.</param>
/// <param name="Epochs">Every epoch that ran.</param>
public sealed record SequenceResult(FactorizationModel Model, int BestEpoch, IReadOnlyList<SequenceEpoch> Epochs);

/// <summary>Trains factorization machines along sequences.</summary>
public sealed class SequenceTrainer
{
    private readonly TrainingSettings _settings;
    private readonly HistorySettings? _history;
    private readonly FactorizationKernel _kernel;

    public SequenceTrainer(TrainingSettings settings, HistorySettings? history)
    {
        settings.Validate();
        history?.Validate();
        _settings = settings;
        _history = history;
        _kernel = settings.KernelName is { } name ? FactorizationKernel.ByName(name) : FactorizationKernel.Default;
    }

    public bool ExcludesSeen { get; init; } = true;

    public SequenceResult Train(
        FeatureSpace space,
        SequenceSet train,
        SequenceSet? holdout = null,
        FeatureIndex? features = null,
        Action<SequenceEpoch>? progress = null,
        CancellationToken cancellationToken = default
    )
    {
        train.Validate();
        holdout?.Validate();
        using var fit = new SequenceFit(_settings, _kernel, space, _history, train, holdout, ExcludesSeen);
        var epochs = new List<SequenceEpoch>();
        var (bestEpoch, best) = (0, double.NegativeInfinity);
        for (var epoch = 1; epoch <= _settings.Epochs && epoch - bestEpoch <= _settings.Patience; epoch++)
        {
            epochs.Add(fit.Learn(epoch, cancellationToken));
            progress?.Invoke(epochs[^1]);
            if (epochs[^1].Holdout is not { } measured)
            {
                bestEpoch = epoch;
            }
            else if (measured.Ndcg > best)
            {
                (best, bestEpoch) = (measured.Ndcg, epoch);
                fit.Keep(state: false);
            }
        }

        return new(fit.ToModel(features), bestEpoch, epochs);
    }
}
