using System.Globalization;
using System.Text;
using RecService.Engine.Tests;

[assembly: AssemblyFixture(typeof(RatingFolders))]

namespace RecService.Engine.Tests;

/// <summary>
/// Folders of ratings: one that is generated, with a known structure, and that of MovieLens latest small where it lies beside the repository.
/// </summary>
public sealed class RatingFolders : IDisposable
{
    public const string Generated = "generated";
    public const string MovieLens = "ml-latest-small";

    private const int Users = 240;
    private const int Films = 90;
    private const int Genres = 6;

    /// <summary>Films that nobody has rated in the training part.</summary>
    private const int UnseenFilms = 3;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("recservice-ratings-");

    public RatingFolders()
    {
        WriteSplit(Directory.CreateDirectory(Path.Combine(_folder.FullName, "split")).FullName);
        WriteRanking(Directory.CreateDirectory(Path.Combine(_folder.FullName, "ranking")).FullName);
    }

    /// <summary>The ratings that there are: always the generated ones.</summary>
    public static string[] Names =>
        Repository.SharedData($"{MovieLens}-split") is null || Repository.SharedData($"{MovieLens}-ranking") is null
            ? [Generated]
            : [Generated, MovieLens];

    /// <summary>
    /// <c>train</c>, <c>valid</c> and <c>test</c> in both text formats: rating, user, film, genres of the film. Ratings from 0.5 to 5 in halves: what
    /// the user and the film add to 3.4, 0.9 more where the film has the user's genre, and noise of deviation 0.3.
    /// </summary>
    public string Split(string name) => FolderOf(name, "split");

    /// <summary>
    /// <c>train</c> and <c>test</c>, each user's last item: pairs of user and item. Of two halves of the items users mostly take one, and from it the
    /// low numbers. In <c>cold-train</c> a third of the items is missing: <c>cold-candidates</c>, of which <c>cold-test</c> has each user's last
    /// and <c>cold-exclude</c> the others.
    /// </summary>
    public string Ranking(string name) => FolderOf(name, "ranking");

    public void Dispose() => _folder.Delete(recursive: true);

    private string FolderOf(string name, string part) =>
        name == Generated ? Path.Combine(_folder.FullName, part) : Repository.SharedData($"{name}-{part}")!;

    private static void WriteSplit(string folder)
    {
        var random = new Random(1);
        var ofUsers = Enumerable.Range(0, Users).Select(_ => Normal(random, 0.35)).ToArray();
        var ofFilms = Enumerable.Range(0, Films).Select(_ => Normal(random, 0.45)).ToArray();
        var lines = new Dictionary<string, (StringBuilder Plain, StringBuilder WithFields)>(StringComparer.Ordinal)
        {
            ["train"] = (new(), new()),
            ["valid"] = (new(), new()),
            ["test"] = (new(), new()),
        };
        for (var user = 0; user < Users; user++)
        {
            for (var film = 0; film < Films; film++)
            {
                if (random.Next(2) == 0)
                {
                    continue;
                }

                int[] genres = film % 3 == 0 ? [film % Genres] : [film % Genres, (film + 1 + (film / Genres % 4)) % Genres];
                var liked = genres.Contains(user % Genres) ? 0.9 : 0;
                var rating = Math.Clamp(Math.Round(2 * (3.4 + ofUsers[user] + ofFilms[film] + liked + Normal(random, 0.3))) / 2, 0.5, 5);
                var part = random.Next(10) switch
                {
                    < 2 => "test",
                    _ when film >= Films - UnseenFilms => "test",
                    2 => "valid",
                    _ => "train",
                };
                var value = 1.0 / genres.Length;
                var (plain, withFields) = lines[part];
                plain.Append(CultureInfo.InvariantCulture, $"{rating} {user}:1 {Users + Genres + film}:1");
                withFields.Append(CultureInfo.InvariantCulture, $"{rating} 0:{user}:1 1:{Users + Genres + film}:1");
                foreach (var genre in genres)
                {
                    plain.Append(CultureInfo.InvariantCulture, $" {Users + genre}:{value}");
                    withFields.Append(CultureInfo.InvariantCulture, $" 2:{Users + genre}:{value}");
                }

                plain.Append('\n');
                withFields.Append('\n');
            }
        }

        foreach (var (part, (plain, withFields)) in lines)
        {
            File.WriteAllText(Path.Combine(folder, part + ".libfm"), plain.ToString());
            File.WriteAllText(Path.Combine(folder, part + ".ffm"), withFields.ToString());
        }
    }

    private static void WriteRanking(string folder)
    {
        var random = new Random(2);
        var (train, test, coldTrain, coldTest, coldExclude) = (
            new List<string>(),
            new List<string>(),
            new List<string>(),
            new List<string>(),
            new List<string>()
        );
        for (var user = 0; user < Users; user++)
        {
            var items = new List<int>();
            for (var wanted = 8 + random.Next(10); items.Count < wanted;)
            {
                var half = random.Next(8) == 0 ? 1 - (user % 2) : user % 2;
                var item = (2 * (int)(Films / 2 * Math.Pow(random.NextDouble(), 1.6))) + half;
                if (!items.Contains(item))
                {
                    items.Add(item);
                }
            }

            train.AddRange(items[..^1].Select(item => $"{user}\t{item}"));
            test.Add($"{user}\t{items[^1]}");
            coldTrain.AddRange(items.Where(item => !IsCold(item)).Select(item => $"{user}\t{item}"));
            var cold = items.Where(IsCold).ToList();
            if (cold.Count > 0)
            {
                coldTest.Add($"{user}\t{cold[^1]}");
                coldExclude.AddRange(cold[..^1].Select(item => $"{user}\t{item}"));
            }
        }

        Write("train", train);
        Write("test", test);
        Write("cold-train", coldTrain);
        Write("cold-test", coldTest);
        Write("cold-exclude", coldExclude);
        Write("cold-candidates", Enumerable.Range(0, Films).Where(IsCold).Select(item => item.ToString(CultureInfo.InvariantCulture)));

        static bool IsCold(int item) => item % 3 == 1;

        void Write(string name, IEnumerable<string> text) => File.WriteAllText(Path.Combine(folder, name + ".tsv"), string.Join('\n', text) + "\n");
    }

    /// <summary>By Box and Muller; <see cref="Random"/> with a seed draws the same numbers on every runtime.</summary>
    private static double Normal(Random random, double deviation) =>
        deviation * Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
}
