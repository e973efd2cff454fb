using System.Runtime.InteropServices;

namespace RecService.Api.Training;

/// <summary>Chooses the rows that are held out. All rows of a pair of user and item are on the same side.</summary>
internal static class Holdout
{
    /// <summary>For each row whether it is held out.</summary>
    public static bool[] Choose(Cutoff cutoff, TrainingOptions options) =>
        options.Holdout switch
        {
            HoldoutKind.Hash => ByHash(cutoff, options.HoldoutShare),
            HoldoutKind.Newest => ByTime(cutoff, options.HoldoutShare),
            _ => new bool[cutoff.Rows.Count],
        };

    private static bool[] ByHash(Cutoff cutoff, double share)
    {
        var threshold = (ulong)(share * ulong.MaxValue);
        var users = cutoff.Users.Select(u => StableHash(u.Id!)).ToArray();
        var items = cutoff.Items.Select(i => StableHash(i.Id!)).ToArray();
        return [.. cutoff.Rows.Select(r => Mix(users[r.User] ^ Mix(items[r.Item])) < threshold)];
    }

    private static bool[] ByTime(Cutoff cutoff, double share)
    {
        var latest = new Dictionary<(int User, int Item), long>();
        foreach (var row in cutoff.Rows)
        {
            ref var time = ref CollectionsMarshal.GetValueRefOrAddDefault(latest, (row.User, row.Item), out _);
            time = Math.Max(time, row.Time);
        }
        var newest = latest.OrderByDescending(p => p.Value).ThenBy(p => p.Key).Take((int)(share * latest.Count)).Select(p => p.Key).ToHashSet();
        return [.. cutoff.Rows.Select(r => newest.Contains((r.User, r.Item)))];
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
