using System.Globalization;
using RecService.Engine.Data.Text;

namespace RecService.Engine.Data;

/// <summary>
/// Which column of a feature space the entries of text files mean. An <c>index</c> of a libFM file is the column itself, or of a space with
/// <see cref="FeatureSpace.FactorIndices"/> the one that has it. A <c>field:index</c> of a libffm file is
/// the column of that field whose factor row has the index; fields are named by their numbers, or else numbered by their order. Immutable; safe to
/// share between threads.
/// </summary>
/// <remarks>
/// A feature that a libffm file has in several fields has a column, with a weight of its own, in each of them, and one latent vector.
/// </remarks>
public sealed class FileColumns
{
    private readonly FeatureSpace _space;
    private readonly int[] _numbers;
    private readonly int[] _fields;
    private readonly Dictionary<long, int> _others = [];
    private readonly Dictionary<int, int>? _rows;

    /// <exception cref="ArgumentException">Two columns have the same field and factor row, or there are more fields than a file can
    /// number.</exception>
    public FileColumns(FeatureSpace space)
    {
        ArgumentNullException.ThrowIfNull(space);
        _space = space;
        _numbers = NumbersOf(space.Fields);
        _fields = new int[_numbers.Max() + 1];
        Array.Fill(_fields, -1);
        for (var field = 0; field < _numbers.Length; field++)
        {
            _fields[_numbers[field]] = field;
        }

        _rows = space.FactorIndices.IsEmpty ? null : new(space.FactorCount);
        for (var row = 0; row < space.FactorIndices.Length; row++)
        {
            _rows!.Add(space.FactorIndices[row], row);
        }

        for (var column = 0; column < space.ColumnFactors.Length; column++)
        {
            var factor = space.ColumnFactors[column];
            var field = space.ColumnFields[column];
            if (factor != column && (IsOwn(field, factor) || !_others.TryAdd(Key(field, factor), column)))
            {
                throw new ArgumentException($"Two columns of the field '{space.Fields[field]}' have the factor row {factor}.", nameof(space));
            }
        }
    }

    /// <summary>Whether the fields are named by numbers, as those of libffm files are.</summary>
    internal bool HasNumberedFields => _space.Fields.All(name => ParseNumber(name) >= 0);

    /// <summary>Column of an entry without a field; −1 when the space has none.</summary>
    public int Find(int index) => RowOf(index) is var column && (uint)column < (uint)_space.ColumnCount ? column : -1;

    /// <summary>Column of an entry with a field, by the number of that; −1 when the space has none.</summary>
    public int Find(int field, int index)
    {
        if ((uint)field >= (uint)_fields.Length || (field = _fields[field]) < 0)
        {
            return -1;
        }

        var row = RowOf(index);
        if (IsOwn(field, row))
        {
            return row;
        }

        return _others.TryGetValue(Key(field, row), out var column) ? column : -1;
    }

    /// <summary>The entry with a field that means <paramref name="column"/>.</summary>
    public (int Field, int Index) EntryOf(int column) => (_numbers[_space.ColumnFields[column]], IndexOf(_space.FactorOf(column)));

    /// <summary>The entry without a field that means <paramref name="column"/>.</summary>
    public int IndexOf(int column) => _rows is null ? column : _space.FactorIndices[column];

    internal static long Key(int field, int index) => ((long)field << 32) | (uint)index;

    /// <summary>The factor row of an index; −1 when the space has none.</summary>
    private int RowOf(int index) => _rows is null ? index : _rows.GetValueOrDefault(index, -1);

    /// <summary>Whether the column <paramref name="row"/> is of this field and has the factor row of its own number.</summary>
    private bool IsOwn(int field, int row) =>
        (uint)row < (uint)_space.ColumnCount && _space.ColumnFields[row] == field && _space.FactorOf(row) == row;

    private static int[] NumbersOf(IReadOnlyList<string> fields)
    {
        var numbers = fields.Select(ParseNumber).ToArray();
        if (!numbers.Contains(-1))
        {
            return numbers;
        }

        return fields.Count <= SparseTextReader.MaximumField + 1
            ? [.. Enumerable.Range(0, fields.Count)]
            : throw new ArgumentException($"A file cannot number {fields.Count} fields.", nameof(fields));
    }

    /// <summary>The number that a field's name is; −1 when it is none, or not the way a number is written.</summary>
    private static int ParseNumber(string name) =>
        ushort.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
        && number.ToString(CultureInfo.InvariantCulture) == name
            ? number
            : -1;
}
