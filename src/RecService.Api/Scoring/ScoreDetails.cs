using RecService.Api.Models;
using RecService.Engine.Data;

namespace RecService.Api.Scoring;

/// <summary>Explanations and vectors of a scored row, as answers show them.</summary>
internal static class ScoreDetails
{
    public const string ExplanationPart = "explanation";
    public const string CrossVectorPart = "crossVector";

    public static bool Wanted(string[]? include, string part) => include?.Contains(part, StringComparer.Ordinal) == true;

    public static Explanation Explain(LoadedModel model, SparseRow row)
    {
        var explanation = model.Scorer.Explain(row);
        return new(
            explanation.Bias,
            [.. explanation.Linear.Select(part => new LinearPart(part.Field, part.Value))],
            [.. explanation.Pairs.Select(part => new PairPart([part.FieldA, part.FieldB], part.Value))]
        );
    }

    public static float[] CrossVector(LoadedModel model, SparseRow row)
    {
        var cross = new float[model.Model.Factors];
        var pooled = new float[model.Model.Space.FieldCount * model.Model.Factors];
        model.Scorer.CrossFeatures(row, cross, pooled, out _, out _);
        return cross;
    }
}
