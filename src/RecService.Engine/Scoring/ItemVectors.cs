using RecService.Engine.Kernels;
using RecService.Engine.Model;
using RecService.Engine.Numerics;

namespace RecService.Engine.Scoring;

/// <summary>
/// Makes z of items and q of requests, so that ⟨q, z⟩ is what the columns of a request add to a score by crossing with those of an item.
/// </summary>
/// <remarks>
/// In a plain or field-pooled model both are sums of vectors. In a field-weighted one z has a part for each field t of the items, z_t = p_t, and q
/// the parts q_t = Σ_f r_ft p_f over the fields f of the request. In a field-aware one a part for t joins, for each field f that items have not, what
/// p_t has for f in z, and what p_f has for t in q.
/// </remarks>
internal sealed class ItemVectors
{
    private readonly FactorizationModel _model;
    private readonly FactorizationKernel _kernel;
    private readonly int[] _itemFields;
    private readonly int[] _otherFields;
    private readonly float[] _likeness;

    /// <param name="model">The model.</param>
    /// <param name="itemFields">The fields that items have columns of.</param>
    /// <param name="kernel">The kernel.</param>
    public ItemVectors(FactorizationModel model, int[] itemFields, FactorizationKernel kernel)
    {
        _model = model;
        _kernel = kernel;
        _itemFields = itemFields;
        _otherFields = [.. Enumerable.Range(0, model.Space.FieldCount).Except(itemFields)];
        Parts = HasParts(model.Crossing) ? itemFields.Length : 1;
        PartLength = model.Crossing == Crossing.FieldAware ? checked(_otherFields.Length * model.Factors) : model.Factors;
        PartStride = FactorizationModel.StrideOf(PartLength);
        Length = checked(Parts * PartStride);
        _likeness = model.Crossing == Crossing.FieldAware ? LikenessForFields() : Likeness();
    }

    /// <summary>Whether vectors have a part for each field that items have.</summary>
    public static bool HasParts(Crossing crossing) => crossing is Crossing.FieldWeighted or Crossing.FieldAware;

    /// <summary>Number of parts of a vector.</summary>
    public int Parts { get; }

    /// <summary>Numbers of a part.</summary>
    public int PartLength { get; }

    /// <summary>Floats from one part to the next, a multiple of 16; those after the numbers are 0.</summary>
    public int PartStride { get; }

    /// <summary>Floats of a vector: its parts one after the other.</summary>
    public int Length { get; }

    /// <summary>Fills in z of an item whose row has just gone forward.</summary>
    public void Take(RowWorkspace row, Span<float> vector)
    {
        if (!HasParts(_model.Crossing))
        {
            row.Sum.CopyTo(vector);
            return;
        }

        for (var part = 0; part < Parts; part++)
        {
            Part(vector, part).Clear();
            if (!row.IsPresent(_itemFields[part]))
            {
                continue;
            }

            if (_model.Crossing == Crossing.FieldWeighted)
            {
                row.Pooled(_itemFields[part]).CopyTo(Part(vector, part));
                continue;
            }

            for (var other = 0; other < _otherFields.Length; other++)
            {
                row.Part(_itemFields[part], _otherFields[other]).CopyTo(ForField(vector, part, other));
            }
        }
    }

    /// <summary>Fills in q of a request whose row has just gone forward.</summary>
    public void Query(RowWorkspace row, Span<float> query)
    {
        if (!HasParts(_model.Crossing))
        {
            row.Sum.CopyTo(query);
            return;
        }

        for (var part = 0; part < Parts; part++)
        {
            if (_model.Crossing == Crossing.FieldAware)
            {
                Part(query, part).Clear();
                for (var other = 0; other < _otherFields.Length; other++)
                {
                    if (row.IsPresent(_otherFields[other]))
                    {
                        row.Part(_otherFields[other], _itemFields[part]).CopyTo(ForField(query, part, other));
                    }
                }

                continue;
            }

            row.SumWeighted(Part(query, part), _itemFields[part], row.PresentFields, _model.FieldWeights);
        }
    }

    /// <summary>
    /// Fills in the vector whose inner product with another item's z says how alike that item and the one of <paramref name="z"/> are, up to scale: the
    /// covariance of ⟨q, z⟩ over
    /// requests whose vectors p_f point anywhere and are as long as those of the field's columns. In a plain or field-pooled model it is z itself.
    /// Unlike z and r, it does
    /// not depend on the scale and sign of a field's factors, which field-weighted and field-aware models leave open.
    /// </summary>
    public void LikenessQuery(ReadOnlySpan<float> z, Span<float> query)
    {
        query.Clear();
        if (_model.Crossing == Crossing.FieldAware)
        {
            for (var number = 0; number < query.Length; number++)
            {
                query[number] = _likeness[number] * z[number];
            }

            return;
        }

        for (var part = 0; part < Parts; part++)
        {
            for (var other = 0; other < Parts; other++)
            {
                _kernel.Add(Part(query, part), z.Slice(other * PartStride, PartStride), _likeness[(part * Parts) + other]);
            }
        }
    }

    /// <summary>
    /// Σ_f s_f² r_tf r_uf for parts t and u, over the fields f that items have not, s_f² being the mean ‖v‖² of the field's columns; the largest is
    /// scaled to 1.
    /// </summary>
    private float[] Likeness()
    {
        if (_model.Crossing != Crossing.FieldWeighted)
        {
            return [1];
        }

        var products = new double[Parts * Parts];
        var squares = MeanSquares();
        for (var field = 0; field < squares.Length; field++)
        {
            if (_itemFields.Contains(field))
            {
                continue;
            }

            for (var i = 0; i < products.Length; i++)
            {
                products[i] += squares[field] * _model.FieldWeight(_itemFields[i / Parts], field) * _model.FieldWeight(_itemFields[i % Parts], field);
            }
        }

        var largest = products.Select(Math.Abs).Append(double.Epsilon).Max();
        return [.. products.Select(product => (float)(product / largest))];
    }

    /// <summary>The mean square of what the columns of each field have for each field of the items, for each number of z; the largest is scaled to 1.</summary>
    private float[] LikenessForFields()
    {
        var squares = new float[Length];
        var columns = new int[_model.Space.FieldCount];
        var sums = new double[columns.Length * columns.Length];
        for (var column = 0; column < _model.Space.ColumnCount; column++)
        {
            var field = _model.Space.ColumnFields[column];
            columns[field]++;
            var factors = _model.FactorsOf(column);
            for (var d = 0; d < factors.Length; d++)
            {
                sums[(field * columns.Length) + (d / _model.Factors)] += (double)factors[d] * factors[d];
            }
        }

        for (var part = 0; part < Parts; part++)
        {
            for (var other = 0; other < _otherFields.Length; other++)
            {
                var mean = sums[(_otherFields[other] * columns.Length) + _itemFields[part]] / Math.Max(1, columns[_otherFields[other]]);
                ForField(squares, part, other).Fill((float)mean);
            }
        }

        var largest = squares.Append(float.Epsilon).Max();
        return [.. squares.Select(square => square / largest)];
    }

    private double[] MeanSquares()
    {
        var squares = new double[_model.Space.FieldCount];
        var columns = new int[squares.Length];
        for (var column = 0; column < _model.Space.ColumnCount; column++)
        {
            var field = _model.Space.ColumnFields[column];
            columns[field]++;
            foreach (var factor in _model.FactorsOf(column))
            {
                squares[field] += (double)factor * factor;
            }
        }

        return [.. squares.Zip(columns, (sum, count) => count == 0 ? 0 : sum / count)];
    }

    private Span<float> Part(Span<float> vector, int part) => vector.Slice(part * PartStride, PartStride);

    /// <summary>What a part of a field-aware vector has for a field that items have not.</summary>
    private Span<float> ForField(Span<float> vector, int part, int other) =>
        vector.Slice((part * PartStride) + (other * _model.Factors), _model.Factors);
}
