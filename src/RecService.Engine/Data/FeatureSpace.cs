namespace RecService.Engine.Data;

/// <summary>
/// The columns of a design matrix: which field each belongs to, and which row of the factor table holds its latent vector.
/// </summary>
/// <remarks>
/// A column is a (field, feature) pair. Linear weights are per column, latent vectors per factor row, and two columns may share
/// a factor row: the same tag on an item and in a request has one latent vector and two weights, so the field belongs to the
/// entry of a row and not to the feature. Immutable; safe to share between threads.
/// </remarks>
public sealed class FeatureSpace
{
    /// <summary>Name of the field of <see cref="OfOneField"/>, unless it is given another.</summary>
    internal const string OnlyField = "feature";

    private readonly string[] _fields;
    private readonly int[] _columnFields;
    private readonly int[] _columnFactors;
    private readonly int[] _factorIndices;

    /// <param name="fields">Names of the fields, distinct; at least one.</param>
    /// <param name="columnFields">Field of each column, each in [0, number of fields).</param>
    /// <param name="columnFactors">
    /// Factor row of each column, or null when column i has row i. The rows used must be 0 … m−1 without a gap.
    /// </param>
    /// <param name="factorIndices">
    /// What text files call each factor row, in ascending order and not negative, or null when it is its number: of files whose indices mostly do not occur.
    /// </param>
    /// <exception cref="ArgumentException">A field is named twice, a field or factor row is out of range, or the indices are not as they should be.</exception>
    public FeatureSpace(IReadOnlyList<string> fields, int[] columnFields, int[]? columnFactors = null, int[]? factorIndices = null)
    {
        ArgumentNullException.ThrowIfNull(fields);
        ArgumentNullException.ThrowIfNull(columnFields);
        _fields = [.. fields];
        // Copies: the kernels go by them without looking whether they are within bounds.
        columnFields = _columnFields = [.. columnFields];
        _columnFactors = columnFactors is null ? [] : [.. columnFactors];
        if (_fields.Length == 0)
        {
            throw new ArgumentException("A feature space needs at least one field.", nameof(fields));
        }

        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (var field in _fields)
        {
            if (field is null || !names.Add(field))
            {
                throw new ArgumentException($"The field '{field}' is null or named twice.", nameof(fields));
            }
        }

        for (var column = 0; column < columnFields.Length; column++)
        {
            if ((uint)columnFields[column] >= (uint)_fields.Length)
            {
                throw new ArgumentException(
                    $"Column {column} has field {columnFields[column]}; there are {_fields.Length} fields.",
                    nameof(columnFields)
                );
            }
        }

        IsSortedByField = IsSorted(columnFields);
        FactorCount = columnFactors is null ? columnFields.Length : CountFactors(columnFactors, columnFields.Length);
        _factorIndices = factorIndices is null ? [] : [.. factorIndices];
        CheckIndices(_factorIndices, factorIndices is null ? 0 : FactorCount);
    }

    /// <summary>
    /// Whether the columns of a field lie together, in the order of the fields: then two columns of one field have only its columns between them.
    /// </summary>
    internal bool IsSortedByField { get; }

    /// <summary>Names of the fields, by field index.</summary>
    public IReadOnlyList<string> Fields => _fields;

    /// <summary>F, the number of fields.</summary>
    public int FieldCount => _fields.Length;

    /// <summary>Number of columns, which is the number of linear weights.</summary>
    public int ColumnCount => _columnFields.Length;

    /// <summary>Number of rows of the factor table.</summary>
    public int FactorCount { get; }

    /// <summary>Field of each column.</summary>
    public ReadOnlySpan<int> ColumnFields => _columnFields;

    /// <summary>Factor row of each column; empty when column i has row i.</summary>
    public ReadOnlySpan<int> ColumnFactors => _columnFactors;

    /// <summary>What text files call each factor row, in ascending order; empty when it is its number.</summary>
    public ReadOnlySpan<int> FactorIndices => _factorIndices;

    /// <summary>The factor row of <paramref name="column"/>.</summary>
    public int FactorOf(int column)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)column, (uint)ColumnCount, nameof(column));
        return _columnFactors.Length == 0 ? column : _columnFactors[column];
    }

    /// <summary>Whether the other space has the same fields and columns, so that rows of one are rows of the other.</summary>
    public bool HasSameColumnsAs(FeatureSpace other)
    {
        ArgumentNullException.ThrowIfNull(other);
        return ReferenceEquals(this, other)
            || (
                _fields.AsSpan().SequenceEqual(other._fields)
                && ColumnFields.SequenceEqual(other.ColumnFields)
                && ColumnFactors.SequenceEqual(other.ColumnFactors)
                && FactorIndices.SequenceEqual(other.FactorIndices)
            );
    }

    /// <summary>A space in which every column is a feature of one field, in which nothing crosses unless the interaction is plain.</summary>
    public static FeatureSpace OfOneField(int columnCount, string field = OnlyField) => new([field], new int[columnCount]);

    private static bool IsSorted(int[] columnFields)
    {
        for (var column = 1; column < columnFields.Length; column++)
        {
            if (columnFields[column] < columnFields[column - 1])
            {
                return false;
            }
        }

        return true;
    }

    private static void CheckIndices(int[] indices, int count)
    {
        if (indices.Length != count)
        {
            throw new ArgumentException($"There are {count} factor rows but {indices.Length} indices of them.", nameof(indices));
        }

        for (var row = 0; row < indices.Length; row++)
        {
            if (indices[row] < 0 || (row > 0 && indices[row] <= indices[row - 1]))
            {
                throw new ArgumentException($"The index {indices[row]} of factor row {row} is negative, or not above the one before.", nameof(indices));
            }
        }
    }

    private static int CountFactors(int[] columnFactors, int columnCount)
    {
        if (columnFactors.Length != columnCount)
        {
            throw new ArgumentException($"There are {columnCount} columns but {columnFactors.Length} factor rows for them.", nameof(columnFactors));
        }

        var used = new bool[columnCount];
        var count = 0;
        for (var column = 0; column < columnFactors.Length; column++)
        {
            var factor = columnFactors[column];
            if ((uint)factor >= (uint)columnCount)
            {
                throw new ArgumentException($"Column {column} has factor row {factor}; there can be {columnCount} at most.", nameof(columnFactors));
            }

            used[factor] = true;
            count = Math.Max(count, factor + 1);
        }

        var gap = Array.IndexOf(used, false, 0, count);
        return gap < 0 ? count : throw new ArgumentException($"No column has factor row {gap}, but one has row {count - 1}.", nameof(columnFactors));
    }
}
