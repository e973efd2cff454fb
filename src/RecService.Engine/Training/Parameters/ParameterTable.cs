using RecService.Engine.Data;
using RecService.Engine.Kernels;
using RecService.Engine.Kernels.Rows;
using RecService.Engine.Model;
using RecService.Engine.Numerics;

namespace RecService.Engine.Training.Parameters;

/// <summary>
/// What training changes. A factor row is a latent vector, padded to the stride, and beside it the solver's sums, so that a step touches neighbouring
/// cache
/// lines only; a weight row is a weight and its sums. k = 16 with AdaGrad takes 128 + 8 bytes a feature.
/// </summary>
/// <remarks>
/// Factor rows: those of the space, then each thread's replicas of the hot ones. Weight rows: the columns, each thread's replicas of the hot ones,
/// then the
/// bias and the field weights, and each thread's replicas of these.
/// </remarks>
internal sealed unsafe class ParameterTable : IDisposable
{
    private readonly FeatureSpace _space;
    private readonly TrainingSettings _settings;
    private readonly RowNumbering _numbering;
    private readonly int _planes;
    private readonly int _vectorLength;
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
    private readonly NativeArray<float>? _ownParts;
    private ParameterCopy? _kept;

    /// <param name="space">The columns.</param>
    /// <param name="settings">The settings.</param>
    /// <param name="numbering">The rows of the columns.</param>
    /// <param name="threads">Threads that have replicas; 1 for none.</param>
    /// <param name="l2ByColumn">Whether columns may have L2 of their own, by <see cref="SetL2"/>.</param>
    public ParameterTable(FeatureSpace space, TrainingSettings settings, RowNumbering numbering, int threads, bool l2ByColumn = false)
    {
        _space = space;
        _settings = settings;
        _numbering = numbering;
        _threads = threads;
        _planes = KernelChoice.PlanesOf(settings.Solver);
        _specials = ParameterTables.SpecialsOf(space, settings.Crossing);
        _specialRows = threads == 1 ? _specials : RowNumbering.Apart(_specials);
        var replicas = threads == 1 ? 0 : threads;
        var factorRows = (nuint)(space.FactorCount + ((long)replicas * RowNumbering.Apart(numbering.HotFactors)));
        var weightRows = (nuint)(
            space.ColumnCount + ((long)replicas * RowNumbering.Apart(numbering.HotWeights)) + ((1 + replicas) * (long)_specialRows)
        );
        _vectorLength = settings.VectorLengthOf(space);
        Stride = ParameterTables.StrideOf(_vectorLength);
        _factors = new(factorRows * (nuint)(Stride * _planes));
        _weights = new(weightRows * (nuint)_planes);
        if (settings.Solver == Solver.Adam)
        {
            _factorTouches = new(factorRows);
            _weightTouches = new(weightRows);
            _corrections = Adam.CorrectionTable();
        }

        var byField = settings.L2ByField ?? new Dictionary<string, FieldL2>(StringComparer.Ordinal);
        _l2 = new(l2ByColumn || byField.Count > 0 ? 2 * weightRows : 2);
        _l2.Pointer[0] = settings.L2Linear;
        _l2.Pointer[1] = settings.L2Factors;
        if (_l2.Length > 2)
        {
            var others = new FieldL2(settings.L2Linear, settings.L2Factors);
            SetL2(column => byField.GetValueOrDefault(space.Fields[space.ColumnFields[column]], others));
        }

        if (settings.Crossing is Crossing.FieldWeighted or Crossing.FieldAware)
        {
            _fields = new(weightRows);
            FillFields();
        }

        if (settings.Crossing == Crossing.FieldAware)
        {
            _ownParts = FieldAwarePass.OwnParts(Stride, settings.Factors);
        }
    }

    /// <summary>Floats of a latent vector: 8 up to a length of 8, else the length rounded up to a multiple of 16.</summary>
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
            FieldLength = _settings.Factors,
            OwnParts = _ownParts is null ? null : _ownParts.Pointer,
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
    public StepContext Context(float rate) =>
        new()
        {
            Rate = rate,
            L2 = _l2.Pointer,
            L2Step = _l2.Length > 2 ? 2u : 0,
            L2FieldWeights = _settings.L2FieldWeights,
            FactorTouches = Touches(_factorTouches),
            WeightTouches = Touches(_weightTouches),
            Corrections = _corrections is null ? null : _corrections.Pointer,
        };

    /// <summary>A buffer for batches in terms of a thread's replicas.</summary>
    public BatchBuffer Buffer(int thread) =>
        _threads == 1
            ? new()
            : new()
            {
                HotFactors = _numbering.HotFactors,
                FactorOffset = _space.FactorCount + (thread * RowNumbering.Apart(_numbering.HotFactors)),
                HotWeights = _numbering.HotWeights,
                WeightOffset = _space.ColumnCount + (thread * RowNumbering.Apart(_numbering.HotWeights)),
            };

    /// <summary>The weight of a column, and what the solver keeps of it; read after all threads are done.</summary>
    public ReadOnlySpan<float> WeightOf(int column) => new(WeightAt((nuint)_numbering.WeightRowOf(column)), _planes);

    /// <summary>The latent vector of a column, and what the solver keeps of it; read after all threads are done.</summary>
    public ReadOnlySpan<float> VectorOf(int column) => new(_factors.Pointer + ((nuint)_numbering.FactorRowOf(column) * Block), (int)Block);

    /// <summary>L2 of a column.</summary>
    public FieldL2 L2Of(int column)
    {
        var l2 = _l2.Pointer + (_l2.Length > 2 ? 2 * _numbering.WeightRowOf(column) : 0);
        return new(l2[0], l2[1]);
    }

    /// <summary>Sets L2 of each column, and of each replica of it; no thread may be learning.</summary>
    public void SetL2(Func<int, FieldL2> l2) =>
        ForEachWeightRow(
            (row, column) =>
            {
                var ofColumn = l2(column);
                _l2.Pointer[2 * row] = ofColumn.Linear;
                _l2.Pointer[(2 * row) + 1] = ofColumn.Factors;
            }
        );

    /// <summary>The rows that threads have replicas of.</summary>
    public ReplicatedRows[] Replicated() =>
        [
            new(_factors.Pointer, _planes, Stride, 0, _space.FactorCount, _numbering.HotFactors, Touches(_factorTouches)),
            new(_weights.Pointer, _planes, 1, 0, _space.ColumnCount, _numbering.HotWeights, Touches(_weightTouches)),
            new(_weights.Pointer, _planes, 1, (int)FirstSpecial, (int)FirstSpecial + _specialRows, _specials, Touches(_weightTouches)),
        ];

    /// <summary>Draws latent vectors, and sets the other parameters to where they start.</summary>
    /// <param name="bias">w0.</param>
    /// <param name="occurrences">How often each column occurs: rows that no example touches stay 0.</param>
    /// <param name="random">Draws.</param>
    public void Initialise(float bias, double[] occurrences, RandomSource random)
    {
        Start(bias);
        var touched = new bool[_space.FactorCount];
        for (var column = 0; column < occurrences.Length; column++)
        {
            touched[_space.FactorOf(column)] |= occurrences[column] > 0;
        }

        for (var factor = 0; factor < touched.Length; factor++)
        {
            var vector = _factors.Pointer + ((nuint)_numbering.RowOfFactor(factor) * Block);
            for (var d = 0; d < _vectorLength; d++)
            {
                // Drawn for every row, so that a row's start does not depend on which others the examples touch.
                var value = _settings.InitialDeviation * (float)random.NextNormal();
                vector[d] = touched[factor] ? value : 0;
            }
        }
    }

    /// <summary>Forgets all that was learned and kept but for a bias.</summary>
    public void TakeConstant(float bias)
    {
        _kept?.Dispose();
        _kept = null;
        _factors.Clear();
        _weights.Clear();
        _factorTouches?.Clear();
        _weightTouches?.Clear();
        Start(bias);
    }

    /// <summary>The parameters of the model as they are, read after all threads are done.</summary>
    public ParameterSource Current =>
        new()
        {
            Tables = Shared,
            Planes = _planes,
            FactorTouches = Touches(_factorTouches),
            WeightTouches = Touches(_weightTouches),
        };

    /// <summary>Those that were kept last, which then are the only ones left; where none were, those there are.</summary>
    public ParameterSource End()
    {
        if (_kept is null)
        {
            return Current;
        }

        _factors.Dispose();
        _weights.Dispose();
        return _kept.Source;
    }

    /// <summary>Keeps the parameters as they are now.</summary>
    /// <param name="sums">Whether what the solver keeps of them is kept too; the same each time.</param>
    public void Keep(bool sums)
    {
        _kept ??= new(_space, Stride, _specials, sums ? _planes : 1, sums && _factorTouches is not null);
        _kept.CopyFrom(Current);
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
        _ownParts?.Dispose();
        _kept?.Dispose();
    }

    /// <summary>Bytes of the parameters and the solver's sums.</summary>
    public static long BytesOf(FeatureSpace space, TrainingSettings settings) =>
        sizeof(float)
        * (long)KernelChoice.PlanesOf(settings.Solver)
        * (((long)space.FactorCount * ParameterTables.StrideOf(settings.VectorLengthOf(space))) + space.ColumnCount);

    private nuint Block => (nuint)(Stride * _planes);

    /// <summary>The shared bias.</summary>
    private nuint FirstSpecial => (nuint)(_space.ColumnCount + ((_threads == 1 ? 0L : _threads) * RowNumbering.Apart(_numbering.HotWeights)));

    private static int* Touches(NativeArray<int>? counts) => counts is null ? null : counts.Pointer;

    private float* WeightAt(nuint row) => _weights.Pointer + (row * (nuint)_planes);

    /// <summary>Sets the solver's sums, the bias and the field weights to where they start.</summary>
    private void Start(float bias)
    {
        if (_settings.Solver == Solver.AdaGrad)
        {
            FillSums(_factors, Stride);
            FillSums(_weights, 1);
        }

        var shared = Shared;
        *shared.Bias = bias;
        for (var pair = 1; pair < _specials; pair++)
        {
            shared.Bias[pair * _planes] = 1;
        }
    }

    private void FillSums(NativeArray<float> table, int length)
    {
        var block = (nuint)(length * _planes);
        for (nuint row = 0; row < table.Length; row += block)
        {
            new Span<float>(table.Pointer + row + length, length * (_planes - 1)).Fill(_settings.InitialAccumulator);
        }
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
