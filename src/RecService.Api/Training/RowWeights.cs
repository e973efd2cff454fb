using RecService.Engine.Data.Histories;

namespace RecService.Api.Training;

/// <summary>How much repeats count.</summary>
public enum RepeatSaturation
{
    /// <summary>c interactions of a user with an item count as 1 + ln c of their mean.</summary>
    Log,

    /// <summary>Each counts in full.</summary>
    None,
}

/// <summary>Keeps a few who do something thousands of times from outweighing all others: a bot, a loop in an application, a shop's own account.</summary>
internal static class RowWeights
{
    /// <summary>Users of an item from which on none may have more than a share: of fewer, somebody has to.</summary>
    private const int FewestUsers = 20;

    /// <summary>What the interactions of a pair count together, from their sum.</summary>
    public static float Saturated(float sum, int count, RepeatSaturation saturation) =>
        saturation == RepeatSaturation.None ? sum : (float)(sum / count * (1 + Math.Log(count)));

    /// <summary>Weakens as targets those rows that repeat the user and the item of earlier ones.</summary>
    /// <param name="rows">Rows, those of a user in the order of time.</param>
    /// <param name="saturation">How much repeats count.</param>
    public static void Saturate(List<CutoffRow> rows, RepeatSaturation saturation)
    {
        if (saturation == RepeatSaturation.None)
        {
            return;
        }

        var counts = new Dictionary<int, int>();
        for (var r = 0; r < rows.Count; r++)
        {
            if (r > 0 && rows[r].User != rows[r - 1].User)
            {
                counts.Clear();
            }

            var count = counts[rows[r].Item] = counts.GetValueOrDefault(rows[r].Item) + 1;
            rows[r] = rows[r] with { Share = rows[r].Share * HistorySettings.SaturationOf(count) };
        }
    }

    /// <summary>Weakens, of items that many users have, the rows of a user who has more than a share of the weight of all.</summary>
    /// <param name="rows">The rows.</param>
    /// <param name="share">The largest share, above 0; 1 for no limit.</param>
    public static void Limit(List<CutoffRow> rows, double share)
    {
        var byItem = new Dictionary<int, Dictionary<int, double>>();
        foreach (var row in rows)
        {
            var users = byItem.TryGetValue(row.Item, out var known) ? known : byItem[row.Item] = [];
            users[row.User] = users.GetValueOrDefault(row.User) + row.TargetWeight;
        }

        var most = byItem.ToDictionary(item => item.Key, item => MostOfUser([.. item.Value.Values], share));
        for (var r = 0; r < rows.Count; r++)
        {
            var (has, may) = (byItem[rows[r].Item][rows[r].User], most[rows[r].Item]);
            if (has > may)
            {
                rows[r] = rows[r] with { Share = (float)(rows[r].Share * may / has) };
            }
        }
    }

    /// <summary>The weight c that none of the users may exceed, so that it is the given share of what all have then: c = s · Σ min(w, c).</summary>
    private static double MostOfUser(double[] weights, double share)
    {
        if (share >= 1 || weights.Length < FewestUsers || weights.Length * share < 1)
        {
            return double.PositiveInfinity;
        }

        double[] sorted = [.. weights.OrderDescending()];
        var rest = sorted.Sum();
        for (var capped = 0; capped < sorted.Length; capped++)
        {
            var most = share * rest / (1 - (share * capped));
            if (sorted[capped] <= most || share * (capped + 1) >= 1)
            {
                return Math.Max(most, sorted[capped]);
            }

            rest -= sorted[capped];
        }

        return sorted[^1];
    }
}
