using RecService.Engine.Data;
using RecService.Engine.Model;
using RecService.Engine.Numerics;

namespace RecService.Engine.Training;

/// <summary>
/// What training changes. A factor row is a latent vector, padded to the stride, and beside it the solver's sums, so that a step touches neighbouring cache
/// lines only; a weight row is a weight and its sums. k = 16 with AdaGrad takes 128 + 8 bytes a feature.
/// </summary>
/// <remarks>
/// Factor rows: those of the space, then each thread's replicas of the hot ones. Weight rows: the columns, each thread's replicas of the hot ones, then the
/// bias and the field weights, and each thread's replicas of these.
/// </remarks>
internal sealed unsafe class ParameterTable : IDisposable
{
    private readonly FeatureSpace _space;
    private readonly TrainingSettings _settings;
    private readonly RowNumbering _numbering;
    private readonly int _planes;
    private readonly int _specials;
    private readonly int _specialRows;
    private readonly int _threads;
    private readonly NativeArray<float> _factors;
    private readonly NativeArray<float> _weights;
    private readonly NativeArray<int>? _factorTouches;
    private readonly NativeArray<int>? _weightTouches;
    private readonly NativeArray<float>? _corrections;
    private readonly NativeArray<float> _l2;
    private readonly NativeArray<int>? _fields;
    private readonly TargetScale _scale;
    private NativeArray<float>? _bestFactors;
    private NativeArray<float>? _bestWeights;

    /// <param name="space">The columns.</param>
    /// <param name="settings">The settings.</param>
    /// <param name="numbering">The rows of the columns.</param>
    /// <param name="threads">Threads that have replicas; 1 for none.</param>
    /// <param name="scale">The scale of the targets.</param>
    public ParameterTable(FeatureSpace space, TrainingSettings settings, RowNumbering numbering, int threads, TargetScale scale)
    {
        _space = space;
        _settings = settings;
        _numbering = numbering;
        _scale = scale;
        _threads = threads;
        _planes = Kernels.PlanesOf(settings.Solver);
        _specials = 1 + (settings.Interaction == FeatureInteraction.FieldWeighted ? space.FieldCount * space.FieldCount : 0);
        _specialRows = threads == 1 ? _specials : RowNumbering.Apart(_specials);
        var replicas = threads == 1 ? 0 : threads;
        var factorRows = (nuint)(space.FactorCount + ((long)replicas * RowNumbering.Apart(numbering.HotFactors)));
        var weightRows = (nuint)(space.ColumnCount + ((long)replicas * RowNumbering.Apart(numbering.HotWeights)) + ((1 + replicas) * (long)_specialRows));
        Stride = StrideOf(settings.Factors);
        _factors = new(factorRows * (nuint)(Stride * _planes));
        _weights = new(weightRows * (nuint)_planes);
        if (settings.Solver == Solver.Adam)
        {
            _factorTouches = new(factorRows);
            _weightTouches = new(weightRows);
            _corrections = Adam.CorrectionTable();
        }

        _l2 = new(settings.L2ByField is { Count: > 0 } ? 2 * weightRows : 2);
        _l2.Pointer[0] = settings.L2Linear;
        _l2.Pointer[1] = settings.L2Factors;
        if (settings.L2ByField is { Count: > 0 } byField)
        {
            FillRegularisation(byField);
        }

        if (settings.Interaction == FeatureInteraction.FieldWeighted)
        {
            _fields = new(weightRows);
            FillFields();
        }
    }

    /// <summary>Floats of a latent vector: 8 up to k = 8, else k rounded up to a multiple of 16.</summary>
    public int Stride { get; }

    /// <summary>Where a thread finds the parameters.</summary>
    public ParameterTables Tables(int thread)
    {
        var specials = FirstSpecial + (_threads == 1 ? 0 : (nuint)((1 + thread) * _specialRows));
        return new()
        {
            Factors = _factors.Pointer,
            Weights = _weights.Pointer,
            FactorBlock = Block,
            WeightBlock = (nuint)_planes,
            Stride = Stride,
            Bias = WeightAt(specials),
            FieldWeights = WeightAt(specials + 1),
            FieldCount = _space.FieldCount,
            Fields = _fields is null ? null : _fields.Pointer,
        };
    }

    /// <summary>Where parameters are read after all threads are done.</summary>
    public ParameterTables Shared => Tables(0) with { Bias = WeightAt(FirstSpecial), FieldWeights = WeightAt(FirstSpecial + 1) };

    /// <summary>Copies the bias, and what the solver keeps of it, to a replica or back.</summary>
    public void CopyBias(in ParameterTables from, in ParameterTables to)
    {
        for (var plane = 0; plane < _planes; plane++)
        {
            to.Bias[plane] = from.Bias[plane];
        }

        if (_weightTouches is not null)
        {
            _weightTouches.Pointer[to.WeightRowAt(to.Bias)] = _weightTouches.Pointer[from.WeightRowAt(from.Bias)];
        }
    }

    /// <summary>What the solver needs at a learning rate.</summary>
    public StepContext Context(float rate) => new()
    {
        Rate = rate,
        L2 = _l2.Pointer,
        L2Step = _l2.Length > 2 ? 2u : 0,
        L2FieldWeights = _settings.L2FieldWeights,
        FactorTouches = _factorTouches is null ? null : _factorTouches.Pointer,
        WeightTouches = _weightTouches is null ? null : _weightTouches.Pointer,
        Corrections = _corrections is null ? null : _corrections.Pointer,
    };

    /// <summary>A buffer for batches in terms of a thread's replicas.</summary>
    public BatchBuffer Buffer(int thread) => _threads == 1 ? new() : new()
    {
        HotFactors = _numbering.HotFactors,
        FactorOffset = _space.FactorCount + (thread * RowNumbering.Apart(_numbering.HotFactors)),
        HotWeights = _numbering.HotWeights,
        WeightOffset = _space.ColumnCount + (thread * RowNumbering.Apart(_numbering.HotWeights)),
    };

    /// <summary>The rows that threads have replicas of.</summary>
    public ReplicatedRows[] Replicated() =>
    [
        new(_factors.Pointer, _planes, Stride, 0, _space.FactorCount, _numbering.HotFactors),
        new(_weights.Pointer, _planes, 1, 0, _space.ColumnCount, _numbering.HotWeights),
        new(_weights.Pointer, _planes, 1, (int)FirstSpecial, (int)FirstSpecial + _specialRows, _specials),
    ];

    /// <summary>Draws latent vectors, and sets the other parameters to where they start.</summary>
    /// <param name="bias">w0.</param>
    /// <param name="occurrences">How often each column occurs: rows that no example touches stay 0.</param>
    /// <param name="random">Draws.</param>
    public void Initialise(float bias, double[] occurrences, RandomSource random)
    {
        if (_settings.Solver == Solver.AdaGrad)
        {
            FillSums(_factors, Stride);
            FillSums(_weights, 1);
        }

        var touched = new bool[_space.FactorCount];
        for (var column = 0; column < occurrences.Length; column++)
        {
            touched[_space.FactorOf(column)] |= occurrences[column] > 0;
        }

        for (var factor = 0; factor < touched.Length; factor++)
        {
            var vector = _factors.Pointer + ((nuint)_numbering.RowOfFactor(factor) * Block);
            for (var d = 0; d < _settings.Factors; d++)
            {
                // Drawn for every row, so that a row's start does not depend on which others the examples touch.
                var value = _settings.InitialDeviation * (float)random.NextNormal();
                vector[d] = touched[factor] ? value : 0;
            }
        }

        var shared = Shared;
        *shared.Bias = bias;
        for (var pair = 1; pair < _specials; pair++)
        {
            shared.Bias[pair * _planes] = 1;
        }
    }

    /// <summary>Takes parameters over from a model: the bias, the field weights where it has the same fields, and the columns that it has too.</summary>
    /// <param name="model">The model, of the same number of factors.</param>
    /// <param name="columns">For each column its column in <paramref name="model"/>, or −1.</param>
    public void Take(FactorizationModel model, ReadOnlySpan<int> columns)
    {
        var shared = Shared;
        *shared.Bias = (model.Bias - _scale.Mean) / _scale.Deviation;
        for (var column = 0; column < columns.Length; column++)
        {
            var former = columns[column];
            if (former < 0)
            {
                continue;
            }

            *At(shared, (nuint)_numbering.WeightRowOf(column)) = model.Weights[former] / _scale.Deviation;
            var vector = shared.Factors + ((nuint)_numbering.FactorRowOf(column) * shared.FactorBlock);
            var factors = model.FactorsOf(former);
            for (var d = 0; d < factors.Length; d++)
            {
                vector[d] = factors[d] / _scale.RootDeviation;
            }
        }

        if (_specials == 1 || model.FieldWeights.IsEmpty)
        {
            return;
        }

        for (var f = 0; f < _space.FieldCount; f++)
        {
            for (var g = f + 1; g < _space.FieldCount; g++)
            {
                var (formerF, formerG) = (FieldOf(model, _space.Fields[f]), FieldOf(model, _space.Fields[g]));
                if (formerF >= 0 && formerG >= 0)
                {
                    shared.FieldWeights[((f * _space.FieldCount) + g) * _planes] = model.FieldWeight(formerF, formerG);
                }
            }
        }

        static int FieldOf(FactorizationModel model, string field) => model.Space.Fields.ToList().IndexOf(field);
    }

    /// <summary>Whether every parameter of the model is a finite number.</summary>
    public bool IsFinite()
    {
        var shared = Shared;
        for (var row = 0; row < _space.FactorCount; row++)
        {
            var vector = shared.Factors + ((nuint)row * shared.FactorBlock);
            for (var d = 0; d < _settings.Factors; d++)
            {
                if (!float.IsFinite(vector[d] * _scale.RootDeviation))
                {
                    return false;
                }
            }
        }

        for (var row = 0; row < _space.ColumnCount; row++)
        {
            if (!float.IsFinite(*At(shared, (nuint)row) * _scale.Deviation))
            {
                return false;
            }
        }

        for (var special = 0; special < _specials; special++)
        {
            if (!float.IsFinite(shared.Bias[special * _planes] * _scale.Deviation))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Keeps the parameters as they are now, for <see cref="ToModel"/>.</summary>
    public void Keep()
    {
        _bestFactors ??= new((nuint)_space.FactorCount * (nuint)Stride);
        _bestWeights ??= new((nuint)(_space.ColumnCount + _specials));
        var shared = Shared;
        for (nuint row = 0; row < (nuint)_space.FactorCount; row++)
        {
            new Span<float>(shared.Factors + (row * Block), Stride).CopyTo(new(_bestFactors.Pointer + (row * (nuint)Stride), Stride));
        }

        for (nuint row = 0; row < (nuint)_space.ColumnCount; row++)
        {
            _bestWeights.Pointer[row] = *At(shared, row);
        }

        for (nuint special = 0; special < (nuint)_specials; special++)
        {
            _bestWeights.Pointer[(nuint)_space.ColumnCount + special] = shared.Bias[special * (nuint)_planes];
        }
    }

    /// <summary>The model that was kept last, or that is there now; y = mean + deviation · (the score within training).</summary>
    public FactorizationModel ToModel(FeatureIndex? features)
    {
        var source = _bestFactors is null || _bestWeights is null
            ? Shared
            : Shared with
            {
                Factors = _bestFactors.Pointer,
                FactorBlock = (nuint)Stride,
                Weights = _bestWeights.Pointer,
                WeightBlock = 1,
                Bias = _bestWeights.Pointer + _space.ColumnCount,
                FieldWeights = _bestWeights.Pointer + _space.ColumnCount + 1,
            };
        var weights = new float[_space.ColumnCount];
        for (var column = 0; column < weights.Length; column++)
        {
            weights[column] = _scale.Deviation * *At(source, (nuint)_numbering.WeightRowOf(column));
        }

        var (k, stride) = (_settings.Factors, FactorizationModel.StrideOf(_settings.Factors));
        var factors = new float[checked(_space.FactorCount * stride)];
        for (var factor = 0; factor < _space.FactorCount; factor++)
        {
            var vector = source.Factors + ((nuint)_numbering.RowOfFactor(factor) * source.FactorBlock);
            for (var d = 0; d < k; d++)
            {
                // ⟨v_i, v_j⟩ scales with the square of the vectors.
                factors[(factor * stride) + d] = _scale.RootDeviation * vector[d];
            }
        }

        return new(
            _space, _settings.Interaction, _settings.Loss, k, _scale.Mean + (_scale.Deviation * *source.Bias), weights, factors,
            _scale.Minimum, _scale.Maximum, features, FieldWeightsOf(source));
    }

    public void Dispose()
    {
        _factors.Dispose();
        _weights.Dispose();
        _factorTouches?.Dispose();
        _weightTouches?.Dispose();
        _corrections?.Dispose();
        _l2.Dispose();
        _fields?.Dispose();
        _bestFactors?.Dispose();
        _bestWeights?.Dispose();
    }

    /// <summary>Bytes of the parameters and the solver's sums.</summary>
    public static long BytesOf(FeatureSpace space, TrainingSettings settings) =>
        sizeof(float) * (long)Kernels.PlanesOf(settings.Solver) * (((long)space.FactorCount * StrideOf(settings.Factors)) + space.ColumnCount);

    /// <summary>Floats that latent vectors of a length take in training.</summary>
    public static int StrideOf(int factors) => factors is > 0 and <= 8 ? 8 : FactorizationModel.StrideOf(factors);

    private nuint Block => (nuint)(Stride * _planes);

    /// <summary>The shared bias.</summary>
    private nuint FirstSpecial => (nuint)(_space.ColumnCount + ((_threads == 1 ? 0L : _threads) * RowNumbering.Apart(_numbering.HotWeights)));

    private float* WeightAt(nuint row) => _weights.Pointer + (row * (nuint)_planes);

    private static float* At(in ParameterTables tables, nuint weightRow) => tables.Weights + (weightRow * tables.WeightBlock);

    private float[]? FieldWeightsOf(in ParameterTables source)
    {
        if (_specials == 1)
        {
            return null;
        }

        var fields = _space.FieldCount;
        var weights = new float[fields * fields];
        for (var f = 0; f < fields; f++)
        {
            for (var g = f + 1; g < fields; g++)
            {
                weights[(f * fields) + g] = weights[(g * fields) + f] = source.FieldWeights[(nuint)((f * fields) + g) * source.WeightBlock];
            }
        }

        return weights;
    }

    private void FillSums(NativeArray<float> table, int length)
    {
        var block = (nuint)(length * _planes);
        for (nuint row = 0; row < table.Length; row += block)
        {
            new Span<float>(table.Pointer + row + length, length * (_planes - 1)).Fill(_settings.InitialAccumulator);
        }
    }

    private void FillRegularisation(IReadOnlyDictionary<string, FieldL2> byField)
    {
        ForEachWeightRow((row, column) =>
        {
            var field = byField.GetValueOrDefault(_space.Fields[_space.ColumnFields[column]]);
            _l2.Pointer[2 * row] = field?.Linear ?? _settings.L2Linear;
            _l2.Pointer[(2 * row) + 1] = field?.Factors ?? _settings.L2Factors;
        });
    }

    private void FillFields() => ForEachWeightRow((row, column) => _fields!.Pointer[row] = _space.ColumnFields[column]);

    /// <summary>Calls for the weight row of each column, and for each replica of it.</summary>
    private void ForEachWeightRow(Action<int, int> action)
    {
        for (var column = 0; column < _space.ColumnCount; column++)
        {
            var row = _numbering.WeightRowOf(column);
            action(row, column);
            for (var thread = 0; thread < _threads && row < _numbering.HotWeights; thread++)
            {
                action(_space.ColumnCount + (thread * RowNumbering.Apart(_numbering.HotWeights)) + row, column);
            }
        }
    }
}
