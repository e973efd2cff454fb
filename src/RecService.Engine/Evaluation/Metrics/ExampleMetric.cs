using RecService.Engine.Data;
using RecService.Engine.Losses;
using RecService.Engine.Scoring;

namespace RecService.Engine.Evaluation.Metrics;

/// <summary>What a metric needs beside predictions, targets and weights.</summary>
[Flags]
public enum ExampleNeeds
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>The user of each example.</summary>
    Users = 1,

    /// <summary>Each positive in front of its negatives.</summary>
    Pairs = 2,
}

/// <summary>A measure of predictions for single examples. A metric is a class of its own, and a line in <see cref="ExampleMetrics"/>.</summary>
public abstract class ExampleMetric
{
    /// <summary>What reports call it.</summary>
    public abstract string Name { get; }

    /// <summary>What predictions it measures.</summary>
    public abstract PredictionKind Measures { get; }

    /// <summary>What else it needs.</summary>
    public virtual ExampleNeeds Needs => ExampleNeeds.None;

    /// <summary>The measure; null when the examples have nothing to measure by, such as weight.</summary>
    public abstract double? Of(in ScoredExamples examples);

    /// <summary>The measure of a model on examples that it was not trained on.</summary>
    public double? Of(Scorer scorer, ExampleSet examples)
    {
        ArgumentNullException.ThrowIfNull(scorer);
        ArgumentNullException.ThrowIfNull(examples);
        return Of(new(scorer.Predict(examples), examples.Targets, examples.Weights));
    }

    /// <summary>The measure of one prediction made for every example, such as the mean of the training targets: what a model must improve upon.</summary>
    public double? OfConstant(float prediction, ExampleSet examples)
    {
        ArgumentNullException.ThrowIfNull(examples);
        var predictions = new float[examples.Count];
        predictions.AsSpan().Fill(prediction);
        return Of(new(predictions, examples.Targets, examples.Weights));
    }
}
