using RecService.Engine.Evaluation.Metrics;
using RecService.Engine.Numerics;

namespace RecService.Engine.Tests.Evaluation.Metrics;

public sealed class ClassificationMetricsTests
{
    [Fact]
    public void Log_loss_is_the_mean_surprise()
    {
        LogLoss([0.9f, 0.2f, 0.5f], [1, 0, 1])!.Value.ShouldBe(-(Math.Log(0.9) + Math.Log(0.8) + Math.Log(0.5)) / 3, 1e-7);
    }

    [Fact]
    public void A_certain_error_costs_much_but_not_everything()
    {
        LogLoss([0, 1], [1, 0])!.Value.ShouldBe(-Math.Log(1e-7), 1e-6);
        LogLoss([0, 1], [0, 1])!.Value.ShouldBe(1e-7, 1e-9);
    }

    [Fact]
    public void Area_is_one_for_perfect_order_zero_for_reversed_and_a_half_for_ties()
    {
        Auc([0.1f, 0.2f, 0.8f, 0.9f], [0, 0, 1, 1]).ShouldBe(1);
        Auc([0.1f, 0.2f, 0.8f, 0.9f], [1, 1, 0, 0]).ShouldBe(0);
        Auc([0.3f, 0.3f, 0.3f, 0.3f], [1, 0, 0, 1]).ShouldBe(0.5);
    }

    [Fact]
    public void Area_equals_the_weighted_count_of_pairs_in_order()
    {
        var random = new RandomSource(5);
        var predictions = new float[200];
        var targets = new float[200];
        var weights = new float[200];
        for (var i = 0; i < 200; i++)
        {
            // Few distinct predictions make many ties.
            predictions[i] = random.Below(12) / 12f;
            targets[i] =
                random.NextDouble() < predictions[i] ? 3
                : i % 2 == 0 ? 0
                : -1;
            weights[i] = random.Below(4);
        }

        double won = 0,
            all = 0;
        for (var p = 0; p < 200; p++)
        {
            for (var n = 0; n < 200; n++)
            {
                if (targets[p] <= 0 || targets[n] > 0)
                {
                    continue;
                }

                var weight = (double)weights[p] * weights[n];
                all += weight;
                won +=
                    weight
                    * (
                        predictions[p] > predictions[n] ? 1
                        : predictions[p] == predictions[n] ? 0.5
                        : 0
                    );
            }
        }

        Auc(predictions, targets, weights)!.Value.ShouldBe(won / all, 1e-12);
    }

    [Fact]
    public void Without_both_classes_there_is_no_area()
    {
        Auc([0.5f, 0.6f], [1, 1]).ShouldBeNull();
        Auc([0.5f, 0.6f], [0, 0]).ShouldBeNull();
        Auc([0.5f, 0.6f], [0, 1], [0, 1]).ShouldBeNull();
    }

    [Fact]
    public void Nothing_to_measure_by_gives_no_metrics_and_numbers_that_are_no_probabilities_are_refused()
    {
        LogLoss([], []).ShouldBeNull();
        Auc([], []).ShouldBeNull();
        LogLoss([1], [1], [0]).ShouldBeNull();
        Auc([1], [1], [0]).ShouldBeNull();
        Should.Throw<ArgumentException>(() => LogLoss([0.5f, 1.5f], [1, 0])).Message.ShouldContain("Example 1");
        Should.Throw<ArgumentException>(() => LogLoss([0.5f, float.NaN], [1, 0])).Message.ShouldContain("Example 1");
    }

    [Fact]
    public void The_area_by_user_is_the_mean_of_each_users_own_area()
    {
        // User 7: positives 0.9 and 0.4, negative 0.5, half of the pairs won. User −2: all won. User 3 has only positives. Between users all is
        // wrong.
        float[] predictions = [0.9f, 0.1f, 0.5f, 0.3f, 0.05f, 0.4f, 0.06f];
        float[] targets = [1, 1, 0, 1, 0, 1, 0];
        int[] users = [7, -2, 7, 3, -2, 7, -2];

        var area = AucByUser(predictions, targets, users).ShouldNotBeNull();

        area.Users.ToArray().ShouldBe([-2, 7]);
        area.Values.ToArray().ShouldBe([1, 0.5]);
        area.Mean.ShouldBe(0.75);
        var byExamples = AucByUser(predictions, targets, users, [1, 1, 1, 1, 1, 1, 4], weightByExamples: true)
            .ShouldNotBeNull();
        byExamples.Weights.ToArray().ShouldBe([6, 3]);
        byExamples.Mean.ShouldBe((6 + (3 * 0.5)) / 9, 1e-12);
    }

    [Fact]
    public void The_area_by_user_is_that_of_each_users_examples_measured_apart()
    {
        var random = new RandomSource(6);
        int[] users = [.. Enumerable.Range(0, 400).Select(_ => random.Below(30))];
        float[] predictions = [.. users.Select(_ => random.Below(10) / 10f)];
        float[] targets = [.. users.Select(_ => (float)random.Below(2))];
        float[] weights = [.. users.Select(_ => (float)random.Below(3))];

        var area = AucByUser(predictions, targets, users, weights).ShouldNotBeNull();

        var apart = Enumerable
            .Range(0, 30)
            .Select(user =>
            {
                T[] Of<T>(T[] all) => [.. all.Where((_, e) => users[e] == user)];
                return Auc(Of(predictions), Of(targets), Of(weights));
            })
            .OfType<double>()
            .ToArray();
        area.Values.ToArray().ShouldBe(apart, 1e-12);
        area.Mean.ShouldBe(apart.Average(), 1e-12);
    }

    [Fact]
    public void Without_a_user_who_has_positives_and_negatives_there_is_no_area_by_user()
    {
        AucByUser([0.5f, 0.6f], [0, 1], [1, 2]).ShouldBeNull();
        AucByUser([], [], []).ShouldBeNull();
        Should.Throw<ArgumentException>(() => AucByUser([0.5f, 0.6f], [0, 1], [1]));
        Should.Throw<ArgumentException>(() => AucByUser([0.5f, 0.6f], [0, 1], []));
        Should.Throw<ArgumentException>(() => AucByUser([0.5f, float.NaN], [0, 1], [1, 1])).Message.ShouldContain("Example 1");
    }

    private static double? LogLoss(float[] predictions, float[] targets, float[]? weights = null) =>
        ExampleMetrics.LogLoss.Of(new(predictions, targets, weights));

    private static double? Auc(float[] predictions, float[] targets, float[]? weights = null) =>
        ExampleMetrics.Auc.Of(new(predictions, targets, weights));

    private static UserMean? AucByUser(float[] predictions, float[] targets, int[] users, float[]? weights = null, bool weightByExamples = false) =>
        AreaUnderCurve.ByUser(new(predictions, targets, weights, users), weightByExamples);
}
