namespace RecService.Cli.Ranking;

/// <summary>Numbers texts in the order in which they first come.</summary>
internal sealed class Ids
{
    private readonly Dictionary<string, int> _numbers = new(StringComparer.Ordinal);
    private readonly List<string> _names = [];

    public int Count => _names.Count;

    public string this[int number] => _names[number];

    /// <summary>The number of a text, which is a new one where the text is.</summary>
    public int Add(ReadOnlySpan<char> name)
    {
        var numbers = _numbers.GetAlternateLookup<ReadOnlySpan<char>>();
        if (!numbers.TryGetValue(name, out var number))
        {
            number = _names.Count;
            _names.Add(name.ToString());
            _numbers.Add(_names[number], number);
        }

        return number;
    }

    /// <summary>The number of a text; −1 when it has none.</summary>
    public int Find(ReadOnlySpan<char> name) => _numbers.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(name, out var number) ? number : -1;
}
