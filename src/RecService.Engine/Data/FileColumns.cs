using System.Globalization;
using RecService.Engine.Data.Text;

namespace RecService.Engine.Data;

/// <summary>
/// Which column of a feature space the entries of text files mean. An <c>index</c> of a libFM file is the column itself. A <c>field:index</c> of a
/// libffm file is
/// the column of that field with factor row <c>index</c>; fields are named by their numbers, or else numbered by their order. Immutable; safe to
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
    public int Find(int index) => (uint)index < (uint)_space.ColumnCount ? index : -1;

    /// <summary>Column of an entry with a field, by the number of that; −1 when the space has none.</summary>
    public int Find(int field, int index)
    {
        if ((uint)field >= (uint)_fields.Length || (field = _fields[field]) < 0)
        {
            return -1;
        }

        if (IsOwn(field, index))
        {
            return index;
        }

        return _others.TryGetValue(Key(field, index), out var column) ? column : -1;
    }

    /// <summary>The entry with a field that means <paramref name="column"/>.</summary>
    public (int Field, int Index) EntryOf(int column) => (_numbers[_space.ColumnFields[column]], _space.FactorOf(column));

    internal static long Key(int field, int index) => ((long)field << 32) | (uint)index;

    /// <summary>Whether the column <paramref name="index"/> is of this field and has the factor row of its own number.</summary>
    private bool IsOwn(int field, int index) =>
        (uint)index < (uint)_space.ColumnCount && _space.ColumnFields[index] == field && _space.FactorOf(index) == index;

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

/// <summary>Gives the entries of a libffm file columns, as they come. Not thread-safe.</summary>
/// <remarks>
/// The column of an index is the index, with the field that it is first seen in. In further fields it gets columns behind the largest index, which
/// share its
/// factor row; as that index is not known before the end, these columns count from <paramref name="columnLimit"/> until then.
/// </remarks>
/// <param name="columnLimit">Above every index.</param>
internal sealed class FileColumnsBuilder(int columnLimit)
{
    private readonly Dictionary<long, int> _others = [];
    private int[] _numbers = new int[256]; // 1 + number of the field of each index, 0 where it was not seen
    private int _indices;

    /// <summary>Number of columns so far.</summary>
    public long ColumnCount => (long)_indices + _others.Count;

    /// <summary>The shift that brings columns from the limit on to their place.</summary>
    public int Shift => _indices - columnLimit;

    /// <summary>The column of an entry.</summary>
    public int Add(int field, int index)
    {
        if (index >= _indices)
        {
            _indices = index + 1;
            if (index >= _numbers.Length)
            {
                Array.Resize(ref _numbers, (int)Math.Min(Math.Max(2L * _numbers.Length, _indices), columnLimit));
            }
        }

        ref var number = ref _numbers[index];
        if (number == 0)
        {
            number = field + 1;
        }

        if (number == field + 1)
        {
            return index;
        }

        if (!_others.TryGetValue(FileColumns.Key(field, index), out var column))
        {
            _others.Add(FileColumns.Key(field, index), column = columnLimit + _others.Count);
        }

        return column;
    }

    /// <summary>The space of all columns, with the fields in the order of their numbers. Indices that were not seen have the first field.</summary>
    public FeatureSpace Build()
    {
        Array.Resize(ref _numbers, _indices + _others.Count);
        var factors = _others.Count == 0 ? null : new int[_numbers.Length];
        foreach (var (key, column) in _others)
        {
            _numbers[column + Shift] = (int)(key >> 32) + 1;
            factors![column + Shift] = (int)key;
        }

        for (var index = 0; factors is not null && index < _indices; index++)
        {
            factors[index] = index;
        }

        return new FeatureSpace(RankFields(), _numbers, factors);
    }

    /// <summary>Turns the numbers into places in the list of names that it returns.</summary>
    private string[] RankFields()
    {
        var places = new int[_numbers.Length == 0 ? 1 : _numbers.Max() + 1];
        foreach (var number in _numbers)
        {
            places[number] = 1;
        }

        places[0] = 0;
        var names = new List<string>();
        for (var number = 1; number < places.Length; number++)
        {
            if (places[number] == 0)
            {
                continue;
            }

            places[number] = names.Count;
            names.Add((number - 1).ToString(CultureInfo.InvariantCulture));
        }

        foreach (ref var number in _numbers.AsSpan())
        {
            number = places[number];
        }

        return names.Count == 0 ? ["0"] : [.. names];
    }
}
