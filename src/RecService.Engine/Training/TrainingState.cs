using RecService.Engine.Data;
using RecService.Engine.Model;
using RecService.Engine.Numerics;

namespace RecService.Engine.Training;

/// <summary>What training changes: weights, latent vectors, and AdaGrad's sums of squared gradients beside each. A model is a copy of it.</summary>
internal sealed class TrainingState
{
    private readonly FeatureSpace _space;
    private readonly TrainingSettings _settings;
    private readonly float[] _weightAccumulators;
    private float _biasAccumulator;

    public TrainingState(FeatureSpace space, ExampleSet train, NegativeSampling? negatives, TrainingSettings settings, RandomSource random)
    {
        _space = space;
        _settings = settings;
        Stride = FactorizationModel.StrideOf(settings.Factors);
        Weights = new float[space.ColumnCount];
        _weightAccumulators = Filled(space.ColumnCount, settings.InitialAccumulator);
        Factors = new float[checked(space.FactorCount * Stride)];
        FactorAccumulators = Filled(Factors.Length, settings.InitialAccumulator);
        _biasAccumulator = settings.InitialAccumulator;
        Bias = LossFunctions.InitialBias(settings.Loss, train, negatives);
        (TargetMinimum, TargetMaximum) = settings.Loss == Loss.Squared ? (train.Targets.Min(), train.Targets.Max()) : (0, 1);
        var touched = TouchedFactors(space, train, negatives);
        for (var row = 0; row < space.FactorCount; row++)
        {
            for (var d = 0; d < settings.Factors; d++)
            {
                // Drawn for every row, so that a row's start does not depend on which others the examples touch.
                var value = settings.InitialDeviation * (float)random.NextNormal();
                Factors[(row * Stride) + d] = touched[row] ? value : 0;
            }
        }
    }

    public int Stride { get; }

    public float Bias { get; private set; }

    public float[] Weights { get; }

    /// <summary>Latent vectors, padded with 0 to <see cref="Stride"/>.</summary>
    public float[] Factors { get; }

    /// <summary>Sums of squared gradients of <see cref="Factors"/>.</summary>
    public float[] FactorAccumulators { get; }

    public float TargetMinimum { get; }

    public float TargetMaximum { get; }

    public void StepBias(float gradient, float rate) => Bias -= Step(gradient, rate, ref _biasAccumulator);

    public void StepWeight(int column, float gradient, float rate) => Weights[column] -= Step(gradient, rate, ref _weightAccumulators[column]);

    public FactorizationModel ToModel(FeatureIndex? features) =>
        new(_space, _settings.Interaction, _settings.Loss, _settings.Factors, Bias, [.. Weights], [.. Factors], TargetMinimum, TargetMaximum, features);

    private static float Step(float gradient, float rate, ref float accumulator)
    {
        accumulator += gradient * gradient;
        return rate * gradient / MathF.Sqrt(accumulator);
    }

    private static float[] Filled(int length, float value)
    {
        var array = new float[length];
        Array.Fill(array, value);
        return array;
    }

    private static bool[] TouchedFactors(FeatureSpace space, ExampleSet train, NegativeSampling? negatives)
    {
        var touched = new bool[space.FactorCount];
        for (var block = 0; block < train.Blocks.Count; block++)
        {
            var rows = train.Blocks[block];
            var used = new bool[rows.Count];
            if (block == negatives?.ItemBlock)
            {
                Array.Fill(used, value: true);
            }

            for (var example = 0; example < train.Count; example++)
            {
                used[train.RowOf(block, example)] = true;
            }

            for (var row = 0; row < used.Length; row++)
            {
                if (used[row])
                {
                    foreach (var column in rows[row].Columns)
                    {
                        touched[space.FactorOf(column)] = true;
                    }
                }
            }
        }

        return touched;
    }
}
