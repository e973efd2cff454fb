using RecService.Api.Domain;
using RecService.Engine.Data;
using RecService.Engine.Data.Histories;

namespace RecService.Api.Scoring;

/// <summary>What a user did, judged for one request as it is read, the newest first.</summary>
/// <param name="seen">Which items count as seen.</param>
/// <param name="history">What counts in the user's history; null for nothing.</param>
/// <param name="feedback">What types of interactions mean.</param>
internal sealed class UserPast(SeenRule seen, HistorySettings? history, Feedback feedback)
{
    private readonly HashSet<string> _seenTypes = seen.Types.ToHashSet(StringComparer.OrdinalIgnoreCase);
    private readonly HashSet<long> _leftOut = [];
    private readonly List<PastEvent> _events = [];

    public void Add(long itemKey, string type, double? value, DateTime time)
    {
        var meaning = feedback.Of(type);
        if (
            meaning?.IsNegative(value) == true
            || (_seenTypes.Contains(type) && !(time < seen.Since?.UtcDateTime) && meaning?.IsInRange(value) != false)
        )
        {
            _leftOut.Add(itemKey);
        }

        if (_events.Count < history?.Length && history.StoredWeightOf(type, value) is > 0 and var weight)
        {
            _events.Add(new(itemKey, weight, RequestPooling.Seconds(time)));
        }
    }

    /// <summary>The user with all that was added.</summary>
    public StoredUser Of(EntityFeatures features)
    {
        _events.Reverse();
        return new(features, _leftOut, _events);
    }
}
