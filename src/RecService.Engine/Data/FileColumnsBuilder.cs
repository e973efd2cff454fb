using System.Globalization;
using System.Runtime.InteropServices;

namespace RecService.Engine.Data;

/// <summary>Gives the entries of text files columns, as they come. Takes memory by the features that there are, whatever their indices. Not thread-safe.</summary>
/// <remarks>
/// The column of an index has the field that it is first seen in. In further fields the index gets columns behind those of all indices, which share its factor row.
/// Until the end columns are numbered as they come; then they are put in the order of their indices (<see cref="Build"/>).
/// </remarks>
internal sealed class FileColumnsBuilder
{
    /// <summary>Up to this many, indices are columns even where most of them do not occur.</summary>
    private const int FewIndices = 1 << 16;

    private readonly List<(int Number, int Index)> _columns = [];
    private readonly Dictionary<int, int> _farColumns = [];
    private readonly Dictionary<long, int> _others = [];
    private int[] _nearColumns = new int[4096]; // 1 + column of each index below, 0 where it was not seen

    /// <summary>Number of columns so far.</summary>
    public int ColumnCount => _columns.Count;

    /// <summary>The column of an entry, as it is numbered until the end.</summary>
    public int Add(int field, int index)
    {
        var column = index < _nearColumns.Length ? NearColumn(field, index) : FarColumn(field, index);
        if (_columns[column].Number == field)
        {
            return column;
        }

        ref var other = ref CollectionsMarshal.GetValueRefOrAddDefault(_others, FileColumns.Key(field, index), out var exists);
        if (!exists)
        {
            other = _columns.Count;
            _columns.Add((field, index));
        }

        return other;
    }

    /// <summary>The space of all columns, with the fields in the order of their numbers.</summary>
    /// <param name="onlyField">Name of the field where entries have none; null where they have numbers.</param>
    /// <param name="places">For each column as it was numbered until now, its place in the space.</param>
    public FeatureSpace Build(string? onlyField, out int[] places)
    {
        var isOther = new bool[_columns.Count];
        foreach (var column in _others.Values)
        {
            isOther[column] = true;
        }

        int[] own = [.. Enumerable.Range(0, _columns.Count).Where(column => !isOther[column])];
        var indices = Array.ConvertAll(own, column => _columns[column].Index);
        Array.Sort(indices, own);
        var greatest = indices.Length == 0 ? 0 : indices[^1] + 1L;
        var isSparse = greatest > FewIndices && greatest > 2L * indices.Length;
        var rows = isSparse ? indices.Length : (int)greatest;

        var numbers = new int[rows + _others.Count];
        Array.Fill(numbers, -1);
        places = new int[_columns.Count];
        for (var n = 0; n < own.Length; n++)
        {
            places[own[n]] = isSparse ? n : indices[n];
            numbers[places[own[n]]] = _columns[own[n]].Number;
        }

        var factors = _others.Count == 0 ? null : Enumerable.Range(0, numbers.Length).ToArray();
        var next = rows;
        for (var column = 0; column < isOther.Length; column++)
        {
            if (isOther[column])
            {
                var (number, index) = _columns[column];
                places[column] = next;
                numbers[next] = number;
                factors![next++] = isSparse ? Array.BinarySearch(indices, index) : index;
            }
        }

        return new(onlyField is null ? RankFields(numbers) : OneField(onlyField, numbers), numbers, factors, isSparse ? indices : null);
    }

    private int NearColumn(int field, int index)
    {
        ref var known = ref _nearColumns[index];
        if (known == 0)
        {
            _columns.Add((field, index));
            known = _columns.Count;
        }

        return known - 1;
    }

    private int FarColumn(int field, int index)
    {
        ref var column = ref CollectionsMarshal.GetValueRefOrAddDefault(_farColumns, index, out var exists);
        if (exists)
        {
            return column;
        }

        column = _columns.Count;
        var found = column;
        _columns.Add((field, index));
        if (_columns.Count > _nearColumns.Length / 4)
        {
            WidenNear();
        }

        return found;
    }

    /// <summary>An array finds columns several times as fast as a dictionary, where indices are dense enough for it.</summary>
    private void WidenNear()
    {
        Array.Resize(ref _nearColumns, (int)Math.Min(2L * _nearColumns.Length, Array.MaxLength));
        foreach (var (index, column) in _farColumns)
        {
            if (index < _nearColumns.Length)
            {
                _nearColumns[index] = column + 1;
                _farColumns.Remove(index);
            }
        }
    }

    private static string[] OneField(string name, int[] numbers)
    {
        Array.Clear(numbers);
        return [name];
    }

    /// <summary>Turns numbers of fields into places in the list of names that it returns. Indices that were not seen have the first field.</summary>
    private static string[] RankFields(int[] numbers)
    {
        int[] fields = [.. numbers.Where(number => number >= 0).Distinct().Order()];
        var places = new int[fields.Length == 0 ? 0 : fields[^1] + 1];
        for (var place = 0; place < fields.Length; place++)
        {
            places[fields[place]] = place;
        }

        foreach (ref var number in numbers.AsSpan())
        {
            number = number < 0 ? 0 : places[number];
        }

        return fields.Length == 0 ? ["0"] : [.. fields.Select(field => field.ToString(CultureInfo.InvariantCulture))];
    }
}
