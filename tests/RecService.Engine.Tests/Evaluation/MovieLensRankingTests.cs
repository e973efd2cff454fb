using System.Globalization;
using RecService.Engine.Data;
using RecService.Engine.Evaluation;
using RecService.Engine.Evaluation.Baselines;
using RecService.Engine.Evaluation.Metrics;

namespace RecService.Engine.Tests.Evaluation;

/// <summary>
/// The figures that stand beside MovieLens latest small as implicit feedback, where a folder <c>shared/data</c> lies beside the repository.
/// </summary>
public sealed class MovieLensRankingTests(ITestOutputHelper output)
{
    private const int Users = 671;
    private const int Items = 9_066;

    [Fact]
    public void Popularity_and_nearest_items_have_the_known_figures()
    {
        var train = Read("train");
        var met = Sets(train);
        var test = Read("test");
        var queries = RankingQuery.FromPairs(test.Users, test.Items);
        queries.Count.ShouldBe(Users);
        var evaluator = new RankingEvaluator(Items, met) { Threads = 2 };
        var token = TestContext.Current.CancellationToken;

        var popularity = evaluator.Evaluate(queries, new PopularityRanker(Items, met).Score, token).ShouldNotBeNull();
        Write("popularity", popularity);
        Figures(popularity).ShouldBe([0.0417, 0.0194, 0.0626, 0.0245], 5e-5);

        var nearest = evaluator.Evaluate(queries, new ItemKnnRanker(Items, met).Score, token).ShouldNotBeNull();
        Write("item-kNN", nearest);
        Figures(nearest).ShouldBe([0.0611, 0.0337, 0.1133, 0.0468], 5e-5);
    }

    [Fact]
    public void Cold_items_are_ranked_among_themselves()
    {
        var (train, test, exclude) = (Read("cold-train"), Read("cold-test"), Read("cold-exclude"));
        var excluded = Sets(([.. train.Users, .. exclude.Users], [.. train.Items, .. exclude.Items]));
        int[] candidates = [.. ReadLines("cold-candidates").Select(line => int.Parse(line, CultureInfo.InvariantCulture))];
        var queries = RankingQuery.FromPairs(test.Users, test.Items);
        var evaluator = new RankingEvaluator(Items, excluded, candidates);

        // Nobody met any of them in training, so that they all tie and every test item comes last.
        var metrics = evaluator
            .Evaluate(queries, new PopularityRanker(Items, Sets(train)).Score, TestContext.Current.CancellationToken)
            .ShouldNotBeNull();
        Write("popularity of cold items", metrics);

        metrics.Queries.ShouldBe(651);
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

    private static RowSets Sets((int[] Users, int[] Items) pairs) => RowSets.FromPairs(Users, pairs.Users, pairs.Items);

    private static (int[] Users, int[] Items) Read(string name)
    {
        var pairs = ReadLines(name).Select(line => line.Split('\t')).ToArray();
        return (
            [.. pairs.Select(pair => int.Parse(pair[0], CultureInfo.InvariantCulture))],
            [.. pairs.Select(pair => int.Parse(pair[1], CultureInfo.InvariantCulture))]
        );
    }

    private static IEnumerable<string> ReadLines(string name)
    {
        var folder = Repository.SharedData("ml-latest-small-ranking");
        Assert.SkipWhen(folder is null, "There is no folder shared/data/ml-latest-small-ranking beside the repository.");
        return File.ReadLines(Path.Combine(folder, name + ".tsv"));
    }
}
