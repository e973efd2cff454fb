using System.Runtime.InteropServices;
using RecService.Cli.Commands;
using RecService.Engine.Data;

namespace RecService.Cli.Files;

/// <summary>
/// Rows for pairwise learning. The entries of some fields say who, those of the others what was chosen: the user's and the item's side of a row.
/// Sides that are the same in
/// several rows are the same user or item.
/// </summary>
internal sealed class PairwiseRows
{
    private readonly FeatureSpace _space;
    private readonly bool[] _isUserField;
    private readonly DistinctRows _users;
    private readonly DistinctRows _items;
    private readonly List<int> _positiveUsers = [];
    private readonly List<int> _positiveItems = [];

    /// <param name="space">The columns.</param>
    /// <param name="userFields">The fields of users; none for the first.</param>
    public PairwiseRows(FeatureSpace space, string[] userFields)
    {
        _space = space;
        _users = new(space.ColumnCount);
        _items = new(space.ColumnCount);
        _isUserField = new bool[space.FieldCount];
        string[] fields = [.. space.Fields];
        foreach (var field in UserFieldsOf(space, userFields))
        {
            var index = Array.IndexOf(fields, field);
            if (index < 0)
            {
                throw new CommandFailedException($"there is no field '{field}' for --user-fields; there are {string.Join(", ", fields)}");
            }

            _isUserField[index] = true;
        }

        if (!_isUserField.Contains(false))
        {
            throw new CommandFailedException(
                "every field is one of users, so that there are no items to choose from: pairwise learning needs rows of several fields (libffm)"
            );
        }
    }

    /// <summary>The fields of users: those given, else the first.</summary>
    public static string[] UserFieldsOf(FeatureSpace space, string[] given) => given is [] ? [space.Fields[0]] : given;

    /// <summary>The user of each row.</summary>
    public int[] UsersOf(ExampleSet examples)
    {
        var users = new int[examples.Count];
        var (row, userSide, itemSide) = (new RowBuffer(), new RowBuffer(), new RowBuffer());
        for (var example = 0; example < users.Length; example++)
        {
            Split(examples.Gather(example, row), userSide, itemSide);
            users[example] = _users.RowOf(userSide.Row);
        }

        return users;
    }

    /// <summary>
    /// The positive rows, as users joined with items: those with a target above 0. Other rows say no more than that there are such items. To be
    /// called for the rows to
    /// learn from first.
    /// </summary>
    /// <param name="data">The rows.</param>
    /// <param name="negatives">Negatives for each positive.</param>
    /// <returns>
    /// The positives, and how they get negatives: drawn from the items of the rows up to now, less those that the user has chosen in them.
    /// </returns>
    public (ExampleSet Positives, NegativeSampling Negatives) Add(DataSet data, int negatives)
    {
        var examples = data.Examples;
        var first = _positiveUsers.Count;
        var (row, userSide, itemSide) = (new RowBuffer(), new RowBuffer(), new RowBuffer());
        for (var example = 0; example < examples.Count; example++)
        {
            Split(examples.Gather(example, row), userSide, itemSide);
            var (user, item) = (_users.RowOf(userSide.Row), _items.RowOf(itemSide.Row));
            if (examples.Targets[example] > 0)
            {
                _positiveUsers.Add(user);
                _positiveItems.Add(item);
            }
        }

        if (_positiveUsers.Count == first)
        {
            throw new CommandFailedException($"{data.Name}: no row has a target above 0, so that nothing was chosen");
        }

        int[] users = [.. _positiveUsers.Skip(first)];
        int[] items = [.. _positiveItems.Skip(first)];
        var targets = new float[users.Length];
        targets.AsSpan().Fill(1f);
        var (userBlock, itemBlock) = (_users.Build(), _items.Build());
        return (
            new([userBlock, itemBlock], [users, items], targets),
            new(
                0,
                1,
                negatives,
                RowSets.FromPairs(userBlock.Count, CollectionsMarshal.AsSpan(_positiveUsers), CollectionsMarshal.AsSpan(_positiveItems))
            )
        );
    }

    private void Split(SparseRow row, RowBuffer user, RowBuffer item)
    {
        user.Clear();
        item.Clear();
        for (var entry = 0; entry < row.Length; entry++)
        {
            (_isUserField[_space.ColumnFields[row.Columns[entry]]] ? user : item).Add(row.Columns[entry], row.ValueAt(entry));
        }
    }

    /// <summary>Numbers rows, those with the same entries alike.</summary>
    private sealed class DistinctRows(int columnCount)
    {
        private readonly SparseRowsBuilder _rows = new(columnCount);
        private readonly Dictionary<string, int> _numbers = new(StringComparer.Ordinal);
        private int[] _key = new int[32];

        public int RowOf(SparseRow row)
        {
            if (_key.Length < 2 * row.Length)
            {
                _key = new int[4 * row.Length];
            }

            var columns = _key.AsSpan(0, row.Length);
            var values = MemoryMarshal.Cast<int, float>(_key.AsSpan(row.Length, row.Length));
            row.Columns.CopyTo(columns);
            for (var entry = 0; entry < values.Length; entry++)
            {
                values[entry] = row.ValueAt(entry);
            }

            columns.Sort(values);

            // The numbers as characters, as dictionaries look up texts without making them.
            var key = MemoryMarshal.Cast<int, char>(_key.AsSpan(0, 2 * row.Length));
            var numbers = _numbers.GetAlternateLookup<ReadOnlySpan<char>>();
            if (!numbers.TryGetValue(key, out var number))
            {
                number = _rows.Count;
                numbers[key] = number;
                _rows.Add(row);
                _rows.EndRow();
            }

            return number;
        }

        public SparseRows Build() => _rows.Build();
    }
}
