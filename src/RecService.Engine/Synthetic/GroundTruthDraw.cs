using RecService.Engine.Numerics;

namespace RecService.Engine.Synthetic;

/// <summary>Draws the users and items of a <see cref="GroundTruth"/> or a <see cref="SequenceTruth"/>.</summary>
internal static class GroundTruthDraw
{
    public static GroundTruthUser[] Users(int count, RandomSource random)
    {
        var countries = WeightedDraw.Zipf(GroundTruthWords.Countries.Length, 1, ranks: null);
        return
        [
            .. Enumerable
                .Range(1, count)
                .Select(number => new GroundTruthUser(
                    FormattableString.Invariant($"user-{number:0000}"),
                    Several(GroundTruthWords.UserTags, random.Below(3), random),
                    (int)Math.Clamp(Math.Round(38 + (13 * random.NextNormal())), 16, 90),
                    GroundTruthWords.Countries[countries.Next(random)]
                )),
        ];
    }

    public static GroundTruthItem[] Items(int count, RandomSource random) =>
        [
            .. Enumerable
                .Range(1, count)
                .Select(number => new GroundTruthItem(
                    FormattableString.Invariant($"item-{number:0000}"),
                    GroundTruthWords.Title(number - 1),
                    Several(GroundTruthWords.ItemTags, 1 + random.Below(3), random),
                    2024 - (int)(50 * Math.Pow(random.NextDouble(), 2))
                )),
        ];

    private static string[] Several(string[] words, int count, RandomSource random)
    {
        var chosen = new SortedSet<int>();
        while (chosen.Count < count)
        {
            chosen.Add(random.Below(words.Length));
        }

        return [.. chosen.Select(w => words[w])];
    }
}
