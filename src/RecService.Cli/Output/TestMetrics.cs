using System.Text.Json.Nodes;
using RecService.Cli.Commands;
using RecService.Engine.Data;
using RecService.Engine.Evaluation;
using RecService.Engine.Model;
using RecService.Engine.Scoring;

namespace RecService.Cli.Output;

/// <summary>What a model is measured by on a file, by its loss.</summary>
internal static class TestMetrics
{
    /// <summary>RMSE and MAE, or log loss and AUC.</summary>
    public static JsonObject OfPredictions(Scorer scorer, ExampleSet examples)
    {
        if (scorer.Model.Loss == Loss.Squared)
        {
            var (rmse, mae) = RegressionMetrics.Measure(scorer, examples) ?? throw NoWeight();
            return new() { ["rmse"] = rmse, ["mae"] = mae };
        }

        var (logLoss, auc) = ClassificationMetrics.Measure(scorer, examples) ?? throw NoWeight();
        return new() { ["logLoss"] = logLoss, ["auc"] = auc };
    }

    /// <summary>The AUC of the scores within each user's examples, which is all that a model of pairs can be measured by on single rows.</summary>
    public static JsonObject OfOrder(Scorer scorer, ExampleSet examples, int[] users) =>
        new() { ["auc"] = ClassificationMetrics.AucByUser(Scores(scorer, examples), examples.Targets, users)?.Mean };

    /// <summary>The pair loss of examples where each positive is followed by its negatives, and the AUC within each user's examples.</summary>
    public static JsonObject OfPairs(Scorer scorer, ExampleSet examples, int[] users)
    {
        var scores = Scores(scorer, examples);
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

        return new() { ["pairLoss"] = pairs == 0 ? null : loss / pairs, ["auc"] = ClassificationMetrics.AucByUser(scores, examples.Targets, users)?.Mean };
    }

    /// <summary>The metrics in a line.</summary>
    public static string Text(JsonObject metrics) =>
        string.Join(", ", metrics.Select(metric => $"{metric.Key} {Figures.Metric(metric.Value?.GetValue<double>())}"));

    private static CommandFailedException NoWeight() => new("every row to measure by has the weight 0");

    private static float[] Scores(Scorer scorer, ExampleSet examples)
    {
        var scores = new float[examples.Count];
        var buffer = new RowBuffer();
        for (var example = 0; example < scores.Length; example++)
            scores[example] = scorer.Score(examples.Gather(example, buffer));
        return scores;
    }
}
