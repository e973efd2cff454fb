using RecService.Api.Training;
using RecService.Engine.Data;
using RecService.Engine.Evaluation;

namespace RecService.Api.Tests.Training;

public sealed class PublishDecisionTests
{
    private const int Items = 40;

    [Fact]
    public void A_ranking_is_held_back_when_another_is_ahead_beyond_chance()
    {
        var (good, bad) = (Ranking(200, misses: 0.2), Ranking(200, misses: 0.9));

        PublishDecision.ByRanking(good, bad, served: null).ShouldBe(new(Publish: true));
        PublishDecision.ByRanking(good, bad, good).ShouldBe(new(Publish: true));
        var worse = PublishDecision.ByRanking(bad, good, served: null);
        worse.Publish.ShouldBeFalse();
        worse.Reason.ShouldNotBeNull().ShouldContain("that of popularity is 0.8");
        PublishDecision.ByRanking(bad, bad, good).Reason.ShouldNotBeNull().ShouldContain("the fit of the model that is served");
        // Two of 200 are chance.
        PublishDecision.ByRanking(Ranking(200, misses: 0.21), good, good).ShouldBe(new(Publish: true));
    }

    [Fact]
    public void Where_too_little_is_held_out_a_model_is_served_and_it_is_said_why()
    {
        var few = PublishDecision.ByRanking(Ranking(49, misses: 1), Ranking(49, misses: 0), Ranking(49, misses: 0));
        few.Publish.ShouldBeTrue();
        few.Reason.ShouldNotBeNull().ShouldContain("Only 49 rows");
        PublishDecision.ByRanking(Ranking(50, misses: 1), Ranking(50, misses: 0), served: null).Publish.ShouldBeFalse();
        PublishDecision.ByRanking(null, null, null).ShouldBe(PublishDecision.Unmeasured);
        PublishDecision.Unmeasured.Publish.ShouldBeTrue();
        PublishDecision.Unmeasured.Reason.ShouldNotBeNull();
    }

    [Fact]
    public void Predictions_are_held_back_when_others_are_nearer_beyond_chance()
    {
        var random = new Random(3);
        float[] targets = [.. Enumerable.Range(0, 400).Select(_ => (float)random.Next(1, 6))];
        var holdout = Examples(targets);
        int[] users = [.. Enumerable.Range(0, 400).Select(row => row / 4)];
        float[] near = [.. targets.Select(target => target + (float)(random.NextDouble() - 0.5))],
            asNear = [.. targets.Select(target => target + (float)(random.NextDouble() - 0.5))],
            far = [.. targets.Select(target => target + (float)(4 * (random.NextDouble() - 0.5)))];

        PublishDecision.ByErrors(holdout, users, near, far, far).ShouldBe(new(Publish: true));
        PublishDecision.ByErrors(holdout, users, near, asNear, asNear).ShouldBe(new(Publish: true));
        PublishDecision.ByErrors(holdout, users, far, near, served: null).Reason.ShouldNotBeNull().ShouldContain("the biases of users and items");
        var worse = PublishDecision.ByErrors(holdout, users, far, far, near);
        worse.Publish.ShouldBeFalse();
        worse.Reason.ShouldNotBeNull().ShouldContain("the fit of the model that is served");
        PublishDecision.ByErrors(Examples(targets[..49]), users[..49], far[..49], near[..49], null).Publish.ShouldBeTrue();
        // All rows are of one user, of whom chance cannot be told: what that user says is taken.
        PublishDecision.ByErrors(holdout, new int[400], far, near, served: null).Publish.ShouldBeFalse();
    }

    [Fact]
    public void What_speaks_against_a_model_holds_it_back_where_enough_rows_say_so()
    {
        var served = new PublishDecision(Publish: true, "little is known");

        served.Against(50, "worse than a constant").ShouldBe(new(Publish: false, "worse than a constant"));
        served.Against(49, "worse than a constant").ShouldBe(served);
    }

    private static ExampleSet Examples(float[] targets)
    {
        var rows = new SparseRowsBuilder();
        foreach (var _ in targets)
        {
            rows.Add(0);
            rows.EndRow();
        }

        return new(rows.Build(), targets);
    }

    /// <summary>Figures of a ranking that puts the right item first but for a share of the queries, where it comes last.</summary>
    private static RankingFigures Ranking(int queries, double misses) =>
        new RankingEvaluator(Items, RowSets.FromPairs(queries, [], [])) { Cutoffs = [10] }
            .Evaluate([.. Enumerable.Range(0, queries).Select(query => new RankingQuery(query, 0, query % Items))], (query, scores) =>
            {
                scores.Clear();
                scores[query.User % Items] = query.User < misses * queries ? -1 : 1;
            })
            .ShouldNotBeNull();
}
