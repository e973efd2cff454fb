using System.Globalization;
using RecService.Client;
using RecService.Engine.Synthetic;

namespace RecService.Cli.Demo;

/// <summary>What users take one after the other, by known probabilities, so that the demo can say how close the trained model comes to the best.</summary>
internal static class GeneratedData
{
    public static DemoData Create(int seed)
    {
        var truth = SequenceTruth.Create(new() { Seed = (ulong)seed });
        return new DemoData
        {
            Name = string.Create(CultureInfo.InvariantCulture, $"generated, {truth.Users.Count:N0} users, {truth.Items.Count:N0} items, seed {seed}"),
            UserId = truth.Users[0].Id,
            Context = new Dictionary<string, object>(StringComparer.Ordinal) { ["device"] = "phone" },
            Users =
            [
                .. truth.Users.Select(user => new UserLineInput
                {
                    UserId = user.Id,
                    Tags = user.Tags,
                    Attributes = Attributes(("age", user.Age), ("country", user.Country)),
                }),
            ],
            Items =
            [
                .. truth.Items.Select(item => new ItemLineInput
                {
                    ItemId = item.Id,
                    Tags = item.Tags,
                    Attributes = Attributes(("year", item.Year)),
                    Metadata = Attributes(("title", item.Title), ("year", item.Year)),
                }),
            ],
            Interactions = truth.Interactions.Select(ToLine),
            InteractionCount = truth.Interactions.Count,
            BestHitRate = truth.BestHitRate,
        };
    }

    private static InteractionInput ToLine(GroundTruthInteraction interaction) =>
        new()
        {
            InteractionId = $"{interaction.Type}-{interaction.ItemId}",
            UserId = interaction.UserId,
            ItemId = interaction.ItemId,
            Type = interaction.Type,
            Value = interaction.Value,
            OccurredAt = interaction.OccurredAt,
            Tags = interaction.Tags,
            Context = Attributes(("device", interaction.Device)),
        };

    private static Dictionary<string, object> Attributes(params ReadOnlySpan<(string Key, object Value)> entries)
    {
        var attributes = new Dictionary<string, object>(StringComparer.Ordinal);
        foreach (var (key, value) in entries)
        {
            attributes.Add(key, value);
        }

        return attributes;
    }
}
