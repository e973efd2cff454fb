using System.Runtime.InteropServices;
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
    public static void Saturate(CutoffRows rows, RepeatSaturation saturation)
    {
        if (saturation == RepeatSaturation.None)
        {
            return;
        }

        var counts = new Dictionary<int, int>();
        for (var r = 0; r < rows.Count; r++)
        {
            if (r > 0 && rows.Users[r] != rows.Users[r - 1])
            {
                counts.Clear();
            }

            ref var count = ref CollectionsMarshal.GetValueRefOrAddDefault(counts, rows.Items[r], out _);
            if (++count > 1)
            {
                rows.LeaveShare(r, HistorySettings.SaturationOf(count));
            }
        }
    }

    /// <summary>Weakens, of items that many users have, the rows of a user who has more than a share of the weight of all.</summary>
    /// <param name="rows">The rows, those of a user together.</param>
    /// <param name="share">The largest share, above 0; 1 for no limit.</param>
    public static void Limit(CutoffRows rows, double share)
    {
        if (share >= 1)
        {
            return;
        }

        var (order, starts) = ByItem(rows);
        var weights = new List<double>();
        for (var item = 0; item + 1 < starts.Length; item++)
        {
            var ofItem = order.AsSpan(starts[item]..starts[item + 1]);
            if (ofItem.Length < FewestUsers)
            {
                continue;
            }

            weights.Clear();
            for (int from = 0, to; from < ofItem.Length; from = to)
            {
                (var weight, to) = OfUser(rows, ofItem, from);
                weights.Add(weight);
            }

            var most = MostOfUser([.. weights], share);
            for (int from = 0, to; from < ofItem.Length; from = to)
            {
                (var weight, to) = OfUser(rows, ofItem, from);
                foreach (var row in weight > most ? ofItem[from..to] : [])
                {
                    rows.LeaveShare(row, most / weight);
                }
            }
        }
    }

    /// <summary>The weight of the rows from one on that are of the same user, and where they end.</summary>
    private static (double Weight, int To) OfUser(CutoffRows rows, Span<int> ofItem, int from)
    {
        var (weight, to) = (0.0, from);
        for (; to < ofItem.Length && rows.Users[ofItem[to]] == rows.Users[ofItem[from]]; to++)
        {
            weight += rows.TargetWeightOf(ofItem[to]);
        }

        return (weight, to);
    }

    /// <summary>The rows by item, and, of each item, in their own order; and where each item's begin.</summary>
    private static (int[] Order, int[] Starts) ByItem(CutoffRows rows)
    {
        var items = 0;
        foreach (var item in rows.Items)
        {
            items = Math.Max(items, item + 1);
        }

        var starts = new int[items + 1];
        foreach (var item in rows.Items)
        {
            starts[item + 1]++;
        }

        for (var item = 0; item < items; item++)
        {
            starts[item + 1] += starts[item];
        }

        var (order, next) = (new int[rows.Count], starts[..items]);
        for (var r = 0; r < rows.Count; r++)
        {
            order[next[rows.Items[r]]++] = r;
        }

        return (order, starts);
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
