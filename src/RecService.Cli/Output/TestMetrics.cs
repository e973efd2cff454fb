using System.Text.Json.Nodes;
using RecService.Cli.Commands;
using RecService.Cli.Files;
using RecService.Engine.Data;
using RecService.Engine.Evaluation.Metrics;
using RecService.Engine.Losses;
using RecService.Engine.Scoring;

namespace RecService.Cli.Output;

/// <summary>What a model is measured by on a file, by its loss.</summary>
internal static class TestMetrics
{
    /// <summary>What predictions for single rows are measured by.</summary>
    public static JsonObject OfPredictions(Scorer scorer, DataSet data)
    {
        var predictions = Scores(scorer, data.Name, data.Examples);
        foreach (ref var prediction in predictions.AsSpan())
        {
            prediction = scorer.Model.Predict(prediction);
        }

        var metrics = Of(scorer, new(predictions, data.Examples.Targets, data.Examples.Weights), ExampleNeeds.None);
        return metrics.All(metric => metric.Value is null)
            ? throw new CommandFailedException("every row to measure by has the weight 0")
            : metrics;
    }

    /// <summary>What scores that only order are measured by, within each user's examples.</summary>
    public static JsonObject OfOrder(Scorer scorer, DataSet data, int[] users) =>
        Of(scorer, new(Scores(scorer, data.Name, data.Examples), data.Examples.Targets, users: users), ExampleNeeds.Users);

    /// <summary>The same of examples where each positive is followed by its negatives.</summary>
    public static JsonObject OfPairs(Scorer scorer, DataSet data, int[] users) =>
        Of(scorer, new(Scores(scorer, data.Name, data.Examples), data.Examples.Targets, users: users), ExampleNeeds.Users | ExampleNeeds.Pairs);

    /// <summary>The metrics in a line.</summary>
    public static string Text(JsonObject metrics) =>
        string.Join(", ", metrics.Select(metric => $"{metric.Key} {Figures.Metric(metric.Value?.GetValue<double>())}"));

    /// <summary>The exception for a row, the first being 0, whose score is not finite.</summary>
    public static CommandFailedException NotFinite(string name, int row, float score) =>
        new(FormattableString.Invariant($"{name}: row {row + 1} has the score {score}, which is not finite: its values are too large for the model"));

    private static JsonObject Of(Scorer scorer, ScoredExamples examples, ExampleNeeds given)
    {
        var metrics = new JsonObject();
        foreach (var (name, value) in ExampleMetrics.Measure(examples, scorer.Model.Loss.Function().Predicts, given))
        {
            metrics[name] = value;
        }

        return metrics;
    }

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
