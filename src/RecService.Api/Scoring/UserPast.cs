using System.Runtime.InteropServices;
using RecService.Api.Domain;
using RecService.Engine.Data;
using RecService.Engine.Data.Histories;

namespace RecService.Api.Scoring;

/// <summary>What a user did, judged as it is read, the newest first.</summary>
/// <param name="seenTypes">By which types of interactions items count as seen.</param>
/// <param name="history">What counts in the user's history; null for nothing.</param>
/// <param name="feedback">What types of interactions mean.</param>
internal sealed class UserPast(IReadOnlyList<string> seenTypes, HistorySettings? history, Feedback feedback)
{
    private readonly HashSet<string> _seenTypes = seenTypes.ToHashSet(StringComparer.OrdinalIgnoreCase);
    private readonly Dictionary<long, long> _leftOut = [];
    private readonly List<PastEvent> _events = [];

    public void Add(long itemKey, string type, double? value, DateTime time)
    {
        var meaning = feedback.Of(type);
        if (meaning?.IsNegative(value) == true)
        {
            _leftOut[itemKey] = UserState.Disliked;
        }
        else if (_seenTypes.Contains(type) && meaning?.IsInRange(value) != false)
        {
            ref var last = ref CollectionsMarshal.GetValueRefOrAddDefault(_leftOut, itemKey, out _);
            last = Math.Max(last, time.Ticks);
        }

        if (_events.Count < history?.Length && history.StoredWeightOf(type, value) is > 0 and var weight)
        {
            _events.Add(new(itemKey, weight, RequestPooling.Seconds(time)));
        }
    }

    /// <summary>The user with all that was added.</summary>
    public UserState Of(EntityFeatures features, UserVersion version)
    {
        _events.Reverse();
        return new(features, version, [.. _leftOut.Keys], [.. _leftOut.Values], [.. _events]);
    }
}
