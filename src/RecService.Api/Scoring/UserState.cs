using RecService.Engine.Data;

namespace RecService.Api.Scoring;

/// <summary>What a ranking goes by of a user, as it was stored at one moment, in as little memory as it may lie in for long.</summary>
/// <param name="features">Id, tags and attributes.</param>
/// <param name="version">By which it can be told whether that still holds.</param>
/// <param name="items">Keys of the items that the user has ever seen, or dislikes.</param>
/// <param name="seenAt">When each was seen last, in ticks; <see cref="Disliked"/> of what is left out whenever that was.</param>
/// <param name="history">The user's newest positives, the newest last.</param>
internal sealed class UserState(EntityFeatures features, UserVersion version, long[] items, long[] seenAt, PastEvent[] history)
{
    public const long Disliked = long.MaxValue;

    private const int BytesOfObjects = 400;
    private const int BytesOfValue = 100;
    private const int BytesOfEvent = 24;

    public UserVersion Version => version;

    /// <summary>About how much memory it takes.</summary>
    public long Bytes { get; } =
        BytesOfObjects
        + (2 * sizeof(long) * items.LongLength)
        + (BytesOfEvent * history.LongLength)
        + (sizeof(char) * (features.Id!.Length + features.Tags.Sum(tag => BytesOfValue + tag.Length) + features.Values.Sum(BytesOf)));

    /// <summary>The user by a rule of what counts as seen.</summary>
    /// <param name="since">From when on; null for ever.</param>
    public StoredUser Since(DateTimeOffset? since) => new(features, since is { } from ? SeenSince(from.UtcTicks) : items, history);

    private List<long> SeenSince(long ticks)
    {
        var seen = new List<long>();
        for (var i = 0; i < items.Length; i++)
        {
            if (seenAt[i] >= ticks)
            {
                seen.Add(items[i]);
            }
        }

        return seen;
    }

    private static int BytesOf(KeyValuePair<string, FeatureValue> value) => BytesOfValue * (1 + value.Value.Texts.Length) + value.Key.Length;
}
