using RecService.Engine.Data;

namespace RecService.Engine.Training.Threads;

/// <summary>
/// Deals examples out to cells, so that threads never meet at a parameter of the partitioned columns: columns are divided into parts by two entries
/// of a row, as
/// users and items are in matrix factorization (Gemulla et al., "Large-scale matrix factorization with distributed stochastic gradient descent", KDD
/// 2011), a
/// cell holds the rows of one part of each, and threads work in cells that have no part in common. A single thread gains by it too, when a cell's
/// parameters fit into
/// the near caches and all of them do not.
/// </summary>
/// <remarks>
/// An entry can divide when all rows have it and its columns stand at no other place of a row, as those of the first two fields mostly do.
/// </remarks>
internal sealed class RowPartition
{
    /// <summary>With fewer rows a cell would be done before its parameters are in the caches.</summary>
    private const int LeastRowsOfCell = 1024;

    /// <summary>What a core can keep to itself, roughly.</summary>
    private const long NearCacheBytes = 512 * 1024;

    private readonly int[] _partOf;

    private RowPartition(int parts, int[] order, int[] starts, int[] partOf)
    {
        Parts = parts;
        Order = order;
        Starts = starts;
        _partOf = partOf;
    }

    /// <summary>P; there are P × P cells, row by row.</summary>
    public int Parts { get; }

    /// <summary>The examples, cell by cell.</summary>
    public int[] Order { get; }

    /// <summary>Where each cell begins in <see cref="Order"/>, and the last ends.</summary>
    public int[] Starts { get; }

    /// <summary>The part of each column, 0 … P − 1 for those of the first entry, P … 2 P − 1 for those of the second; −1 for other columns.</summary>
    public ReadOnlySpan<int> PartOf => _partOf;

    /// <summary>Deals out the examples; null where rows have no two entries to divide by, or are too few.</summary>
    /// <param name="examples">Examples of a single block.</param>
    /// <param name="order">Their order, which is kept within each cell.</param>
    /// <param name="occurrences">How often each column occurs.</param>
    /// <param name="threads">Threads that must find cells without parts in common.</param>
    /// <param name="bytes">Bytes of all parameters, of which those of a cell are to stay in a near cache.</param>
    public static RowPartition? Of(ExampleSet examples, int[] order, double[] occurrences, int threads, long bytes)
    {
        var wanted = Math.Max(threads > 1 ? 4 * threads : 1, bytes / NearCacheBytes);
        var parts = (int)Math.Min(wanted, Math.Sqrt((double)order.Length / LeastRowsOfCell));
        if (parts < 2 * threads)
        {
            return null;
        }

        var dividers = Places(examples, occurrences.Length)
            .Where(place => place.Columns.Length >= 8 * parts)
            .OrderByDescending(place => place.Columns.Length)
            .ThenBy(place => place.Place)
            .Take(2)
            .ToArray();
        if (dividers.Length < 2)
        {
            return null;
        }

        var partOf = new int[occurrences.Length];
        Array.Fill(partOf, -1);
        Divide(dividers[0].Columns, occurrences, parts, 0, partOf);
        Divide(dividers[1].Columns, occurrences, parts, parts, partOf);

        var starts = new int[(parts * parts) + 1];
        for (var example = 0; example < order.Length; example++)
        {
            starts[CellOf(example) + 1]++;
        }

        for (var cell = 0; cell < parts * parts; cell++)
        {
            starts[cell + 1] += starts[cell];
        }

        var next = starts.AsSpan(0, parts * parts).ToArray();
        var sorted = new int[order.Length];
        foreach (var example in order)
        {
            sorted[next[CellOf(example)]++] = example;
        }

        return new(parts, sorted, starts, partOf);

        int CellOf(int example)
        {
            var columns = examples.Blocks[0][examples.RowOf(0, example)].Columns;
            return (partOf[columns[dividers[0].Place]] * parts) + partOf[columns[dividers[1].Place]] - parts;
        }
    }

    /// <summary>The places of a row that every row has, with the columns that stand there and nowhere else.</summary>
    private static List<(int Place, int[] Columns)> Places(ExampleSet examples, int columnCount)
    {
        const int unseen = -1;
        const int several = -2;
        var rows = examples.Blocks[0];
        var placeOf = new int[columnCount];
        Array.Fill(placeOf, unseen);
        var width = int.MaxValue;
        for (var r = 0; r < rows.Count; r++)
        {
            var columns = rows[r].Columns;
            width = Math.Min(width, columns.Length);
            for (var place = 0; place < columns.Length; place++)
            {
                ref var known = ref placeOf[columns[place]];
                known = known == unseen || known == place ? place : several;
            }
        }

        // A place is of no use once one of its columns stands elsewhere too.
        var isExclusive = new bool[rows.Count == 0 ? 0 : width];
        Array.Fill(isExclusive, value: true);
        for (var r = 0; r < rows.Count; r++)
        {
            for (var place = 0; place < isExclusive.Length; place++)
            {
                isExclusive[place] &= placeOf[rows[r].Columns[place]] == place;
            }
        }

        var places = new List<(int Place, int[] Columns)>();
        for (var place = 0; place < isExclusive.Length; place++)
        {
            if (isExclusive[place])
            {
                places.Add((place, IndicesOf(place, placeOf)));
            }
        }

        return places;
    }

    private static int[] IndicesOf(int number, int[] numbers)
    {
        var indices = new int[numbers.AsSpan().Count(number)];
        var (found, from) = (0, 0);
        for (; found < indices.Length; from = indices[found++] + 1)
        {
            indices[found] = Array.IndexOf(numbers, number, from);
        }

        return indices;
    }

    /// <summary>
    /// Divides columns into parts that occur about equally often: the most frequent first, each into the part that has least so far.
    /// </summary>
    private static void Divide(int[] columns, double[] occurrences, int parts, int firstPart, int[] partOf)
    {
        Array.Sort(columns, (a, b) => occurrences[b].CompareTo(occurrences[a]) is var order && order != 0 ? order : a.CompareTo(b));
        var loads = new PriorityQueue<int, (double Load, int Part)>(Enumerable.Range(0, parts).Select(part => (part, (0.0, part))));
        foreach (var column in columns)
        {
            loads.TryPeek(out var part, out var load);
            partOf[column] = firstPart + part;
            loads.DequeueEnqueue(part, (load.Load + occurrences[column], part));
        }
    }
}
