using RecService.Engine.Data;

namespace RecService.Engine.Kernels.Rows;

/// <summary>
/// Which rows of the parameter tables the columns of a space have. With one thread a column's weight row is its number. With several, the rows that
/// most
/// examples touch come first, as every thread has a replica of those.
/// </summary>
internal sealed class RowNumbering
{
    private readonly int[]? _weightRows;
    private readonly int[]? _factorRows;
    private readonly FeatureSpace _space;

    private RowNumbering(FeatureSpace space, int[]? weightRows, int[]? factorRows, int hotWeights, int hotFactors)
    {
        _space = space;
        _weightRows = weightRows;
        _factorRows = factorRows;
        HotWeights = hotWeights;
        HotFactors = hotFactors;
    }

    /// <summary>Weight rows 0 … HotWeights − 1 have replicas.</summary>
    public int HotWeights { get; }

    /// <summary>Factor rows 0 … HotFactors − 1 have replicas.</summary>
    public int HotFactors { get; }

    /// <summary>Whether the weight row of every column is its factor row, so that entries need only one number.</summary>
    public bool IsSingle => _space.ColumnFactors.IsEmpty;

    /// <summary>
    /// Rows from one thread's replicas to the next thread's: far enough that they never share a cache line, however short a row is.
    /// </summary>
    public static int Apart(int rows) => (rows + 63) / 64 * 64;

    /// <summary>Whether both rows of every column have its own number.</summary>
    public bool IsNatural => _weightRows is null && IsSingle;

    /// <summary>The order of the columns themselves.</summary>
    public static RowNumbering Natural(FeatureSpace space) => new(space, null, null, 0, 0);

    /// <summary>
    /// The most frequent of the columns that threads share first, then the others part by part, so that threads in different parts do not meet in a
    /// cache line.
    /// </summary>
    /// <param name="space">The columns.</param>
    /// <param name="occurrences">How often each column occurs in an epoch.</param>
    /// <param name="partOf">The part of each column, −1 for those that threads share; empty when they share all.</param>
    /// <param name="threshold">Rows that occur at least so often get replicas.</param>
    /// <param name="most">How many rows of each table get replicas at most.</param>
    public static RowNumbering HotFirst(FeatureSpace space, double[] occurrences, ReadOnlySpan<int> partOf, double threshold, int most)
    {
        var (weightRows, hotWeights) = Number(occurrences, partOf, threshold, most);
        if (space.ColumnFactors.IsEmpty)
        {
            return new(space, weightRows, weightRows, hotWeights, hotWeights);
        }

        var ofFactors = new double[space.FactorCount];
        var partOfFactors = new int[partOf.IsEmpty ? 0 : space.FactorCount];
        Array.Fill(partOfFactors, int.MaxValue);
        for (var column = 0; column < occurrences.Length; column++)
        {
            var factor = space.FactorOf(column);
            ofFactors[factor] += occurrences[column];
            if (!partOf.IsEmpty)
            {
                // Shared between a column of a part and another one, it is shared between threads.
                partOfFactors[factor] = partOfFactors[factor] == int.MaxValue || partOfFactors[factor] == partOf[column] ? partOf[column] : -1;
            }
        }

        var (factorRows, hotFactors) = Number(ofFactors, partOfFactors, threshold, most);
        return new(space, weightRows, factorRows, hotWeights, hotFactors);
    }

    /// <summary>The weight row of a column.</summary>
    public int WeightRowOf(int column) => _weightRows is null ? column : _weightRows[column];

    /// <summary>The row in the table of latent vectors that holds row <paramref name="factor"/> of the space.</summary>
    public int RowOfFactor(int factor) => _factorRows is null ? factor : _factorRows[factor];

    /// <summary>The row of a column in the table of latent vectors.</summary>
    public int FactorRowOf(int column) => RowOfFactor(_space.FactorOf(column));

    private static (int[] Rows, int Hot) Number(double[] occurrences, ReadOnlySpan<int> partOf, double threshold, int most)
    {
        var hot = new List<int>();
        var others = new List<(int Part, int Row)>(occurrences.Length);
        for (var i = 0; i < occurrences.Length; i++)
        {
            var part = partOf.IsEmpty ? -1 : partOf[i];
            if (part < 0 && occurrences[i] >= threshold)
            {
                hot.Add(i);
            }
            else
            {
                others.Add((part, i));
            }
        }

        hot.Sort((a, b) => occurrences[b].CompareTo(occurrences[a]) is var order && order != 0 ? order : a.CompareTo(b));
        others.AddRange(hot.Skip(most).Select(i => (-1, i)));
        others.Sort();
        var rows = new int[occurrences.Length];
        var next = 0;
        foreach (var i in hot.Take(most))
        {
            rows[i] = next++;
        }

        foreach (var (_, i) in others)
        {
            rows[i] = next++;
        }

        return (rows, Math.Min(most, hot.Count));
    }
}
