using System.Globalization;
using RecService.Engine.Data;
using RecService.Engine.Evaluation;
using RecService.Engine.Evaluation.Baselines;
using RecService.Engine.Evaluation.Metrics;

namespace RecService.Engine.Tests.Evaluation;

/// <summary>Figures of the baselines on implicit feedback: beside those of a plain program, and those known of MovieLens latest small.</summary>
public sealed class RankingFigureTests(RatingFolders folders, ITestOutputHelper output)
{
    public static TheoryData<string> Sources => new(RatingFolders.Names);

    [Theory]
    [MemberData(nameof(Sources))]
    public void Popularity_and_nearest_items_have_the_known_figures(string source)
    {
        var folder = folders.Ranking(source);
        var (train, test) = (PlainRanking.Read(folder, "train"), PlainRanking.Read(folder, "test"));
        var (users, items) = (1 + test.Users.Max(), 1 + Math.Max(train.Items.Max(), test.Items.Max()));
        var met = RowSets.FromPairs(users, train.Users, train.Items);
        var queries = RankingQuery.FromPairs(test.Users, test.Items);
        queries.Count.ShouldBe(users);
        var evaluator = new RankingEvaluator(items, met) { Threads = 2 };
        var token = TestContext.Current.CancellationToken;
        var counts = PlainRanking.Popularity(items, train);

        var popularity = evaluator.Evaluate(queries, new PopularityRanker(items, met).Score, token).ShouldNotBeNull();
        Write("popularity", popularity);
        Figures(popularity)
            .ShouldBe(
                source == RatingFolders.MovieLens ? [0.0417, 0.0194, 0.0626, 0.0245] : PlainRanking.Figures(train, test, _ => counts),
                source == RatingFolders.MovieLens ? 5e-5 : 1e-12
            );

        var nearest = evaluator.Evaluate(queries, new ItemKnnRanker(items, met).Score, token).ShouldNotBeNull();
        Write("item-kNN", nearest);
        Figures(nearest)
            .ShouldBe(
                source == RatingFolders.MovieLens
                    ? [0.0611, 0.0337, 0.1133, 0.0468]
                    : PlainRanking.Figures(train, test, PlainRanking.Nearest(items, train)),
                source == RatingFolders.MovieLens ? 5e-5 : 1e-12
            );
        nearest[RankingMetrics.HitRate, 10].Mean.ShouldBeGreaterThan(popularity[RankingMetrics.HitRate, 10].Mean);
    }

    [Theory]
    [MemberData(nameof(Sources))]
    public void Cold_items_are_ranked_among_themselves(string source)
    {
        var folder = folders.Ranking(source);
        var (train, test, exclude) = (
            PlainRanking.Read(folder, "cold-train"),
            PlainRanking.Read(folder, "cold-test"),
            PlainRanking.Read(folder, "cold-exclude")
        );
        int[] candidates =
        [
            .. File.ReadLines(Path.Combine(folder, "cold-candidates.tsv")).Select(line => int.Parse(line, CultureInfo.InvariantCulture)),
        ];
        var (users, items) = (1 + train.Users.Max(), 1 + Math.Max(train.Items.Max(), candidates.Max()));
        var excluded = RowSets.FromPairs(users, [.. train.Users, .. exclude.Users], [.. train.Items, .. exclude.Items]);
        var queries = RankingQuery.FromPairs(test.Users, test.Items);
        var evaluator = new RankingEvaluator(items, excluded, candidates);

        // Nobody met any of them in training, so that they all tie and every test item comes last.
        var metrics = evaluator
            .Evaluate(
                queries,
                new PopularityRanker(items, RowSets.FromPairs(users, train.Users, train.Items)).Score,
                TestContext.Current.CancellationToken
            )
            .ShouldNotBeNull();
        Write("popularity of cold items", metrics);

        metrics.Queries.ShouldBe(test.Users.Length);
        metrics.Queries.ShouldBeGreaterThan(100);
        metrics[RankingMetrics.HitRate, 20].Mean.ShouldBe(0);
        metrics[RankingMetrics.Mrr].Mean.ShouldBe(
            queries.Average(query => 1.0 / candidates.Count(item => query.Relevant.Contains(item) || !excluded.Contains(query.User, item))),
            1e-12
        );
    }

    private static double[] Figures(RankingFigures metrics) =>
        [metrics[RankingMetrics.HitRate, 10].Mean, metrics[RankingMetrics.Ndcg, 10].Mean, metrics[RankingMetrics.HitRate, 20].Mean, metrics[RankingMetrics.Ndcg, 20].Mean];

    private void Write(string name, RankingFigures metrics)
    {
        output.WriteLine(name);
        foreach (var n in metrics.Cutoffs)
        {
            Write($"HR@{n}", metrics[RankingMetrics.HitRate, n].Mean, metrics[RankingMetrics.HitRate, n].Interval());
            Write($"NDCG@{n}", metrics[RankingMetrics.Ndcg, n].Mean, metrics[RankingMetrics.Ndcg, n].Interval());
            Write($"Recall@{n}", metrics[RankingMetrics.Recall, n].Mean, metrics[RankingMetrics.Recall, n].Interval());
            Write($"coverage@{n}", metrics.Coverage(n).Share, metrics.Coverage(n).Interval);
        }

        Write("MRR", metrics[RankingMetrics.Mrr].Mean, metrics[RankingMetrics.Mrr].Interval());
        void Write(string metric, double value, ConfidenceInterval interval) =>
            output.WriteLine(FormattableString.Invariant($"  {metric,-12} {value:0.0000} [{interval.Low:0.0000}, {interval.High:0.0000}]"));
    }
}
