using RecService.Engine.Kernels;
using RecService.Engine.Model;
using RecService.Engine.Numerics;

namespace RecService.Engine.Scoring;

/// <summary>
/// Makes z of items and q of requests, so that ⟨q, z⟩ is what the columns of a request add to a score by crossing with those of an item.
/// </summary>
/// <remarks>
/// In a plain or field-pooled model both are sums of vectors. In a field-weighted one z has a part for each field t of the items, z_t = p_t, and q
/// the parts
/// q_t = Σ_f r_ft p_f over the fields f of the request.
/// </remarks>
internal sealed class ItemVectors
{
    private readonly FactorizationModel _model;
    private readonly FactorizationKernel _kernel;
    private readonly int[] _itemFields;
    private readonly float[] _likeness;

    /// <param name="model">The model.</param>
    /// <param name="itemFields">The fields that items have columns of.</param>
    /// <param name="kernel">The kernel.</param>
    public ItemVectors(FactorizationModel model, int[] itemFields, FactorizationKernel kernel)
    {
        _model = model;
        _kernel = kernel;
        _itemFields = itemFields;
        Parts = model.Crossing == Crossing.FieldWeighted ? itemFields.Length : 1;
        Length = checked(Parts * model.Stride);
        _likeness = Likeness();
    }

    /// <summary>Number of parts of a vector.</summary>
    public int Parts { get; }

    /// <summary>Floats of a vector: parts of <see cref="FactorizationModel.Stride"/> floats one after the other.</summary>
    public int Length { get; }

    /// <summary>Fills in z of an item whose row has just gone forward.</summary>
    public void Take(RowWorkspace row, Span<float> vector)
    {
        if (_model.Crossing != Crossing.FieldWeighted)
        {
            row.Sum.CopyTo(vector);
            return;
        }

        for (var part = 0; part < Parts; part++)
        {
            if (row.IsPresent(_itemFields[part]))
            {
                row.Pooled(_itemFields[part]).CopyTo(Part(vector, part));
            }
            else
            {
                Part(vector, part).Clear();
            }
        }
    }

    /// <summary>Fills in q of a request whose row has just gone forward.</summary>
    public void Query(RowWorkspace row, Span<float> query)
    {
        if (_model.Crossing != Crossing.FieldWeighted)
        {
            row.Sum.CopyTo(query);
            return;
        }

        for (var part = 0; part < Parts; part++)
        {
            row.SumWeighted(Part(query, part), _itemFields[part], row.PresentFields, _model.FieldWeights);
        }
    }

    /// <summary>
    /// Fills in the vector whose inner product with another item's z says how alike that item and the one of <paramref name="z"/> are, up to scale: the
    /// covariance of ⟨q, z⟩ over
    /// requests whose vectors p_f point anywhere and are as long as those of the field's columns. In a plain or field-pooled model it is z itself.
    /// Unlike z and r, it does
    /// not depend on the scale and sign of a field's factors, which a field-weighted model leaves open.
    /// </summary>
    public void LikenessQuery(ReadOnlySpan<float> z, Span<float> query)
    {
        query.Clear();
        for (var part = 0; part < Parts; part++)
        {
            for (var other = 0; other < Parts; other++)
            {
                _kernel.Add(Part(query, part), z.Slice(other * _model.Stride, _model.Stride), _likeness[(part * Parts) + other]);
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

    private Span<float> Part(Span<float> vector, int part) => vector.Slice(part * _model.Stride, _model.Stride);
}
