using RecService.Engine.Data;
using RecService.Engine.Kernels.Rows;
using RecService.Engine.Numerics;

namespace RecService.Engine.Training.Parameters;

/// <summary>Where the parameters of a model are: in the tables of training, or in a copy of theirs.</summary>
internal unsafe struct ParameterSource
{
    /// <summary>The parameters, by rows.</summary>
    public ParameterTables Tables;

    /// <summary>Floats there of each parameter: 1 where the solver's sums were left out.</summary>
    public int Planes;

    /// <summary>How often each factor row was touched; null where nobody counts.</summary>
    public int* FactorTouches;

    /// <summary>How often each weight row was touched; null where nobody counts.</summary>
    public int* WeightTouches;

    /// <summary>The latent vector in a factor row, and its sums.</summary>
    public readonly float* Vector(int row) => Tables.Factors + ((nuint)row * Tables.FactorBlock);

    /// <summary>The weight in a weight row, and its sums.</summary>
    public readonly float* Weight(int row) => Tables.Weights + ((nuint)row * Tables.WeightBlock);

    /// <summary>The bias, for 0; r_fg, for 1 + F · f + g.</summary>
    public readonly float* Special(int special) => Tables.Bias + ((nuint)special * Tables.WeightBlock);
}

/// <summary>A copy of the parameters of a model. Weight rows are the columns, the bias and the field weights.</summary>
internal sealed unsafe class ParameterCopy : IDisposable
{
    private readonly NativeArray<float> _factors;
    private readonly NativeArray<float> _weights;
    private readonly NativeArray<int>? _factorTouches;
    private readonly NativeArray<int>? _weightTouches;
    private readonly int _factorRows;
    private readonly int _columns;
    private readonly int _specials;
    private readonly int _stride;

    /// <param name="space">The columns.</param>
    /// <param name="stride">Floats of a latent vector.</param>
    /// <param name="specials">The bias and the field weights.</param>
    /// <param name="planes">Floats to copy of each parameter.</param>
    /// <param name="touches">Whether to copy how often rows were touched.</param>
    public ParameterCopy(FeatureSpace space, int stride, int specials, int planes, bool touches)
    {
        (_factorRows, _columns, _specials, _stride) = (space.FactorCount, space.ColumnCount, specials, stride);
        _factors = new((nuint)_factorRows * (nuint)(planes * stride));
        _weights = new((nuint)(_columns + specials) * (nuint)planes);
        if (touches)
        {
            _factorTouches = new((nuint)_factorRows);
            _weightTouches = new((nuint)(_columns + specials));
        }

        Source = new()
        {
            Tables = new()
            {
                Factors = _factors.Pointer,
                FactorBlock = (nuint)(planes * stride),
                Weights = _weights.Pointer,
                WeightBlock = (nuint)planes,
                Stride = stride,
                Bias = _weights.Pointer + ((nuint)_columns * (nuint)planes),
            },
            Planes = planes,
            FactorTouches = touches ? _factorTouches!.Pointer : null,
            WeightTouches = touches ? _weightTouches!.Pointer : null,
        };
    }

    /// <summary>Where the copy is.</summary>
    public ParameterSource Source { get; }

    public void CopyFrom(in ParameterSource source)
    {
        var length = Source.Planes * _stride;
        for (var row = 0; row < _factorRows; row++)
        {
            new Span<float>(source.Vector(row), length).CopyTo(new(Source.Vector(row), length));
        }

        for (var column = 0; column < _columns; column++)
        {
            Copy(source.Weight(column), Source.Weight(column));
        }

        for (var special = 0; special < _specials; special++)
        {
            Copy(source.Special(special), Source.Special(special));
        }

        if (_factorTouches is not null && _weightTouches is not null)
        {
            new Span<int>(source.FactorTouches, _factorRows).CopyTo(new(_factorTouches.Pointer, _factorRows));
            new Span<int>(source.WeightTouches, _columns).CopyTo(new(_weightTouches.Pointer, _columns));
            new Span<int>(source.WeightTouches + source.Tables.WeightRowAt(source.Tables.Bias), _specials).CopyTo(
                new(_weightTouches.Pointer + _columns, _specials)
            );
        }
    }

    public void Dispose()
    {
        _factors.Dispose();
        _weights.Dispose();
        _factorTouches?.Dispose();
        _weightTouches?.Dispose();
    }

    private void Copy(float* from, float* to)
    {
        for (var plane = 0; plane < Source.Planes; plane++)
        {
            to[plane] = from[plane];
        }
    }
}
