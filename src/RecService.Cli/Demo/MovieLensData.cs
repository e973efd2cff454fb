using System.Globalization;
using System.Text.RegularExpressions;
using CsvHelper;
using RecService.Cli.Commands;
using RecService.Client;

namespace RecService.Cli.Demo;

/// <summary>A MovieLens folder: genres and user tags become item tags, ratings become <c>rating</c> interactions.</summary>
internal static partial class MovieLensData
{
    private const int MostTags = 20;
    private const int LongestTag = 256;

    private static readonly CsvReaderOptions Options = new()
    {
        Separator = ',',
        TrackLineNumbers = true,
        FieldCountMismatch = CsvFieldCountHandling.Throw,
        MalformedData = CsvMalformedDataHandling.Throw,
    };

    public static DemoData Open(string folder)
    {
        var ratings = Path.Combine(folder, "ratings.csv");
        var tags = ReadTags(Path.Combine(folder, "tags.csv"));
        var items = ReadMovies(Path.Combine(folder, "movies.csv"), tags);
        var first = ReadRatings(ratings).FirstOrDefault() ?? throw new CommandFailedException($"{ratings}: there are no ratings");
        return new DemoData
        {
            Name = $"MovieLens, {folder}",
            UserId = first.UserId,
            Items = items,
            Interactions = ReadRatings(ratings),
            InteractionCount = CountLines(ratings) - 1,
        };
    }

    private static Dictionary<string, List<string>> ReadTags(string path)
    {
        var counts = new Dictionary<string, Dictionary<string, int>>(StringComparer.Ordinal);
        foreach (var row in Rows(path, "movieId", "tag"))
        {
            var tag = row.GetString("tag").Trim().ToLowerInvariant();
            if (tag.Length is 0 or > LongestTag || tag.Any(char.IsControl))
            {
                continue;
            }

            var movie = row.GetString("movieId");
            if (!counts.TryGetValue(movie, out var ofMovie))
            {
                counts.Add(movie, ofMovie = new Dictionary<string, int>(StringComparer.Ordinal));
            }

            ofMovie[tag] = ofMovie.GetValueOrDefault(tag) + 1;
        }

        return counts.ToDictionary(
            movie => movie.Key,
            movie =>
                movie
                    .Value.OrderByDescending(tag => tag.Value)
                    .ThenBy(tag => tag.Key, StringComparer.Ordinal)
                    .Take(MostTags)
                    .Select(tag => tag.Key)
                    .ToList(),
            StringComparer.Ordinal
        );
    }

    private static List<ItemLineInput> ReadMovies(string path, Dictionary<string, List<string>> tags)
    {
        var items = new List<ItemLineInput>();
        foreach (var row in Rows(path, "movieId", "title", "genres"))
        {
            var genres = row.GetString("genres")
                .Split('|', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
                .Where(genre => genre != "(no genres listed)");
            var movie = row.GetString("movieId");
            items.Add(
                new ItemLineInput
                {
                    ItemId = movie,
                    Tags = [.. genres.Concat(tags.GetValueOrDefault(movie, [])).Distinct(StringComparer.Ordinal)],
                    Metadata = Metadata(row.GetString("title")),
                }
            );
        }

        return items;
    }

    private static Dictionary<string, object> Metadata(string title)
    {
        var metadata = new Dictionary<string, object>(StringComparer.Ordinal);
        var match = TitleWithYear.Match(title);
        metadata["title"] = match.Success ? match.Groups["title"].Value : title.Trim();
        if (match.Success)
        {
            metadata["year"] = int.Parse(match.Groups["year"].ValueSpan, CultureInfo.InvariantCulture);
        }

        return metadata;
    }

    private static IEnumerable<InteractionInput> ReadRatings(string path)
    {
        foreach (var row in Rows(path, "userId", "movieId", "rating", "timestamp"))
        {
            var movie = row.GetString("movieId");
            yield return new InteractionInput
            {
                InteractionId = $"rating-{movie}",
                UserId = row.GetString("userId"),
                ItemId = movie,
                Type = "rating",
                Value = Number(path, row, "rating"),
                OccurredAt = Time(path, row, "timestamp"),
            };
        }
    }

    private static IEnumerable<CsvReader> Rows(string path, params string[] columns)
    {
        using var csv = Open(path, columns);
        while (Read(path, csv))
        {
            yield return csv;
        }
    }

    private static CsvReader Open(string path, string[] columns)
    {
        try
        {
            var csv = CsvReader.FromFile(path, Options);
            if (columns.Except(csv.Headers, StringComparer.Ordinal).Any())
            {
                var found = string.Join(',', csv.Headers);
                csv.Dispose();
                throw new CommandFailedException($"{path}: the header should have the columns {string.Join(',', columns)}, but is '{found}'");
            }

            return csv;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new CommandFailedException(
                $"{path} cannot be read; a MovieLens folder holds ratings.csv, tags.csv and movies.csv ({failure.Message})",
                failure
            );
        }
    }

    private static bool Read(string path, CsvReader csv)
    {
        try
        {
            return csv.Read();
        }
        catch (CsvFormatException failure)
        {
            throw new CommandFailedException($"{path}: {failure.Message}", failure);
        }
    }

    private static double Number(string path, CsvReader row, string column) =>
        row[column].TryParse<double>(out var number) && double.IsFinite(number) ? number : throw Unreadable(path, row, column, "a number");

    private static DateTimeOffset Time(string path, CsvReader row, string column) =>
        row[column].TryParse<long>(out var seconds) && seconds is >= 0 and < 253402300800
            ? DateTimeOffset.FromUnixTimeSeconds(seconds)
            : throw Unreadable(path, row, column, "a time in seconds since 1970");

    private static CommandFailedException Unreadable(string path, CsvReader row, string column, string what) =>
        new($"{path}, line {row.LineNumber}: {column} is '{row.GetString(column)}' instead of {what}");

    private static long CountLines(string path)
    {
        using var file = File.OpenRead(path);
        var buffer = new byte[1 << 16];
        long lines = 0;
        var last = (byte)'\n';
        for (int read; (read = file.Read(buffer)) > 0; last = buffer[read - 1])
        {
            lines += buffer.AsSpan(0, read).Count((byte)'\n');
        }

        return last == '\n' ? lines : lines + 1;
    }

    [GeneratedRegex(@"^\s*(?<title>.*\S)\s*\((?<year>[0-9]{4})\)\s*$", RegexOptions.ExplicitCapture | RegexOptions.NonBacktracking)]
    private static partial Regex TitleWithYear { get; }
}
