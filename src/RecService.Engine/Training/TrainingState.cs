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
        Target = TargetScale.Of(settings.Loss, train);
        Bias = settings.Loss == Loss.Squared ? 0 : LossFunctions.InitialLogit(train, negatives);
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

    /// <summary>The scale on which the state predicts targets.</summary>
    public TargetScale Target { get; }

    public void StepBias(float gradient, float rate) => Bias -= Step(gradient, rate, ref _biasAccumulator);

    public void StepWeight(int column, float gradient, float rate) => Weights[column] -= Step(gradient, rate, ref _weightAccumulators[column]);

    /// <summary>Whether every parameter of the model is a finite number.</summary>
    public bool IsFinite() =>
        float.IsFinite(Target.Mean + (Target.Deviation * Bias)) && AllFinite(Weights, Target.Deviation) && AllFinite(Factors, MathF.Sqrt(Target.Deviation));

    /// <summary>The model in units of the targets: y = mean + deviation · (the state's score).</summary>
    public FactorizationModel ToModel(FeatureIndex? features)
    {
        // ⟨v_i, v_j⟩ scales with the square of the vectors.
        var root = MathF.Sqrt(Target.Deviation);
        return new(
            _space, _settings.Interaction, _settings.Loss, _settings.Factors, Target.Mean + (Target.Deviation * Bias),
            [.. Weights.Select(weight => Target.Deviation * weight)], [.. Factors.Select(factor => root * factor)], Target.Minimum, Target.Maximum, features);
    }

    private static bool AllFinite(ReadOnlySpan<float> values, float scale)
    {
        foreach (var value in values)
        {
            if (!float.IsFinite(scale * value))
            {
                return false;
            }
        }

        return true;
    }

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
                used[train.RowOf(block, example)] |= train.WeightOf(example) > 0;
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
