using RecService.Engine.Data;
using RecService.Engine.Evaluation;
using RecService.Engine.Evaluation.Baselines;
using RecService.Engine.Numerics;

namespace RecService.Engine.Tests.Evaluation.Baselines;

public sealed class ItemKnnRankerTests
{
    [Fact]
    public void The_score_is_the_sum_of_cosines_to_the_history()
    {
        // Item 0 was met by users 0, 1, 2; item 1 by 0, 1; item 2 by 1, 2; item 3 by nobody.
        var met = RowSets.FromPairs(3, [0, 0, 1, 1, 1, 2, 2], [0, 1, 0, 1, 2, 0, 2]);

        var scores = Scores(new ItemKnnRanker(4, met), user: 0, items: 4);

        scores[0].ShouldBe((float)(2 / Math.Sqrt(6)), 1e-6f);
        scores[1].ShouldBe((float)(2 / Math.Sqrt(6)), 1e-6f);
        scores[2].ShouldBe((float)((2 / Math.Sqrt(6)) + (1 / 2.0)), 1e-6f);
        scores[3].ShouldBe(0);
    }

    [Fact]
    public void Only_the_nearest_items_of_a_candidate_count()
    {
        // Candidate 0 shares two users with item 1 and one each with items 2 and 3, which are as near as each other.
        var met = RowSets.FromPairs(4, [0, 0, 1, 1, 2, 2, 3, 3, 3], [0, 1, 0, 1, 0, 2, 0, 3, 1]);
        var near = 3 / Math.Sqrt(12);
        var further = 1 / Math.Sqrt(4);

        Scores(new ItemKnnRanker(4, met, neighbours: 1), user: 3, items: 4)[0].ShouldBe((float)near, 1e-6f);
        // Of the two that tie for the second place neither gets it; with three places both do.
        Scores(new ItemKnnRanker(4, met, neighbours: 2), user: 3, items: 4)[0].ShouldBe((float)near, 1e-6f);
        Scores(new ItemKnnRanker(4, met, neighbours: 3), user: 3, items: 4)[0].ShouldBe((float)(near + further), 1e-6f);
    }

    [Fact]
    public void Histories_of_their_own_are_scored_by_neighbours_among_what_others_met()
    {
        var random = new RandomSource(5);
        var (met, histories) = (Draw(random, 60, 30), Draw(random, 7, 30));
        var ranker = new ItemKnnRanker(30, met, histories, neighbours: 10);

        // A user more who met nothing has the same neighbours, and scores of nothing.
        var all = new ItemKnnRanker(30, met, RowSets.FromRuns([0, 0, 30], [.. Enumerable.Range(0, 30)]), neighbours: 10);
        Scores(all, user: 0, items: 30).ShouldAllBe(score => score == 0);
        float[][] single =
        [
            .. Enumerable.Range(0, 30).Select(item => Scores(new ItemKnnRanker(30, met, RowSets.FromRuns([0, 1], [item]), neighbours: 10), 0, 30)),
        ];
        for (var row = 0; row < histories.Count; row++)
        {
            var scores = Scores(ranker, row, items: 30);
            for (var item = 0; item < 30; item++)
            {
                scores[item].ShouldBe((float)histories[row].ToArray().Sum(other => (double)single[other][item]), 1e-5f);
            }
        }

        Should.Throw<ArgumentException>(() => new ItemKnnRanker(30, met, RowSets.FromRuns([0, 1], [30]))).Message.ShouldContain("member 30");
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(2, 3)]
    [InlineData(3, 10)]
    [InlineData(4, 100)]
    public void Scores_are_those_of_all_cosines_computed_one_by_one(ulong seed, int neighbours)
    {
        const int Users = 40,
            Items = 30;
        var random = new RandomSource(seed);
        var met = Draw(random, Users, Items);
        var ranker = new ItemKnnRanker(Items, met, neighbours: neighbours);
        int MetBy(int item) => Enumerable.Range(0, Users).Count(user => met.Contains(user, item));
        // The square of the cosine as a quotient of whole numbers, so that ties are exact.
        (long Over, long Under) Square(int a, int b)
        {
            long common = Enumerable.Range(0, Users).Count(user => met.Contains(user, a) && met.Contains(user, b));
            return (common * common, Math.Max(1, (long)MetBy(a) * MetBy(b)));
        }

        float[][] scores = [.. Enumerable.Range(0, Users).Select(user => Scores(ranker, user, Items))];
        for (var candidate = 0; candidate < Items; candidate++)
        {
            var others = Enumerable
                .Range(0, Items)
                .Where(item => item != candidate)
                .Select(item => (Item: item, Square: Square(candidate, item)))
                .Where(other => other.Square.Over > 0)
                .ToArray();
            var nearest = others
                .Where(other =>
                    others.Count(another => another.Square.Over * other.Square.Under >= other.Square.Over * another.Square.Under) <= neighbours
                )
                .ToArray();
            for (var user = 0; user < Users; user++)
            {
                var expected = nearest
                    .Where(other => met.Contains(user, other.Item))
                    .Sum(other => Math.Sqrt((double)other.Square.Over / other.Square.Under));
                scores[user][candidate].ShouldBe((float)expected, 1e-5f, $"user {user}, item {candidate}");
            }
        }
    }

    [Fact]
    public void Numbering_the_items_otherwise_changes_no_score()
    {
        const int Users = 40,
            Items = 30;
        var random = new RandomSource(9);
        var met = Draw(random, Users, Items);
        int[] renumbered = [.. Enumerable.Range(0, Items)];
        random.Shuffle<int>(renumbered);
        var users = Enumerable.Range(0, Users).SelectMany(user => Enumerable.Repeat(user, met[user].Length)).ToArray();
        var items = Enumerable.Range(0, Users).SelectMany(user => met[user].ToArray()).Select(item => renumbered[item]).ToArray();

        var before = new ItemKnnRanker(Items, met, neighbours: 4);
        var after = new ItemKnnRanker(Items, RowSets.FromPairs(Users, users, items), neighbours: 4);

        for (var user = 0; user < Users; user++)
        {
            var (one, other) = (Scores(before, user, Items), Scores(after, user, Items));
            Enumerable.Range(0, Items).Select(item => other[renumbered[item]]).ShouldBe(one);
        }
    }

    [Fact]
    public void Items_out_of_range_are_refused()
    {
        Should.Throw<ArgumentException>(() => new ItemKnnRanker(3, RowSets.FromPairs(1, [0], [3]))).Message.ShouldContain("member 3");
        Should.Throw<ArgumentOutOfRangeException>(() => new ItemKnnRanker(3, RowSets.FromPairs(1, [0], [2]), neighbours: 0));
        Should
            .Throw<ArgumentException>(() => Scores(new ItemKnnRanker(3, RowSets.FromPairs(1, [0], [2])), user: 1, items: 3))
            .Message.ShouldContain("user row 1");
    }

    private static RowSets Draw(RandomSource random, int users, int items) =>
        RowSets.FromPairs(
            users,
            [.. Enumerable.Range(0, 250).Select(_ => random.Below(users))],
            [.. Enumerable.Range(0, 250).Select(_ => (int)(items * Math.Pow(random.NextDouble(), 1.5)))]
        );

    private static float[] Scores(ItemKnnRanker ranker, int user, int items)
    {
        var scores = new float[items];
        ranker.Score(new RankingQuery(user, 0, 0), scores);
        return scores;
    }
}
