using RecService.Engine.Data;
using RecService.Engine.Model;
using RecService.Engine.Scoring;

namespace RecService.Engine.Evaluation;

/// <summary>How far predictions are from their targets, in units of the target.</summary>
/// <param name="Rmse">The root of the weighted mean squared error.</param>
/// <param name="Mae">The weighted mean absolute error.</param>
public readonly record struct RegressionMetrics(double Rmse, double Mae)
{
    /// <summary>Measures the predictions of a model on examples it was not trained on; null when the examples weigh nothing together.</summary>
    public static RegressionMetrics? Measure(FactorizationModel model, ExampleSet examples) => Measure(new Scorer(model), examples);

    /// <inheritdoc cref="Measure(FactorizationModel, ExampleSet)"/>
    public static RegressionMetrics? Measure(Scorer scorer, ExampleSet examples) =>
        Measure(Predictions.Of(scorer, examples), examples.Targets, examples.Weights);

    /// <summary>Measures predictions; null when the examples weigh nothing together, so that there is nothing to measure by.</summary>
    /// <param name="predictions">A prediction for each example.</param>
    /// <param name="targets">Its target.</param>
    /// <param name="weights">Its weight, not negative; empty when all count 1.</param>
    /// <exception cref="ArgumentException">Lengths differ, or a number is not finite; the message names the example.</exception>
    public static RegressionMetrics? Measure(ReadOnlySpan<float> predictions, ReadOnlySpan<float> targets, ReadOnlySpan<float> weights = default)
    {
        Predictions.Check(predictions, targets, weights);
        double squares = 0,
            absolutes = 0,
            total = 0;
        for (var example = 0; example < predictions.Length; example++)
        {
            var weight = Predictions.WeightAt(weights, example);
            var error = (double)predictions[example] - targets[example];
            squares += weight * error * error;
            absolutes += weight * Math.Abs(error);
            total += weight;
        }

        return total > 0 ? new(Math.Sqrt(squares / total), absolutes / total) : null;
    }

    /// <summary>Measures one prediction made for every example, such as the mean of the training targets: what a model must improve upon.</summary>
    public static RegressionMetrics? MeasureConstant(float prediction, ExampleSet examples)
    {
        ArgumentNullException.ThrowIfNull(examples);
        var predictions = new float[examples.Count];
        predictions.AsSpan().Fill(prediction);
        return Measure(predictions, examples.Targets, examples.Weights);
    }
}
