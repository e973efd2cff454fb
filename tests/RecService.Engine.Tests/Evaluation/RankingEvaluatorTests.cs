using System.Collections.Concurrent;
using RecService.Engine.Data;
using RecService.Engine.Evaluation;
using RecService.Engine.Numerics;

namespace RecService.Engine.Tests.Evaluation;

public sealed class RankingEvaluatorTests
{
    private static readonly RowSets NothingKnown = RowSets.FromPairs(3, [], []);

    [Fact]
    public void Metrics_follow_from_the_rank()
    {
        // Item 0 is first of five, item 3 third, item 4 last.
        var metrics = new RankingEvaluator(5, NothingKnown) { Cutoff = 3 }
            .Evaluate([new(0, 0, 0), new(1, 3, 0), new(2, 4, 0)], Scores(5, 4, 3, 4.5f, 1), Token).ShouldNotBeNull();
        var second = 1 / Math.Log2(3);

        metrics.Cutoff.ShouldBe(3);
        metrics.Pairs.ShouldBe(3);
        metrics.HitRate.ShouldBe(2 / 3.0, 1e-12);
        metrics.Ndcg.ShouldBe((1 + second) / 3, 1e-12);
        metrics.Mrr.ShouldBe((1 + (1 / 2.0) + (1 / 5.0)) / 3, 1e-12);
    }

    [Fact]
    public void Ties_count_against_the_held_out_item()
    {
        Rank(NothingKnown, new(0, 2, 0), 1, 1, 1, 1, 1).ShouldBe(5);
        Rank(NothingKnown, new(0, 2, 0), 2, 1, 1, 1, 0).ShouldBe(4);
    }

    [Fact]
    public void Items_the_user_knows_do_not_compete_but_the_held_out_item_always_does()
    {
        var known = RowSets.FromPairs(3, [0, 0, 0, 1], [0, 1, 3, 4]);

        // Scores fall with the item row. User 0 knows 0, 1 and 3 itself.
        Rank(known, new(0, 3, 0), 5, 4, 3, 2, 1).ShouldBe(2);
        Rank(known, new(0, 2, 0), 5, 4, 3, 2, 1).ShouldBe(1);
        Rank(known, new(2, 3, 0), 5, 4, 3, 2, 1).ShouldBe(4);
        // Those known that score less take nothing away.
        Rank(known, new(1, 3, 0), 5, 4, 3, 2, 1).ShouldBe(4);
    }

    [Fact]
    public void Scores_are_asked_for_the_pair_by_its_index()
    {
        var known = RowSets.FromPairs(2, [], []);
        var metrics = new RankingEvaluator(3, known).Evaluate([new(0, 0, 7), new(1, 2, 9)], (pair, scores) => scores[pair == 0 ? 0 : 2] = 1, Token);

        metrics.ShouldNotBeNull().Mrr.ShouldBe(1);
    }

    [Fact]
    public void The_result_is_the_same_on_any_number_of_threads_and_on_every_call()
    {
        var pairs = Enumerable.Range(0, 3_000).Select(n => new HeldOutPair(n % 3, n % 50, 0)).ToArray();
        RankingMetrics? Evaluate(int threads) => new RankingEvaluator(50, NothingKnown) { Threads = threads, MaximumPairs = 2_000 }.Evaluate(pairs, Noise, Token);

        var one = Evaluate(1);

        one.ShouldNotBeNull().Pairs.ShouldBe(2_000);
        Evaluate(4).ShouldBe(one);
        Evaluate(1).ShouldBe(one);
        static void Noise(int pair, Span<float> scores)
        {
            var random = new RandomSource((ulong)pair);
            foreach (ref var score in scores)
                score = (float)random.NextDouble();
        }
    }

    [Fact]
    public void Of_too_many_pairs_a_sample_by_seed_is_measured()
    {
        var pairs = Enumerable.Range(0, 100).Select(_ => new HeldOutPair(0, 0, 0)).ToArray();
        int[] Sampled(ulong seed)
        {
            var seen = new ConcurrentBag<int>();
            new RankingEvaluator(2, NothingKnown) { MaximumPairs = 10, Seed = seed }.Evaluate(pairs, (pair, _) => seen.Add(pair), Token).ShouldNotBeNull().Pairs.ShouldBe(10);
            return [.. seen.Order()];
        }

        Sampled(1).Distinct().Count().ShouldBe(10);
        Sampled(1).ShouldBe(Sampled(1));
        Sampled(1).SequenceEqual(Sampled(2)).ShouldBeFalse();
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    [InlineData(float.NegativeInfinity)]
    public void A_score_that_is_not_finite_is_an_error(float wrong)
    {
        Should.Throw<ArithmeticException>(() => Rank(NothingKnown, new(1, 0, 0), 5, wrong, 3, 2, 1)).Message.ShouldContain("Item row 1");
    }

    [Fact]
    public void Pairs_out_of_range_are_refused_and_no_pairs_give_no_metrics()
    {
        var evaluator = new RankingEvaluator(5, NothingKnown);

        Should.Throw<ArgumentException>(() => evaluator.Evaluate([new(0, 0, 0), new(3, 0, 0)], Scores(1, 2, 3, 4, 5), Token)).Message.ShouldContain("pair 1");
        Should.Throw<ArgumentException>(() => evaluator.Evaluate([new(0, 5, 0)], Scores(1, 2, 3, 4, 5), Token));
        Should.Throw<ArgumentException>(() => new RankingEvaluator(2, RowSets.FromPairs(1, [0], [2])));
        evaluator.Evaluate([], Scores(1, 2, 3, 4, 5), Token).ShouldBeNull();
    }

    [Fact]
    public void Cancellation_stops_the_evaluation()
    {
        using var source = new CancellationTokenSource();
        var pairs = Enumerable.Repeat(new HeldOutPair(0, 0, 0), 1_000).ToArray();
        var scored = 0;

        Should.Throw<OperationCanceledException>(() => new RankingEvaluator(5, NothingKnown).Evaluate(
            pairs,
            (_, _) =>
            {
                if (++scored == 10)
                    source.Cancel();
            },
            source.Token));
        scored.ShouldBeLessThan(1_000);
    }

    [Fact]
    public void Popularity_counts_users()
    {
        var popularity = new PopularityRanker(4, RowSets.FromPairs(3, [0, 0, 1, 2, 2, 2], [1, 1, 1, 1, 3, 0]));

        popularity.Users.ToArray().ShouldBe([1, 3, 0, 1]);
        var metrics = new RankingEvaluator(4, NothingKnown).Evaluate([new(0, 1, 0), new(0, 3, 0)], popularity.Score, Token).ShouldNotBeNull();
        metrics.Mrr.ShouldBe((1 + (1 / 3.0)) / 2, 1e-12);
        Should.Throw<ArgumentException>(() => new PopularityRanker(3, RowSets.FromPairs(1, [0], [3])));
    }

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private static ItemScores Scores(params float[] all) => (_, scores) => all.CopyTo(scores);

    private static int Rank(RowSets known, HeldOutPair pair, params float[] scores)
    {
        var metrics = new RankingEvaluator(scores.Length, known).Evaluate([pair], Scores(scores), Token).ShouldNotBeNull();
        return (int)Math.Round(1 / metrics.Mrr);
    }
}
