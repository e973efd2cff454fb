using RecService.Engine.Data;
using RecService.Engine.Losses;
using RecService.Engine.Scoring;

namespace RecService.Engine.Evaluation.Metrics;

/// <summary>The metrics of single examples. Commands and reports have those whose needs are met.</summary>
public static class ExampleMetrics
{
    /// <inheritdoc cref="RootMeanSquaredError"/>
    public static ExampleMetric Rmse { get; } = new RootMeanSquaredError();

    /// <inheritdoc cref="MeanAbsoluteError"/>
    public static ExampleMetric Mae { get; } = new MeanAbsoluteError();

    /// <inheritdoc cref="Metrics.LogLoss"/>
    public static ExampleMetric LogLoss { get; } = new LogLoss();

    /// <inheritdoc cref="AreaUnderCurve"/>
    public static ExampleMetric Auc { get; } = new AreaUnderCurve();

    /// <summary>All of them, in the order of reports.</summary>
    public static IReadOnlyList<ExampleMetric> All { get; } = [Rmse, Mae, LogLoss, Auc, new PairLoss(), new UserAreaUnderCurve()];

    /// <summary>What there is to measure by name, in the order of reports.</summary>
    /// <param name="examples">The examples.</param>
    /// <param name="kind">What the predictions are.</param>
    /// <param name="given">What else is there.</param>
    public static IReadOnlyDictionary<string, double?> Measure(in ScoredExamples examples, PredictionKind kind, ExampleNeeds given)
    {
        var measures = new OrderedDictionary<string, double?>(StringComparer.Ordinal);
        foreach (var metric in All)
        {
            if (metric.Measures == kind && given.HasFlag(metric.Needs))
            {
                measures.Add(metric.Name, metric.Of(examples));
            }
        }

        return measures;
    }

    /// <summary>The same of a model, by its loss, on examples that it was not trained on.</summary>
    public static IReadOnlyDictionary<string, double?> Measure(Scorer scorer, ExampleSet examples)
    {
        ArgumentNullException.ThrowIfNull(scorer);
        ArgumentNullException.ThrowIfNull(examples);
        var scored = new ScoredExamples(scorer.Predict(examples), examples.Targets, examples.Weights);
        return Measure(scored, scorer.Model.Loss.Function().Predicts, ExampleNeeds.None);
    }
}
