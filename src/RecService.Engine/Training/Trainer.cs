using System.Diagnostics;
using RecService.Engine.Data;
using RecService.Engine.Model;
using RecService.Engine.Numerics;

namespace RecService.Engine.Training;

/// <summary>What an epoch came to.</summary>
/// <param name="Epoch">1 for the first.</param>
/// <param name="TrainLoss">
/// Weighted mean loss of the training examples, each before it was learned from: squared error in squared units of the target, or log loss; without regularisation.
/// </param>
/// <param name="HoldoutLoss">The same of the holdout after the epoch, predictions clipped to the range of the training targets; null without a holdout.</param>
/// <param name="Elapsed">Time the epoch took, holdout included.</param>
public readonly record struct EpochReport(int Epoch, double TrainLoss, double? HoldoutLoss, TimeSpan Elapsed);

/// <summary>What training came to.</summary>
/// <param name="Model">The model as it stood after <paramref name="BestEpoch"/>.</param>
/// <param name="BestEpoch">The epoch with the lowest holdout loss; without a holdout, the last.</param>
/// <param name="Epochs">Every epoch that ran.</param>
public sealed record TrainingResult(FactorizationModel Model, int BestEpoch, IReadOnlyList<EpochReport> Epochs);

/// <summary>Trains factorization machines by AdaGrad (Duchi, Hazan, Singer, JMLR 2011) on shuffled examples. The same settings and data give the same model.</summary>
public sealed class Trainer
{
    private readonly TrainingSettings _settings;
    private readonly FactorizationKernel _kernel;

    /// <param name="settings">The settings, which are checked.</param>
    /// <exception cref="ArgumentException">A setting is out of range, or names a kernel that this machine has not.</exception>
    /// <exception cref="NotSupportedException">The loss is <see cref="Loss.Bpr"/>, or the interaction <see cref="FeatureInteraction.FieldWeighted"/>.</exception>
    public Trainer(TrainingSettings settings)
    {
        ArgumentNullException.ThrowIfNull(settings);
        settings.Validate();
        if (settings.Loss == Loss.Bpr || settings.Interaction == FeatureInteraction.FieldWeighted)
        {
            throw new NotSupportedException($"Models of loss {settings.Loss} and interaction {settings.Interaction} cannot be trained yet.");
        }

        _settings = settings;
        _kernel = settings.KernelName is { } name ? FactorizationKernel.ByName(name) : FactorizationKernel.Default;
    }

    /// <summary>Trains until the holdout has not improved for <see cref="TrainingSettings.Patience"/> epochs, or for all <see cref="TrainingSettings.Epochs"/>.</summary>
    /// <param name="space">The columns of the examples.</param>
    /// <param name="train">The examples to learn from; at least one.</param>
    /// <param name="holdout">The examples that decide when to stop and which epoch is kept.</param>
    /// <param name="negatives">For implicit feedback: how each positive gets its negatives.</param>
    /// <param name="features">The index that made the columns, to be stored with the model.</param>
    /// <param name="progress">Called after each epoch, on the calling thread.</param>
    /// <param name="cancellationToken">Ends training within a thousand examples.</param>
    /// <returns>The model of the best epoch. Latent vectors that no training example touches are 0: they would say nothing but noise.</returns>
    /// <exception cref="ArgumentException">There are no examples, all weigh 0, or they have columns outside the space.</exception>
    /// <exception cref="TrainingDivergedException">The loss grew without bound, or a parameter is no longer a finite number.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public TrainingResult Train(
        FeatureSpace space,
        ExampleSet train,
        ExampleSet? holdout = null,
        NegativeSampling? negatives = null,
        FeatureIndex? features = null,
        Action<EpochReport>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(space);
        ArgumentNullException.ThrowIfNull(train);
        Check(space, train, nameof(train));
        if (holdout is not null)
        {
            Check(space, holdout, nameof(holdout));
        }

        negatives?.Check(train);
        var random = new RandomSource(_settings.Seed);
        var state = new TrainingState(space, train, negatives, _settings, random);
        var examples = new Examples(space, _settings, _kernel, state);
        var order = Enumerable.Range(0, train.Count).ToArray();
        var epochs = new List<EpochReport>();
        FactorizationModel? best = null;
        var bestLoss = double.PositiveInfinity;
        var bestEpoch = 0;
        for (var epoch = 1; epoch <= _settings.Epochs && epoch - bestEpoch <= _settings.Patience; epoch++)
        {
            var start = Stopwatch.GetTimestamp();
            random.Shuffle(order.AsSpan());
            var trainLoss = examples.Learn(train, order, negatives, random, cancellationToken);
            var holdoutLoss = holdout is null ? null : (double?)examples.Measure(holdout, cancellationToken);
            if (!state.Target.IsPlausible(trainLoss) || holdoutLoss is { } measured && !state.Target.IsPlausible(measured) || !state.IsFinite())
            {
                throw new TrainingDivergedException(epoch);
            }

            epochs.Add(new(epoch, trainLoss, holdoutLoss, Stopwatch.GetElapsedTime(start)));
            progress?.Invoke(epochs[^1]);
            if (holdoutLoss is null)
            {
                bestEpoch = epoch;
            }
            else if (holdoutLoss < bestLoss)
            {
                bestLoss = holdoutLoss.Value;
                bestEpoch = epoch;
                best = state.ToModel(features);
            }
        }

        return new(best ?? state.ToModel(features), bestEpoch, epochs);
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

    /// <summary>One pass over examples: predict, compare, and in training learn.</summary>
    private sealed class Examples(FeatureSpace space, TrainingSettings settings, FactorizationKernel kernel, TrainingState state)
    {
        private const int CancellationInterval = 1_000;

        private readonly RowWorkspace _workspace = new(space, settings.Interaction, settings.Factors, kernel);
        private readonly RowBuffer _row = new();

        /// <summary>Learns from every example once, each positive followed by its negatives; returns the weighted mean loss.</summary>
        public double Learn(ExampleSet examples, int[] order, NegativeSampling? negatives, RandomSource random, CancellationToken cancellationToken)
        {
            var (loss, weights) = (0.0, 0.0);
            for (var i = 0; i < order.Length; i++)
            {
                if (i % CancellationInterval == 0)
                {
                    cancellationToken.ThrowIfCancellationRequested();
                }

                var example = order[i];
                var weight = examples.WeightOf(example);
                if (weight == 0)
                {
                    continue;
                }

                loss += weight * Learn(examples.Gather(example, _row), state.Target.Scaled(examples.Targets[example]), weight);
                weights += weight;
                for (var n = 0; n < negatives?.PerPositive; n++)
                {
                    var item = negatives.Draw(examples.RowOf(negatives.UserBlock, example), examples.Blocks[negatives.ItemBlock].Count, random);
                    if (item >= 0)
                    {
                        loss += weight * Learn(examples.GatherWith(example, negatives.ItemBlock, item, _row), target: 0, weight);
                        weights += weight;
                    }
                }
            }

            return state.Target.LossOf(loss / weights);
        }

        /// <summary>The weighted mean loss, without learning.</summary>
        public double Measure(ExampleSet examples, CancellationToken cancellationToken)
        {
            var (loss, weights) = (0.0, 0.0);
            for (var example = 0; example < examples.Count; example++)
            {
                if (example % CancellationInterval == 0)
                {
                    cancellationToken.ThrowIfCancellationRequested();
                }

                var weight = examples.WeightOf(example);
                var score = state.Target.Clip(Score(examples.Gather(example, _row)));
                loss += weight * LossFunctions.Value(settings.Loss, score, state.Target.Scaled(examples.Targets[example]));
                weights += weight;
            }

            return state.Target.LossOf(loss / weights);
        }

        private float Score(SparseRow row) => state.Bias + _workspace.Forward(row, state.Weights, state.Factors, out var linear) + linear;

        private double Learn(SparseRow row, float target, float weight)
        {
            var score = Score(row);
            var gradient = weight * LossFunctions.Gradient(settings.Loss, score, target);
            state.StepBias(gradient, settings.LearningRate);
            var stride = state.Stride;
            for (var e = 0; e < row.Columns.Length; e++)
            {
                var column = row.Columns[e];
                var x = row.ValueAt(e);
                state.StepWeight(column, (gradient * x) + (weight * settings.L2Linear * state.Weights[column]), settings.LearningRate);
                var offset = space.FactorOf(column) * stride;
                var factors = state.Factors.AsSpan(offset, stride);
                // ∂y/∂v_i = x_i (S − p_f(i)); in a plain model a feature's own part is x_i v_i.
                var plain = settings.Interaction == FeatureInteraction.Plain;
                var own = plain ? factors : _workspace.Pooled(space.ColumnFields[column]);
                kernel.AdaGrad(factors, state.FactorAccumulators.AsSpan(offset, stride), _workspace.Sum, own,
                    gradient * x, plain ? -gradient * x * x : -gradient * x, weight * settings.L2Factors, settings.LearningRate);
            }

            return LossFunctions.Value(settings.Loss, score, target);
        }
    }
}
