namespace RecService.Benchmarks;

/// <summary>What a user did.</summary>
internal readonly record struct SequenceRow(string User, string Item, DateTimeOffset Time);

/// <summary>What users did, and what each of them did next, from files.</summary>
internal sealed record Sequences(SequenceRow[] Train, SequenceRow[] Test)
{
    public int Users => Train.Select(row => row.User).Distinct(StringComparer.Ordinal).Count();

    public int Items => Train.Select(row => row.Item).Distinct(StringComparer.Ordinal).Count();

    /// <param name="folder">
    /// With <c>train.tsv</c> and <c>test.tsv</c>: user, tab and item a line, of each user in the order of time; in <c>test.tsv</c> a user stands once.
    /// </param>
    public static Sequences Read(string folder)
    {
        var train = ReadPairs(Path.Combine(folder, "train.tsv"));
        // A second apart, the newest just now: the files tell the order alone, and by default nothing else counts.
        var first = DateTimeOffset.UtcNow.AddSeconds(-train.Length);
        return new(
            [.. train.Select((pair, i) => new SequenceRow(pair.User, pair.Item, first.AddSeconds(i)))],
            [.. ReadPairs(Path.Combine(folder, "test.tsv")).Select(pair => new SequenceRow(pair.User, pair.Item, default))]
        );
    }

    private static (string User, string Item)[] ReadPairs(string file) =>
        [
            .. File.ReadLines(file)
                .Select(
                    (line, i) =>
                        line.Split('\t') is [var user, var item]
                            ? (user, item)
                            : throw new InvalidDataException($"{file}, line {i + 1}: not a user, a tab and an item.")
                ),
        ];
}
