using System.Runtime.InteropServices;

namespace RecService.Api.Training;

/// <summary>
/// Chooses the rows that are held out. All rows of a pair of user and item are on the same side, but for <see cref="HoldoutKind.NewestOfUsers"/> with
/// objective <c>next</c>, where what came before is history.
/// </summary>
internal static class Holdout
{
    /// <summary>Users at most of whom the newest is held out, when no share is set: as many more would tell little more.</summary>
    private const int MostUsers = 4_000;

    /// <summary>
    /// The share that is held out. Halved where there are too many users, so that it changes seldom as they become more; those of whom the newest is held
    /// out by a smaller share are among those of a larger one.
    /// </summary>
    public static double ShareOf(Cutoff cutoff, TrainingOptions options)
    {
        if (options.HoldoutShare is { } share)
        {
            return share;
        }

        share = 0.5;
        while (share * cutoff.Users.Count > MostUsers)
        {
            share /= 2;
        }

        return share;
    }

    /// <summary>For each row whether it is held out.</summary>
    public static bool[] Choose(Cutoff cutoff, TrainingOptions options)
    {
        var share = ShareOf(cutoff, options);
        return options.Holdout switch
        {
            HoldoutKind.Hash => ByHash(cutoff, share),
            HoldoutKind.Newest => ByTime(cutoff, share),
            HoldoutKind.NewestOfUsers => ByUser(cutoff, share, wholePairs: options.Objective != TrainingObjective.Next),
            _ => new bool[cutoff.Rows.Count],
        };
    }

    private static bool[] ByHash(Cutoff cutoff, double share)
    {
        var threshold = (ulong)(share * ulong.MaxValue);
        var users = cutoff.Users.Select(u => StableHash(u.Id!)).ToArray();
        var items = cutoff.Items.Select(i => StableHash(i.Id!)).ToArray();
        return [.. cutoff.Rows.Select(r => Mix(users[r.User] ^ Mix(items[r.Item])) < threshold)];
    }

    private static bool[] ByTime(Cutoff cutoff, double share)
    {
        var latest = new Dictionary<(int User, int Item), double>();
        foreach (var row in cutoff.Rows)
        {
            ref var time = ref CollectionsMarshal.GetValueRefOrAddDefault(latest, (row.User, row.Item), out _);
            time = Math.Max(time, row.Time);
        }
        var newest = latest.OrderByDescending(p => p.Value).ThenBy(p => p.Key).Take((int)(share * latest.Count)).Select(p => p.Key).ToHashSet();
        return [.. cutoff.Rows.Select(r => newest.Contains((r.User, r.Item)))];
    }

    /// <summary>The newest row of a share of those users who have others besides; of rows of one time, the last one.</summary>
    private static bool[] ByUser(Cutoff cutoff, double share, bool wholePairs)
    {
        var threshold = (ulong)(share * ulong.MaxValue);
        var rows = cutoff.Rows;
        var held = new bool[rows.Count];
        for (int from = 0, to; from < rows.Count; from = to)
        {
            var newest = from;
            for (to = from + 1; to < rows.Count && rows.Users[to] == rows.Users[from]; to++)
            {
                newest = rows.Times[to] >= rows.Times[newest] ? to : newest;
            }

            if (to - from < 2 || StableHash(cutoff.Users[rows.Users[from]].Id!) >= threshold)
            {
                continue;
            }

            for (var r = from; r < to; r++)
            {
                held[r] = r == newest || (wholePairs && rows.Items[r] == rows.Items[newest]);
            }
        }

        return held;
    }

    /// <summary>
    /// FNV-1a over the UTF-16 code units (Fowler, Noll, Vo): the same on every machine and in every process, as string.GetHashCode is not.
    /// </summary>
    private static ulong StableHash(string text)
    {
        var hash = 14695981039346656037UL;
        foreach (var c in text)
        {
            hash = (hash ^ c) * 1099511628211UL;
        }

        return Mix(hash);
    }

    /// <summary>The finaliser of SplitMix64 (Steele, Lea, Flood 2014): spreads every input bit over all output bits.</summary>
    private static ulong Mix(ulong x)
    {
        x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9UL;
        x = (x ^ (x >> 27)) * 0x94D049BB133111EBUL;
        return x ^ (x >> 31);
    }
}
