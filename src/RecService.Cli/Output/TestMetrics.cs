using System.Text.Json.Nodes;
using RecService.Cli.Commands;
using RecService.Cli.Files;
using RecService.Engine.Data;
using RecService.Engine.Evaluation;
using RecService.Engine.Losses;
using RecService.Engine.Scoring;

namespace RecService.Cli.Output;

/// <summary>What a model is measured by on a file, by its loss.</summary>
internal static class TestMetrics
{
    /// <summary>RMSE and MAE, or log loss and AUC.</summary>
    public static JsonObject OfPredictions(Scorer scorer, DataSet data)
    {
        var predictions = Scores(scorer, data.Name, data.Examples);
        foreach (ref var prediction in predictions.AsSpan())
        {
            prediction = scorer.Model.Predict(prediction);
        }

        var (targets, weights) = (data.Examples.Targets, data.Examples.Weights);
        if (scorer.Model.Loss == Loss.Squared)
        {
            var (rmse, mae) = RegressionMetrics.Measure(predictions, targets, weights) ?? throw NoWeight();
            return new() { ["rmse"] = rmse, ["mae"] = mae };
        }

        var (logLoss, auc) = ClassificationMetrics.Measure(predictions, targets, weights) ?? throw NoWeight();
        return new() { ["logLoss"] = logLoss, ["auc"] = auc };
    }

    /// <summary>The AUC of the scores within each user's examples, which is all that a model of pairs can be measured by on single rows.</summary>
    public static JsonObject OfOrder(Scorer scorer, DataSet data, int[] users) =>
        new() { ["auc"] = ClassificationMetrics.AucByUser(Scores(scorer, data.Name, data.Examples), data.Examples.Targets, users)?.Mean };

    /// <summary>The pair loss of examples where each positive is followed by its negatives, and the AUC within each user's examples.</summary>
    public static JsonObject OfPairs(Scorer scorer, DataSet data, int[] users)
    {
        var examples = data.Examples;
        var scores = Scores(scorer, data.Name, examples);
        var (loss, pairs, positive) = (0.0, 0, 0f);
        for (var example = 0; example < scores.Length; example++)
        {
            if (examples.Targets[example] > 0)
            {
                positive = scores[example];
                continue;
            }

            var margin = (double)positive - scores[example];
            loss += margin > 0 ? Math.Log(1 + Math.Exp(-margin)) : Math.Log(1 + Math.Exp(margin)) - margin;
            pairs++;
        }

        return new()
        {
            ["pairLoss"] = pairs == 0 ? null : loss / pairs,
            ["auc"] = ClassificationMetrics.AucByUser(scores, examples.Targets, users)?.Mean,
        };
    }

    /// <summary>The metrics in a line.</summary>
    public static string Text(JsonObject metrics) =>
        string.Join(", ", metrics.Select(metric => $"{metric.Key} {Figures.Metric(metric.Value?.GetValue<double>())}"));

    /// <summary>The exception for a row, the first being 0, whose score is not finite.</summary>
    public static CommandFailedException NotFinite(string name, int row, float score) =>
        new(FormattableString.Invariant($"{name}: row {row + 1} has the score {score}, which is not finite: its values are too large for the model"));

    private static CommandFailedException NoWeight() => new("every row to measure by has the weight 0");

    private static float[] Scores(Scorer scorer, string name, ExampleSet examples)
    {
        var scores = new float[examples.Count];
        var buffer = new RowBuffer();
        for (var example = 0; example < scores.Length; example++)
        {
            scores[example] = scorer.Score(examples.Gather(example, buffer));
            if (!float.IsFinite(scores[example]))
            {
                throw NotFinite(name, example, scores[example]);
            }
        }

        return scores;
    }
}
