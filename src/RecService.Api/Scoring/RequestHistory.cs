using RecService.Engine.Data.Histories;

namespace RecService.Api.Scoring;

/// <summary>Something that was done before a request.</summary>
/// <param name="ItemKey">The item in the store.</param>
/// <param name="Weight">Its weight relative to the mean of all; 0 for what is no positive.</param>
/// <param name="Time">Its time in seconds since 1970.</param>
internal readonly record struct PastEvent(long ItemKey, float Weight, double Time);

/// <summary>What was done before a request, in the terms of a model.</summary>
/// <param name="pooled">The columns that it gives the request.</param>
/// <param name="itemIds">The item of each event that was pooled.</param>
/// <param name="repeats">The items that would come again, with the values of their columns for that.</param>
internal sealed class RequestHistory(PooledHistory pooled, IReadOnlyList<string> itemIds, IReadOnlyDictionary<string, float> repeats)
{
    /// <summary>Nothing was done, or the model makes nothing of it.</summary>
    public static RequestHistory None { get; } = new(PooledHistory.None, [], new Dictionary<string, float>(StringComparer.Ordinal));

    public PooledHistory Pooled => pooled;

    /// <summary>The item of an event.</summary>
    public string ItemOf(int pooledEvent) => itemIds[pooledEvent];

    /// <summary>The value of an item's columns for coming again; 0 of an item that is not in the history.</summary>
    public float RepeatOf(string itemId) => repeats.GetValueOrDefault(itemId);
}
