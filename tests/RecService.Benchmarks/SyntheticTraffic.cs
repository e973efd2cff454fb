using System.Globalization;
using RecService.Engine.Numerics;

namespace RecService.Benchmarks;

/// <summary>An interaction, in the forms in which the service takes it.</summary>
internal sealed record SyntheticInteraction(
    string? InteractionId,
    string UserId,
    string ItemId,
    string Type,
    int? Value,
    DateTimeOffset OccurredAt,
    string[] Tags,
    string Device,
    string Country
)
{
    public const string CsvHeader = "interactionId,userId,itemId,type,value,occurredAt,tags,context.device,context.country";

    public string ToJson()
    {
        var id = InteractionId is null ? "" : $"\"interactionId\":\"{InteractionId}\",";
        var value = Value is null ? "" : $"\"value\":{Value},";
        var tags = string.Join(',', Tags.Select(tag => $"\"{tag}\""));
        return $"{{{id}\"userId\":\"{UserId}\",\"itemId\":\"{ItemId}\",\"type\":\"{Type}\",{value}\"occurredAt\":\"{Time}\",\"tags\":[{tags}],{Context}}}";
    }

    public string ToCsv() => $"{InteractionId},{UserId},{ItemId},{Type},{Value},{Time},{string.Join('|', Tags)},{Device},{Country}";

    /// <summary>The circumstances, as requests for recommendations have them too.</summary>
    public string Context => $"\"context\":{{\"device\":\"{Device}\",\"country\":\"{Country}\"}}";

    private string Time => OccurredAt.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);
}

/// <summary>
/// Traffic of a shop, the same every time. Few users are busy, and a user comes back to the same few items, which are popular by Zipf's law: pairs of
/// user and item
/// repeat, so that what there is to learn stops growing while interactions go on.
/// </summary>
/// <param name="users">The number of users; the n-th of them comes with a frequency of 1/√n.</param>
/// <param name="items">The number of items; the n-th is chosen with a frequency of 1/n.</param>
/// <param name="favourites">The number of items of a user.</param>
internal sealed class SyntheticTraffic(int users, int items, int favourites)
{
    private static readonly string[] Devices = ["phone", "phone", "desktop", "tablet"];
    private static readonly string[] Countries = ["de", "fr", "nl", "pl", "it", "es", "se", "at"];
    private static readonly string[] Sources = ["search", "newsletter", "sale", "home"];

    private readonly RandomSource _random = new(1);
    private readonly RandomSource _favourite = new(1);

    public static string UserId(int user) => $"user-{user:D5}";

    public static string ItemId(int item) => $"item-{item:D5}";

    public int NextUser() => (int)(users * Math.Pow(_random.NextDouble(), 2));

    public int NextItem() => Zipf(_random);

    public SyntheticInteraction Next(DateTimeOffset occurredAt)
    {
        var user = NextUser();

        // What belongs to the favourite is the same whenever the user comes back to it.
        _favourite.Restart((ulong)((user * favourites) + _random.Below(favourites)));
        var item = Zipf(_favourite);
        var device = Devices[_favourite.Below(Devices.Length)];
        string[] tags = _favourite.Below(3) == 0 ? [Sources[_favourite.Below(Sources.Length)]] : [];
        var type = _random.Below(100) switch
        {
            < 80 => "view",
            < 94 => "click",
            < 97 => "purchase",
            _ => "rating",
        };
        var id = $"{_random.Next():x16}{_random.Next():x16}";
        return new(
            id,
            UserId(user),
            ItemId(item),
            type,
            type == "rating" ? 1 + _random.Below(5) : null,
            occurredAt,
            tags,
            device,
            Countries[user % Countries.Length]
        );
    }

    // The continuous form of the law: the logarithm of the rank is uniform.
    private int Zipf(RandomSource random) => (int)Math.Pow(items + 1, random.NextDouble()) - 1;
}
