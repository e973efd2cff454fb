namespace RecService.Engine.Tests.Evaluation;

/// <summary>Figures of rankings the long way: all items but those that the user has met, of which ties come before the one looked for.</summary>
internal static class PlainRanking
{
    /// <summary>HR@10, NDCG@10, HR@20 and NDCG@20 of one test item for each user.</summary>
    public static double[] Figures((int[] Users, int[] Items) train, (int[] Users, int[] Items) test, Func<int, double[]> scores)
    {
        var met = train.Users.Zip(train.Items).ToHashSet();
        var ranks = test
            .Users.Zip(test.Items, (user, wanted) =>
            {
                var of = scores(user);
                return 1 + Enumerable.Range(0, of.Length).Count(item => item != wanted && !met.Contains((user, item)) && of[item] >= of[wanted]);
            })
            .ToArray();
        return [HitRate(10), Gain(10), HitRate(20), Gain(20)];

        double HitRate(int n) => ranks.Average(rank => rank <= n ? 1.0 : 0);

        double Gain(int n) => ranks.Average(rank => rank <= n ? 1 / Math.Log2(rank + 1) : 0);
    }

    /// <summary>The number of users who have met each item.</summary>
    public static double[] Popularity(int items, (int[] Users, int[] Items) train)
    {
        var counts = new double[items];
        foreach (var item in train.Items)
        {
            counts[item]++;
        }

        return counts;
    }

    /// <summary>Sums of the cosines to the items that a user has met, all items being neighbours.</summary>
    public static Func<int, double[]> Nearest(int items, (int[] Users, int[] Items) train)
    {
        var usersOf = Enumerable.Range(0, items).Select(_ => new HashSet<int>()).ToArray();
        foreach (var (user, item) in train.Users.Zip(train.Items))
        {
            usersOf[item].Add(user);
        }

        return user =>
            [
                .. Enumerable
                    .Range(0, items)
                    .Select(item =>
                        Enumerable
                            .Range(0, items)
                            .Where(other => other != item && usersOf[other].Contains(user))
                            .Sum(other =>
                                usersOf[item].Count == 0
                                    ? 0
                                    : usersOf[item].Intersect(usersOf[other]).Count() / Math.Sqrt((double)usersOf[item].Count * usersOf[other].Count)
                            )
                    ),
            ];
    }

    /// <summary>The pairs of a file, user and item.</summary>
    public static (int[] Users, int[] Items) Read(string folder, string name)
    {
        var pairs = File.ReadLines(Path.Combine(folder, name + ".tsv")).Select(line => line.Split('\t')).ToArray();
        return ([.. pairs.Select(pair => Number(pair[0]))], [.. pairs.Select(pair => Number(pair[1]))]);
    }

    private static int Number(string text) => int.Parse(text, System.Globalization.CultureInfo.InvariantCulture);
}
