using RecService.Api.Models;
using RecService.Engine.Data;

namespace RecService.Api.Scoring;

/// <summary>What answers tell of a scored row beside its score.</summary>
/// <param name="Prediction">What the score means in terms of the targets of training; null of objective <c>next</c>.</param>
/// <param name="Explanation">The parts of the score; null unless asked for.</param>
/// <param name="CrossVector">The cross vector; null unless asked for.</param>
internal readonly record struct ScoreDetails(float? Prediction, Explanation? Explanation, float[]? CrossVector)
{
    public const string ExplanationPart = "explanation";
    public const string CrossVectorPart = "crossVector";

    /// <param name="model">The model.</param>
    /// <param name="row">The joined row that was scored.</param>
    /// <param name="score">Its score.</param>
    /// <param name="include">The parts that are wanted.</param>
    /// <param name="history">The history in the row.</param>
    /// <param name="item">The item's columns in it.</param>
    public static ScoreDetails Of(LoadedModel model, SparseRow row, float score, string[]? include, RequestHistory history, SparseRow item) =>
        new(
            model.Predict(score),
            Wanted(include, ExplanationPart) ? Explain(model, row, history, item) : null,
            Wanted(include, CrossVectorPart) ? CrossVectorOf(model, row) : null
        );

    private static bool Wanted(string[]? include, string part) => include?.Contains(part, StringComparer.Ordinal) == true;

    private static Explanation Explain(LoadedModel model, SparseRow row, RequestHistory history, SparseRow item)
    {
        var explanation = model.Scorer.Explain(row);
        return new(
            explanation.Bias,
            [.. explanation.Linear.Select(part => new LinearPart(part.Field, part.Value))],
            [.. explanation.Pairs.Select(part => new PairPart([part.FieldA, part.FieldB], part.Value))],
            Because(model, history, item)
        );
    }

    /// <summary>By earlier item, those first that speak most for the item.</summary>
    private static BecausePart[] Because(LoadedModel model, RequestHistory history, SparseRow item) =>
        [
            .. model
                .Scorer.Because(history.Pooled, item)
                .GroupBy(part => history.ItemOf(part.Event), StringComparer.Ordinal)
                .Select(parts => new BecausePart(parts.Key, (float)parts.Sum(part => (double)part.Value)))
                .OrderByDescending(part => part.Value)
                .ThenBy(part => part.ItemId, StringComparer.Ordinal),
        ];

    private static float[] CrossVectorOf(LoadedModel model, SparseRow row)
    {
        var cross = new float[model.Model.Factors];
        var pooled = new float[model.Model.Space.FieldCount * model.Model.Factors];
        model.Scorer.CrossFeatures(row, cross, pooled, out _, out _);
        return cross;
    }
}
