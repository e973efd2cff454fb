using RecService.Api.Models;

namespace RecService.Api.Training;

/// <summary>What a run found out about the attributes and context keys that it read.</summary>
/// <param name="Clipped">How many wild numbers were clipped, by attribute; only attributes that have some.</param>
/// <param name="Mixed">The attributes that are numbers in one place and texts or booleans in another.</param>
internal sealed record AttributeFindings(IReadOnlyDictionary<string, long> Clipped, IReadOnlyList<string> Mixed)
{
    /// <summary>The metrics of a run with these findings; null when there is nothing to tell.</summary>
    public TrainingMetrics? AddTo(TrainingMetrics? metrics) =>
        Clipped.Count == 0 && Mixed.Count == 0
            ? metrics
            : (metrics ?? new(HoldoutRows: 0)) with
            {
                Clipped = Clipped.Count == 0 ? null : Clipped,
                MixedAttributes = Mixed.Count == 0 ? null : Mixed,
            };
}
