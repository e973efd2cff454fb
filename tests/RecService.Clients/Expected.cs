using System.Globalization;
using System.Text;

namespace RecService.Clients;

/// <summary>What every client stores, and what it has to find again. Ids begin with the client's name, as all use one service.</summary>
internal sealed class Expected(string client)
{
    public const int Users = 20;
    public const int Items = 12;
    public const int InteractionsOfUser = 6;
    public const string Title = "Größe \"L\"";

    public string User => UserOf(0);

    public string Item => ItemOf(0);

    public string UserOf(int number) => string.Create(CultureInfo.InvariantCulture, $"{client}/user {number}");

    public string ItemOf(int number) => string.Create(CultureInfo.InvariantCulture, $"{client}/item {number}");

    /// <summary>The items as NDJSON, with tags, attributes of several types, and metadata with an object in it.</summary>
    public MemoryStream ItemLines()
    {
        var lines = new StringBuilder();
        for (var i = 0; i < Items; i++)
        {
            lines
                .Append(CultureInfo.InvariantCulture, $$"""{"itemId": "{{ItemOf(i)}}", "tags": ["tag-{{i % 3}}"], """)
                .Append(CultureInfo.InvariantCulture, $$"""  "attributes": {"year": {{1990 + i}}, "new": true, "genres": ["a", "b"]}, """)
                .Append("\"metadata\": {\"title\": \"Größe \\\"L\\\"\", \"picture\": {\"width\": 100}}}\n");
        }

        return new(Encoding.UTF8.GetBytes(lines.ToString()));
    }

    /// <summary>Two interactions as CSV.</summary>
    public MemoryStream InteractionRows() =>
        new(Encoding.UTF8.GetBytes($"userId,itemId,type\n{UserOf(1)},{ItemOf(1)},view\n{UserOf(2)},{ItemOf(2)},view\n"));

    /// <summary>How many lines of an export are this client's, by reading it to its end.</summary>
    public async Task<int> CountAsync(Stream export)
    {
        using var reader = new StreamReader(export);
        var count = 0;
        while (await reader.ReadLineAsync() is { } line)
        {
            count += line.StartsWith('{') && line.Contains($"\"userId\":\"{client}/", StringComparison.Ordinal) ? 1 : 0;
        }

        return count;
    }

    public static void Same<T>(T expected, T actual, string what)
    {
        if (!EqualityComparer<T>.Default.Equals(expected, actual))
        {
            throw new InvalidOperationException($"{what} is {actual}, not {expected}.");
        }
    }

    public void Say(string what) => Console.WriteLine($"{client}: {what}");
}
