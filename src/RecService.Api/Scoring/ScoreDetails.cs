using RecService.Api.Models;
using RecService.Engine.Data;

namespace RecService.Api.Scoring;

/// <summary>What answers tell of a scored row beside its score.</summary>
/// <param name="Prediction">What the score means in terms of the targets of training.</param>
/// <param name="Explanation">The parts of the score; null unless asked for.</param>
/// <param name="CrossVector">The cross vector; null unless asked for.</param>
internal readonly record struct ScoreDetails(float Prediction, Explanation? Explanation, float[]? CrossVector)
{
    public const string ExplanationPart = "explanation";
    public const string CrossVectorPart = "crossVector";

    public static ScoreDetails Of(LoadedModel model, SparseRow row, float score, string[]? include) =>
        new(
            model.Model.Predict(score),
            Wanted(include, ExplanationPart) ? Explain(model, row) : null,
            Wanted(include, CrossVectorPart) ? CrossVectorOf(model, row) : null
        );

    private static bool Wanted(string[]? include, string part) => include?.Contains(part, StringComparer.Ordinal) == true;

    private static Explanation Explain(LoadedModel model, SparseRow row)
    {
        var explanation = model.Scorer.Explain(row);
        return new(
            explanation.Bias,
            [.. explanation.Linear.Select(part => new LinearPart(part.Field, part.Value))],
            [.. explanation.Pairs.Select(part => new PairPart([part.FieldA, part.FieldB], part.Value))]
        );
    }

    private static float[] CrossVectorOf(LoadedModel model, SparseRow row)
    {
        var cross = new float[model.Model.Factors];
        var pooled = new float[model.Model.Space.FieldCount * model.Model.Factors];
        model.Scorer.CrossFeatures(row, cross, pooled, out _, out _);
        return cross;
    }
}
