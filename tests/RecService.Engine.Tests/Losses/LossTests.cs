using System.Runtime.Intrinsics;
using RecService.Engine.Losses;

namespace RecService.Engine.Tests.Losses;

/// <summary>Each loss against its definition, and every loss against itself: its slope by its value, its loops by one row.</summary>
public sealed class LossTests
{
    /// <summary>Those of rows; blocks are tested by the gradients of sequences.</summary>
    public static TheoryData<Loss> All => [.. LossNames.All.Where(loss => loss.Function().Rows != LossRows.Blocks)];

    public static TheoryData<Loss> Every => [.. LossNames.All];

    [Theory]
    [MemberData(nameof(All))]
    public void The_slope_is_the_derivative_of_the_value(Loss loss)
    {
        // Up to a constant factor: that of squared loss is in the rates.
        const float Step = 1f / 1024;
        double? factor = null;
        foreach (var target in TargetsOf(loss))
        {
            for (var score = -6f; score <= 6; score += 0.375f)
            {
                var derivative = (Value(loss, score + Step, target) - Value(loss, score - Step, target)) / (2 * Step);
                var slope = Slopes(loss, [score], [target])[0];
                factor ??= Math.Abs(derivative) > 0.1 ? derivative / slope : null;
                if (factor is { } known)
                {
                    derivative.ShouldBe(known * slope, 1e-5 * (1 + Math.Abs(derivative)), $"{loss} of {score} for {target}");
                }
            }
        }

        factor.ShouldNotBeNull();
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Many_rows_are_what_each_of_them_is_alone(Loss loss)
    {
        // Some registers full, and some rows left over.
        const int Rows = 22;
        var targets = TargetsOf(loss);
        float[] scores = [.. Enumerable.Range(0, Rows).Select(n => ((n * 7) % 23) - 11.25f)];
        float[] wanted = [.. Enumerable.Range(0, Rows).Select(n => targets[n % targets.Length])];
        float[] weights = [.. Enumerable.Range(0, Rows).Select(n => 0.25f * (n % 5))];
        var biased = new float[Rows];

        var slopes = Slopes(loss, scores, wanted, weights, bias: 0.5f, biased);

        var (sum, weight) = Sum(loss, scores, wanted, weights);
        var (expectedSum, expectedWeight) = (0.0, 0.0);
        for (var n = 0; n < Rows; n++)
        {
            expectedSum += weights[n] * Value(loss, scores[n], wanted[n]);
            expectedWeight += weights[n];
            slopes[n].ShouldBe(weights[n] * Slopes(loss, [scores[n]], [wanted[n]], bias: 0.5f)[0], $"row {n}");
            biased[n].ShouldBe(scores[n] + (IsOfPairs(loss) ? 0 : 0.5f));
        }

        sum.ShouldBe(expectedSum, 1e-5 * expectedSum);
        weight.ShouldBe(expectedWeight, 1e-5);
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Scores_are_taken_to_be_within_their_range(Loss loss)
    {
        foreach (var target in TargetsOf(loss))
        {
            // Of pairs they only order, so that there is no range.
            var (low, high) = IsOfPairs(loss) ? (-9f, 9f) : (-1f, 2f);
            Sum(loss, [-9], [target], minimum: -1, maximum: 2).Loss.ShouldBe(Value(loss, low, target), 1e-12);
            Sum(loss, [9], [target], minimum: -1, maximum: 2).Loss.ShouldBe(Value(loss, high, target), 1e-12);
        }
    }

    [Theory]
    [MemberData(nameof(Every))]
    public void Its_word_is_its_own_and_its_settings_can_be_trained_with(Loss loss)
    {
        LossNames.All.Count(other => other.Function().Word == loss.Function().Word).ShouldBe(1);
        loss.Function().FigureName.ShouldNotBeEmpty();
        Should.NotThrow(RecService.Engine.Training.TrainingSettings.For(loss).Validate);
        (loss.Function().DefaultNegatives ?? 1).ShouldBeGreaterThan(0);
    }

    [Fact]
    public void They_are_what_they_are_defined_to_be()
    {
        Value(Loss.Squared, 3, 1).ShouldBe(4);
        Slopes(Loss.Squared, [3], [1]).ShouldBe([2]);
        Loss.Squared.Function().Reported(4).ShouldBe(2);
        Loss.Squared.Function().Predict(9, 1, 5).ShouldBe(5);
        Loss.Squared.Function().Predict(0, 1, 5).ShouldBe(1);

        Value(Loss.Logistic, 2, 1).ShouldBe(Math.Log(1 + Math.Exp(-2)), 1e-12);
        Value(Loss.Logistic, 2, 0).ShouldBe(Math.Log(1 + Math.Exp(2)), 1e-12);
        Value(Loss.Logistic, 1000, 0).ShouldBe(1000);
        ((double)Slopes(Loss.Logistic, [2], [1])[0]).ShouldBe((1 / (1 + Math.Exp(-2))) - 1, 1e-6);
        Loss.Logistic.Function().Predict(0, 0, 1).ShouldBe(0.5f);

        Value(Loss.Bpr, 2, 0).ShouldBe(Math.Log(1 + Math.Exp(-2)), 1e-12);
        ((double)Slopes(Loss.Bpr, [2], [0])[0]).ShouldBe((1 / (1 + Math.Exp(-2))) - 1, 1e-6);
        Loss.Bpr.Function().Predict(-70, 0, 1).ShouldBe(-70);
    }

    [Fact]
    public void The_first_bias_of_log_loss_is_the_logit_of_the_share_of_positives_with_negatives_still_to_be_drawn()
    {
        float[] targets = [1, 0, 5];
        float[] weights = [1, 2, 1];

        Loss.Logistic.Function().InitialBias(targets, weights, 0).ShouldBe(0, 1e-6f);
        ((double)Loss.Logistic.Function().InitialBias(targets, weights, 3)).ShouldBe(Math.Log(0.125 / 0.875), 1e-6);
        ((double)Loss.Logistic.Function().InitialBias(targets, [], 0)).ShouldBe(Math.Log(2), 1e-6);
        Loss.Squared.Function().InitialBias(targets, weights, 0).ShouldBe(0);
        Loss.Bpr.Function().InitialBias(targets, weights, 1).ShouldBe(0);
    }

    [Fact]
    public void Sigmoid_is_right_to_single_precision_and_never_overflows()
    {
        for (var x = -100.0; x <= 100; x += 0.0123)
        {
            var expected = 1 / (1 + Math.Exp(-(double)(float)x));
            ((double)Sigmoid.Of((float)x)).ShouldBe(expected, ((3 + Math.Abs(x)) * 1e-7 * expected) + 1.2e-38);
        }

        Sigmoid.Of(Vector256.Create(float.MaxValue))[7].ShouldBe(1);
        Sigmoid.Of(-float.MaxValue).ShouldBeInRange(0, 1e-37f);
        float.IsNaN(Sigmoid.Of(float.NaN)).ShouldBeTrue();
    }

    private static bool IsOfPairs(Loss loss) => loss.Function().Rows == LossRows.Pairs;

    /// <summary>Targets on the scale of the loss. A score stands for a margin, and means a row that scores so much before one that scores 0.</summary>
    private static float[] TargetsOf(Loss loss) =>
        loss.Function().Predicts switch
        {
            PredictionKind.Value => [-2, 0, 0.5f, 3],
            PredictionKind.Probability => [0, 1],
            PredictionKind.Order => [0],
        };

    private static double Value(Loss loss, float score, float target) => Sum(loss, [score], [target]).Loss;

    private static unsafe (double Loss, double Weight) Sum(
        Loss loss,
        float[] scores,
        float[] targets,
        float[]? weights = null,
        float minimum = float.NegativeInfinity,
        float maximum = float.PositiveInfinity
    )
    {
        var (rowScores, rowTargets, rowWeights) = RowsOf(loss, scores, targets, weights);
        fixed (
            float* s = rowScores,
                t = rowTargets,
                w = rowWeights
        )
        {
            return loss.Function().Sum(new(s, t, w, rowScores.Length), minimum, maximum);
        }
    }

    private static unsafe float[] Slopes(
        Loss loss,
        float[] scores,
        float[] targets,
        float[]? weights = null,
        float bias = 0,
        float[]? biased = null
    )
    {
        var (rowScores, rowTargets, rowWeights) = RowsOf(loss, scores, targets, weights);
        var slopes = new float[rowScores.Length];
        var withBias = new float[rowScores.Length];
        fixed (
            float* s = rowScores,
                t = rowTargets,
                w = rowWeights,
                b = withBias,
                to = slopes
        )
        {
            loss.Function().Slopes(new(s, t, w, rowScores.Length), bias, b, to);
        }

        var step = IsOfPairs(loss) ? 2 : 1;
        for (var n = 0; n < scores.Length; n++)
        {
            biased?[n] = withBias[n * step];
            if (step == 2)
            {
                slopes[(2 * n) + 1].ShouldBe(-slopes[2 * n]);
            }
        }

        return [.. Enumerable.Range(0, scores.Length).Select(n => slopes[n * step])];
    }

    private static (float[] Scores, float[] Targets, float[]? Weights) RowsOf(Loss loss, float[] scores, float[] targets, float[]? weights) =>
        IsOfPairs(loss)
            ? (
                [.. scores.SelectMany(score => new[] { score, 0 })],
                [.. scores.SelectMany(_ => new[] { 1f, 0 })],
                weights is null ? null : [.. weights.SelectMany(weight => new[] { weight, weight })]
            )
            : (scores, targets, weights);
}
