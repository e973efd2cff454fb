namespace RecService.Engine.Data;

/// <summary>A sorted set of row numbers for each of some rows, such as the items that each user has met. Immutable.</summary>
public sealed class RowSets
{
    private readonly int[] _offsets;
    private readonly int[] _members;

    private RowSets(int[] offsets, int[] members)
    {
        _offsets = offsets;
        _members = members;
    }

    /// <summary>Number of sets.</summary>
    public int Count => _offsets.Length - 1;

    /// <summary>The members of a set, ascending and distinct.</summary>
    public ReadOnlySpan<int> this[int row] => _members.AsSpan(_offsets[row], _offsets[row + 1] - _offsets[row]);

    /// <summary>Whether set <paramref name="row"/> holds <paramref name="member"/>.</summary>
    public bool Contains(int row, int member) => this[row].BinarySearch(member) >= 0;

    /// <summary>The sets that pairs (row, member) make; pairs may come in any order and repeat.</summary>
    /// <param name="count">Number of sets.</param>
    /// <param name="rows">Set of each pair, each in [0, count).</param>
    /// <param name="members">Member of each pair, not negative.</param>
    /// <exception cref="ArgumentException">The lengths differ, or a row or member is out of range.</exception>
    public static RowSets FromPairs(int count, ReadOnlySpan<int> rows, ReadOnlySpan<int> members)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        if (rows.Length != members.Length)
        {
            throw new ArgumentException($"There are {rows.Length} rows but {members.Length} members.", nameof(members));
        }

        var starts = new int[count + 1];
        for (var pair = 0; pair < rows.Length; pair++)
        {
            if ((uint)rows[pair] >= (uint)count || members[pair] < 0)
            {
                throw new ArgumentException($"Pair {pair}, ({rows[pair]}, {members[pair]}), is out of range.", nameof(rows));
            }

            starts[rows[pair] + 1]++;
        }

        for (var row = 0; row < count; row++)
        {
            starts[row + 1] += starts[row];
        }

        var placed = new int[rows.Length];
        var next = starts.AsSpan(0, count).ToArray();
        for (var pair = 0; pair < rows.Length; pair++)
        {
            placed[next[rows[pair]]++] = members[pair];
        }

        return Distinct(starts, placed);
    }

    /// <summary>The sets that runs of members make.</summary>
    /// <param name="offsets">Where each run begins in <paramref name="members"/>, from 0 on, and behind the last one their number.</param>
    /// <param name="members">The members, not negative, in any order, and repeated or not.</param>
    /// <exception cref="ArgumentException">The offsets do not ascend from 0 to the number of members, or a member is negative.</exception>
    public static RowSets FromRuns(ReadOnlySpan<int> offsets, ReadOnlySpan<int> members)
    {
        if (offsets.IsEmpty || offsets[0] != 0 || offsets[^1] != members.Length)
        {
            throw new ArgumentException($"The runs do not go from 0 to the {members.Length} members.", nameof(offsets));
        }

        for (var row = 0; row + 1 < offsets.Length; row++)
        {
            if (offsets[row] > offsets[row + 1])
            {
                throw new ArgumentException($"Run {row} ends before it begins.", nameof(offsets));
            }
        }

        if (members.IndexOfAnyExceptInRange(0, int.MaxValue) is >= 0 and var at)
        {
            throw new ArgumentException($"Member {at} is {members[at]}.", nameof(members));
        }

        return Distinct(offsets.ToArray(), members.ToArray());
    }

    /// <summary>For each member below <paramref name="count"/> the sets that hold it.</summary>
    /// <exception cref="ArgumentException">A member is not below <paramref name="count"/>.</exception>
    public RowSets Transposed(int count)
    {
        CheckMembers(count, nameof(count));
        var offsets = new int[count + 1];
        foreach (var member in _members)
        {
            offsets[member + 1]++;
        }

        for (var member = 0; member < count; member++)
        {
            offsets[member + 1] += offsets[member];
        }

        var (next, rows) = (offsets.AsSpan(0, count).ToArray(), new int[_members.Length]);
        for (var row = 0; row < Count; row++)
        {
            foreach (var member in this[row])
            {
                rows[next[member]++] = row;
            }
        }

        return new(offsets, rows);
    }

    /// <exception cref="ArgumentException">A member is not below <paramref name="bound"/>; the message names its set.</exception>
    internal void CheckMembers(int bound, string parameter)
    {
        for (var row = 0; row < Count; row++)
        {
            if (!this[row].IsEmpty && this[row][^1] >= bound)
            {
                throw new ArgumentException($"The set of row {row} has member {this[row][^1]}; members must be below {bound}.", parameter);
            }
        }
    }

    private static RowSets Distinct(int[] starts, int[] placed)
    {
        var offsets = new int[starts.Length];
        var kept = 0;
        for (var row = 0; row + 1 < starts.Length; row++)
        {
            var set = placed.AsSpan(starts[row], starts[row + 1] - starts[row]);
            set.Sort();
            var previous = -1;
            foreach (var member in set)
            {
                if (member != previous)
                {
                    placed[kept++] = member;
                    previous = member;
                }
            }

            offsets[row + 1] = kept;
        }

        return new RowSets(offsets, kept == placed.Length ? placed : placed.AsSpan(0, kept).ToArray());
    }
}
