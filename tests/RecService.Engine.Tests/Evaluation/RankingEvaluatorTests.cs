using System.Collections.Concurrent;
using RecService.Engine.Data;
using RecService.Engine.Evaluation;
using RecService.Engine.Evaluation.Baselines;
using RecService.Engine.Evaluation.Metrics;
using RecService.Engine.Numerics;

namespace RecService.Engine.Tests.Evaluation;

public sealed class RankingEvaluatorTests
{
    private static readonly RowSets NothingKnown = RowSets.FromPairs(3, [], []);

    [Fact]
    public void Metrics_follow_from_the_rank()
    {
        // Item 0 is first of five, item 3 second, item 4 last.
        var metrics = new RankingEvaluator(5, NothingKnown) { Cutoffs = [3, 1] }
            .Evaluate([new(0, 0, 0), new(1, 0, 3), new(2, 0, 4)], Scores(5, 4, 3, 4.5f, 1), Token)
            .ShouldNotBeNull();
        var second = 1 / Math.Log2(3);

        metrics.Cutoffs.ShouldBe([1, 3]);
        metrics.Queries.ShouldBe(3);
        metrics[RankingMetrics.HitRate, 1].Mean.ShouldBe(1 / 3.0, 1e-12);
        metrics[RankingMetrics.HitRate, 3].Mean.ShouldBe(2 / 3.0, 1e-12);
        metrics[RankingMetrics.Ndcg, 3].Mean.ShouldBe((1 + second) / 3, 1e-12);
        metrics[RankingMetrics.Mrr].Mean.ShouldBe((1 + (1 / 2.0) + (1 / 5.0)) / 3, 1e-12);
        metrics[RankingMetrics.Mrr].Users.ToArray().ShouldBe([0, 1, 2]);
        metrics[RankingMetrics.Mrr].Values.ToArray().ShouldBe([1, 1 / 2.0, 1 / 5.0]);
        metrics[RankingMetrics.Mrr].Weights.IsEmpty.ShouldBeTrue();
        Should.Throw<ArgumentOutOfRangeException>(() => metrics[RankingMetrics.HitRate, 2]).Message.ShouldContain("1, 3");
    }

    [Fact]
    public void Several_relevant_items_of_a_query_are_measured_together()
    {
        // By score: 5, 3, 0, 1, 4, 2. Relevant are 3 (second), 1 (fourth) and 2 (sixth).
        var metrics = new RankingEvaluator(6, NothingKnown) { Cutoffs = [1, 2, 4, 20] }
            .Evaluate([new(0, 0, 3, 2, 1, 3)], Scores(4, 3, 1, 5, 2, 6), Token)
            .ShouldNotBeNull();
        double Gain(int rank) => 1 / Math.Log2(1 + rank);

        metrics[RankingMetrics.Mrr].Mean.ShouldBe(1 / 2.0);
        new[] { 1, 2, 4, 20 }.Select(n => metrics[RankingMetrics.HitRate, n].Mean).ShouldBe([0, 1, 1, 1]);
        new[] { 1, 2, 4, 20 }.Select(n => metrics[RankingMetrics.Recall, n].Mean).ShouldBe([0, 1 / 3.0, 2 / 3.0, 1]);
        metrics[RankingMetrics.Ndcg, 1].Mean.ShouldBe(0);
        metrics[RankingMetrics.Ndcg, 2].Mean.ShouldBe(Gain(2) / (Gain(1) + Gain(2)), 1e-12);
        metrics[RankingMetrics.Ndcg, 4].Mean.ShouldBe((Gain(2) + Gain(4)) / (Gain(1) + Gain(2) + Gain(3)), 1e-12);
        metrics[RankingMetrics.Ndcg, 20].Mean.ShouldBe((Gain(2) + Gain(4) + Gain(6)) / (Gain(1) + Gain(2) + Gain(3)), 1e-12);
    }

    [Fact]
    public void Ties_count_against_the_relevant_items()
    {
        Rank(NothingKnown, new(0, 0, 2), 1, 1, 1, 1, 1).ShouldBe(5);
        Rank(NothingKnown, new(0, 0, 2), 2, 1, 1, 1, 0).ShouldBe(4);

        // Two relevant items that tie take the last two places of the tie, not the same one.
        var tied = new RankingEvaluator(5, NothingKnown) { Cutoffs = [3, 4, 5] }
            .Evaluate([new(0, 0, 0, 1)], Scores(1, 1, 1, 1, 1), Token)
            .ShouldNotBeNull();
        new[] { 3, 4, 5 }.Select(n => tied[RankingMetrics.Recall, n].Mean).ShouldBe([0, 0.5, 1]);
        tied[RankingMetrics.Mrr].Mean.ShouldBe(1 / 4.0);
        Rank(NothingKnown, new(0, 0, 1), 0f, -0f, -1).ShouldBe(2);
    }

    [Fact]
    public void Excluded_items_do_not_compete_but_the_relevant_items_always_do()
    {
        var excluded = RowSets.FromPairs(3, [0, 0, 0, 1], [0, 1, 3, 4]);

        // Scores fall with the item row. Items 0, 1 and 3 are excluded for user 0.
        Rank(excluded, new(0, 0, 3), 5, 4, 3, 2, 1).ShouldBe(2);
        Rank(excluded, new(0, 0, 2), 5, 4, 3, 2, 1).ShouldBe(1);
        Rank(excluded, new(2, 0, 3), 5, 4, 3, 2, 1).ShouldBe(4);
        // Those excluded that score less take nothing away.
        Rank(excluded, new(1, 0, 3), 5, 4, 3, 2, 1).ShouldBe(4);
    }

    [Fact]
    public void Held_out_items_can_be_measured_one_by_one_or_together()
    {
        var heldOut = RowSets.FromPairs(3, [0, 0], [0, 1]);

        // Apart, neither competes with the other, and the user's mean weighs two queries.
        var apart = new RankingEvaluator(3, heldOut).Evaluate([new(0, 0, 0), new(0, 0, 1), new(1, 0, 2)], Scores(3, 2, 1), Token).ShouldNotBeNull();
        apart[RankingMetrics.Mrr].Values.ToArray().ShouldBe([1, 1 / 3.0]);
        apart[RankingMetrics.Mrr].Weights.ToArray().ShouldBe([2, 1]);
        apart[RankingMetrics.Mrr].Mean.ShouldBe((1 + 1 + (1 / 3.0)) / 3, 1e-12);
        var together = new RankingEvaluator(3, heldOut) { Cutoffs = [1] }
            .Evaluate(RankingQuery.FromPairs([0, 0], [1, 0]), Scores(3, 2, 1), Token)
            .ShouldNotBeNull();
        together[RankingMetrics.Recall, 1].Mean.ShouldBe(1 / 2.0);
    }

    [Fact]
    public void Only_candidates_are_ranked_and_others_are_missed()
    {
        var evaluator = new RankingEvaluator(5, RowSets.FromPairs(2, [0], [3]), candidates: [3, 1, 4, 1]) { Cutoffs = [1, 2] };

        // Scores fall with the item row, but items 0 and 2 are no candidates. Item 3 is excluded for user 0.
        var metrics = evaluator.Evaluate([new(0, 0, 4), new(1, 0, 4)], Scores(5, 4, 3, 2, 1), Token).ShouldNotBeNull();
        metrics[RankingMetrics.Mrr].Values.ToArray().ShouldBe([1 / 2.0, 1 / 3.0]);
        metrics.Coverage(1).Share.ShouldBe(1 / 3.0);
        metrics.Coverage(2).Share.ShouldBe(1);

        // Of the relevant items 0 and 1 the first cannot be recommended.
        var partly = evaluator.Evaluate([new(1, 0, 0, 1)], Scores(5, 4, 3, 2, 1), Token).ShouldNotBeNull();
        partly[RankingMetrics.Mrr].Mean.ShouldBe(1);
        partly[RankingMetrics.Recall, 2].Mean.ShouldBe(1 / 2.0);
        var missed = evaluator.Evaluate([new(1, 0, 0)], Scores(5, 4, 3, 2, 1), Token).ShouldNotBeNull();
        missed[RankingMetrics.Mrr].Mean.ShouldBe(0);
        missed[RankingMetrics.HitRate, 2].Mean.ShouldBe(0);

        Should.Throw<ArgumentException>(() => new RankingEvaluator(5, NothingKnown, candidates: [5])).Message.ShouldContain("Item row 5");
        Should.Throw<ArgumentException>(() => new RankingEvaluator(5, NothingKnown, candidates: []));
    }

    [Fact]
    public void Coverage_counts_the_items_that_any_user_gets_to_see()
    {
        // User 0 gets items 1 and 2, having met 0; user 1 gets items 4 and 3; of equal scores the earlier item is shown.
        var metrics = new RankingEvaluator(6, RowSets.FromPairs(2, [0], [0])) { Cutoffs = [1, 2, 100] }
            .Evaluate(
                [new(0, 0, 5), new(1, 0, 5)],
                (query, scores) => (query.User == 0 ? [9f, 1, 1, 1, 0, 0] : new[] { 0f, 1, 2, 3, 4, 0 }).CopyTo(scores),
                Token
            )
            .ShouldNotBeNull();

        metrics.Coverage(1).Share.ShouldBe(2 / 6.0);
        metrics.Coverage(2).Share.ShouldBe(4 / 6.0);
        metrics.Coverage(100).Share.ShouldBe(1);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    public void Metrics_are_those_of_a_plain_sorted_ranking(ulong seed)
    {
        const int Items = 40,
            Users = 30;
        int[] cutoffs = [1, 3, 10, 60];
        var random = new RandomSource(seed);
        // Few different scores, so that many tie.
        float[][] scores = [.. Enumerable.Range(0, Users).Select(_ => Enumerable.Range(0, Items).Select(_ => (float)random.Below(8)).ToArray())];
        var excluded = RowSets.FromPairs(Users, Draw(200, Users), Draw(200, Items));
        int[]? candidates = seed % 2 == 0 ? null : Draw(25, Items);
        var queries = RankingQuery.FromPairs(Draw(80, Users), Draw(80, Items), Draw(80, 2));
        void Score(RankingQuery query, Span<float> into) => scores[query.User].CopyTo(into);

        var metrics = new RankingEvaluator(Items, excluded, candidates) { Cutoffs = cutoffs, Threads = 2 }
            .Evaluate(queries, Score, Token)
            .ShouldNotBeNull();

        var rankings = queries
            .Select(query =>
            {
                var relevant = query.Relevant.ToArray();
                var user = query.User;
                return Enumerable
                    .Range(0, Items)
                    .Where(item => candidates?.Contains(item) ?? true)
                    .Where(item => relevant.Contains(item) || !excluded.Contains(user, item))
                    .OrderByDescending(item => scores[user][item])
                    .ToArray();
            })
            .ToArray();
        var ranks = queries
            .Select(
                (query, q) =>
                {
                    var relevant = query.Relevant.ToArray();
                    return rankings[q]
                        .OrderByDescending(item => scores[query.User][item])
                        .ThenBy(item => relevant.Contains(item))
                        .Select((item, place) => (item, Rank: place + 1))
                        .Where(placed => relevant.Contains(placed.item))
                        .Select(placed => placed.Rank)
                        .ToArray();
                }
            )
            .ToArray();
        metrics[RankingMetrics.Mrr].Mean.ShouldBe(ranks.Average(r => r.Length == 0 ? 0 : 1.0 / r[0]), 1e-12);
        foreach (var n in cutoffs)
        {
            var relevant = queries.Select(query => query.Relevant.Length).ToArray();
            double Ideal(int q) => Enumerable.Range(1, Math.Min(n, relevant[q])).Sum(rank => 1 / Math.Log2(1 + rank));
            metrics[RankingMetrics.HitRate, n].Mean.ShouldBe(ranks.Average(r => r.Any(rank => rank <= n) ? 1.0 : 0), 1e-12);
            metrics[RankingMetrics.Recall, n].Mean.ShouldBe(ranks.Select((r, q) => r.Count(rank => rank <= n) / (double)relevant[q]).Average(), 1e-12);
            metrics[RankingMetrics.Ndcg, n]
                .Mean.ShouldBe(ranks.Select((r, q) => r.Where(rank => rank <= n).Sum(rank => 1 / Math.Log2(1 + rank)) / Ideal(q)).Average(), 1e-12);
            metrics
                .Coverage(n)
                .Share.ShouldBe(rankings.SelectMany(r => r.Take(n)).Distinct().Count() / (double)(candidates?.Distinct().Count() ?? Items), 1e-12);
        }

        int[] Draw(int count, int bound) => [.. Enumerable.Range(0, count).Select(_ => random.Below(bound))];
    }

    [Fact]
    public void The_result_is_the_same_on_any_number_of_threads_and_in_any_order_of_the_pairs()
    {
        const int Pairs = 2_000;
        var random = new RandomSource(3);
        int[] order = [.. Enumerable.Range(0, Pairs)];
        double[] Evaluate(int threads)
        {
            var queries = RankingQuery.FromPairs([.. order.Select(n => n % 300)], [.. order.Select(n => n % 97)], [.. order.Select(n => n % 2)]);
            var metrics = new RankingEvaluator(100, RowSets.FromPairs(300, [], [])) { Threads = threads }
                .Evaluate(queries, Noise, Token)
                .ShouldNotBeNull();
            var coverage = metrics.Coverage(10);
            return
            [
                .. metrics[RankingMetrics.Mrr].Values,
                .. metrics[RankingMetrics.Ndcg, 10].Values,
                .. metrics[RankingMetrics.Recall, 20].Values,
                metrics[RankingMetrics.Mrr].Mean,
                coverage.Share,
                coverage.Interval.Low,
                coverage.Interval.High,
            ];
        }

        var one = Evaluate(1);

        Evaluate(4).ShouldBe(one);
        random.Shuffle<int>(order);
        Evaluate(3).ShouldBe(one);
    }

    [Fact]
    public void Of_too_many_queries_a_sample_by_seed_is_measured()
    {
        var queries = Enumerable.Range(0, 100).Select(context => new RankingQuery(0, context, 0)).ToArray();
        int[] Sampled(ulong seed)
        {
            var seen = new ConcurrentBag<int>();
            new RankingEvaluator(2, NothingKnown) { MaximumQueries = 10, Seed = seed }
                .Evaluate(queries, (query, _) => seen.Add(query.Context), Token)
                .ShouldNotBeNull()
                .Queries.ShouldBe(10);
            return [.. seen.Order()];
        }

        Sampled(1).Distinct().Count().ShouldBe(10);
        Sampled(1).ShouldBe(Sampled(1));
        Sampled(1).SequenceEqual(Sampled(2)).ShouldBeFalse();
    }

    [Fact]
    public void A_query_takes_no_memory_but_its_results()
    {
        long Allocated(int count)
        {
            var queries = Enumerable.Range(0, count).Select(n => new RankingQuery(n % 3, 0, n % 5_000)).ToArray();
            var evaluator = new RankingEvaluator(5_000, NothingKnown);
            var before = GC.GetAllocatedBytesForCurrentThread();
            evaluator.Evaluate(queries, (query, scores) => scores[query.Relevant[0]] = query.User, Token).ShouldNotBeNull();
            return GC.GetAllocatedBytesForCurrentThread() - before;
        }

        Allocated(10);
        // The results of a query are seven numbers; its scores alone would be 20 kB.
        (Allocated(1_100) - Allocated(100)).ShouldBeLessThan(1_000 * 200);
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    [InlineData(float.NegativeInfinity)]
    public void A_score_that_is_not_finite_is_an_error(float wrong)
    {
        var message = Should.Throw<ArithmeticException>(() => Rank(NothingKnown, new(1, 0, 0), 5, wrong, 3, 2, 1)).Message;

        message.ShouldContain("Item row 1");
        message.ShouldContain("user row 1");
    }

    [Fact]
    public void Queries_out_of_range_are_refused_and_no_queries_give_no_metrics()
    {
        var evaluator = new RankingEvaluator(5, NothingKnown);

        Should
            .Throw<ArgumentException>(() => evaluator.Evaluate([new(0, 0, 0), new(3, 0, 0)], Scores(1, 2, 3, 4, 5), Token))
            .Message.ShouldContain("Query 1");
        Should.Throw<ArgumentException>(() => evaluator.Evaluate([new(0, 0, 5)], Scores(1, 2, 3, 4, 5), Token)).Message.ShouldContain("item row 5");
        Should.Throw<ArgumentException>(() => new RankingEvaluator(2, RowSets.FromPairs(1, [0], [2]))).Message.ShouldContain("row 0");
        Should.Throw<ArgumentException>(() => new RankingEvaluator(2, NothingKnown) { Cutoffs = [] });
        Should.Throw<ArgumentException>(() => new RankingEvaluator(2, NothingKnown) { Cutoffs = [10, 0] });
        evaluator.Evaluate([], Scores(1, 2, 3, 4, 5), Token).ShouldBeNull();
    }

    [Fact]
    public void Cancellation_stops_the_evaluation()
    {
        using var source = new CancellationTokenSource();
        var queries = Enumerable.Repeat(new RankingQuery(0, 0, 0), 1_000).ToArray();
        var scored = 0;

        Should.Throw<OperationCanceledException>(() =>
            new RankingEvaluator(5, NothingKnown).Evaluate(
                queries,
                (_, _) =>
                {
                    if (++scored == 10)
                    {
                        source.Cancel();
                    }
                },
                source.Token
            )
        );
        scored.ShouldBeLessThan(1_000);
    }

    [Fact]
    public void Popularity_counts_users()
    {
        var popularity = new PopularityRanker(4, RowSets.FromPairs(3, [0, 0, 1, 2, 2, 2], [1, 1, 1, 1, 3, 0]));

        popularity.Users.ToArray().ShouldBe([1, 3, 0, 1]);
        var metrics = new RankingEvaluator(4, NothingKnown).Evaluate([new(0, 0, 1), new(0, 0, 3)], popularity.Score, Token).ShouldNotBeNull();
        metrics[RankingMetrics.Mrr].Mean.ShouldBe((1 + (1 / 3.0)) / 2, 1e-12);
        Should.Throw<ArgumentException>(() => new PopularityRanker(3, RowSets.FromPairs(1, [0], [3])));
    }

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private static ItemScores Scores(params float[] all) => (_, scores) => all.CopyTo(scores);

    private static void Noise(RankingQuery query, Span<float> scores)
    {
        var random = new RandomSource((ulong)query.User);
        foreach (ref var score in scores)
        {
            score = (float)random.NextDouble();
        }
    }

    private static int Rank(RowSets excluded, RankingQuery query, params float[] scores)
    {
        var metrics = new RankingEvaluator(scores.Length, excluded).Evaluate([query], Scores(scores), Token).ShouldNotBeNull();
        return (int)Math.Round(1 / metrics[RankingMetrics.Mrr].Mean);
    }
}
