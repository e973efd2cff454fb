using RecService.Engine.Data;

namespace RecService.Engine.Synthetic;

/// <summary>A user of a <see cref="GroundTruth"/>.</summary>
/// <param name="Id">The id, such as <c>user-0001</c>.</param>
/// <param name="Tags">None to two tags.</param>
/// <param name="Age">The attribute <c>age</c>, in years.</param>
/// <param name="Country">The attribute <c>country</c>.</param>
public sealed record GroundTruthUser(string Id, IReadOnlyList<string> Tags, int Age, string Country)
{
    /// <summary>The user as the trainer sees it.</summary>
    public EntityFeatures ToFeatures() =>
        EntityFeatures.Create(Id, Tags, [KeyValuePair.Create("age", FeatureValue.Of(Age)), KeyValuePair.Create("country", FeatureValue.Of(Country))]);
}

/// <summary>An item of a <see cref="GroundTruth"/>.</summary>
/// <param name="Id">The id, such as <c>item-0001</c>.</param>
/// <param name="Title">A title to show, which is no feature.</param>
/// <param name="Tags">One to three tags.</param>
/// <param name="Year">The attribute <c>year</c>.</param>
public sealed record GroundTruthItem(string Id, string Title, IReadOnlyList<string> Tags, int Year)
{
    /// <summary>The item as the trainer sees it.</summary>
    public EntityFeatures ToFeatures() => EntityFeatures.Create(Id, Tags, [KeyValuePair.Create("year", FeatureValue.Of(Year))]);
}

/// <summary>An interaction of a <see cref="GroundTruth"/>.</summary>
/// <param name="User">Index of the user.</param>
/// <param name="Item">Index of the item.</param>
/// <param name="UserId">Id of the user.</param>
/// <param name="ItemId">Id of the item.</param>
/// <param name="Type"><c>rating</c>, <c>view</c>, <c>click</c> or <c>purchase</c>.</param>
/// <param name="Value">The rating; null for other types.</param>
/// <param name="Device">The context key <c>device</c>.</param>
/// <param name="Tags">Tags of the interaction itself, mostly none.</param>
/// <param name="OccurredAt">The time.</param>
public sealed record GroundTruthInteraction(
    int User,
    int Item,
    string UserId,
    string ItemId,
    string Type,
    double? Value,
    string Device,
    IReadOnlyList<string> Tags,
    DateTimeOffset OccurredAt
)
{
    /// <summary>Tags and context as the trainer sees them.</summary>
    public EntityFeatures ToContextFeatures() => EntityFeatures.Create(null, Tags, [KeyValuePair.Create("device", FeatureValue.Of(Device))]);
}

/// <summary>The words that a <see cref="GroundTruth"/> is made of.</summary>
internal static class GroundTruthWords
{
    public static readonly string[] ItemTags =
    [
        "drama",
        "comedy",
        "thriller",
        "romance",
        "action",
        "adventure",
        "crime",
        "fantasy",
        "horror",
        "mystery",
        "animation",
        "documentary",
        "family",
        "history",
        "music",
        "war",
        "western",
        "biography",
        "sport",
        "noir",
        "musical",
        "space",
        "heist",
        "road-trip",
    ];

    public static readonly string[] UserTags = ["student", "parent", "night-owl", "collector", "traveller", "critic"];

    public static readonly string[] Countries = ["DE", "US", "FR", "GB", "IT", "ES", "NL", "PL", "SE", "AT", "CH", "JP"];

    public static readonly string[] Devices = ["phone", "desktop", "tablet"];

    private static readonly string[] Adjectives =
    [
        "Silent",
        "Golden",
        "Broken",
        "Distant",
        "Hidden",
        "Crimson",
        "Endless",
        "Frozen",
        "Gentle",
        "Hollow",
        "Last",
        "Lonely",
        "Lost",
        "Midnight",
        "Northern",
        "Paper",
        "Quiet",
        "Restless",
        "Second",
        "Secret",
        "Silver",
        "Sleeping",
        "Stolen",
        "Strange",
        "Summer",
        "Velvet",
        "Wandering",
        "Wild",
        "Winter",
        "Burning",
    ];

    private static readonly string[] Nouns =
    [
        "Harbor",
        "River",
        "Garden",
        "Letter",
        "Mountain",
        "Orchestra",
        "Station",
        "Island",
        "Mirror",
        "Promise",
        "Shadow",
        "Lighthouse",
        "Bridge",
        "Circus",
        "Compass",
        "Desert",
        "Empire",
        "Forest",
        "Horizon",
        "Kingdom",
        "Lantern",
        "Melody",
        "Ocean",
        "Passenger",
        "Railway",
        "Sparrow",
        "Stranger",
        "Theatre",
        "Voyage",
        "Window",
    ];

    /// <summary>The title of an item: another one for each number, pseudo-randomly ordered.</summary>
    public static string Title(int number)
    {
        var pairs = Adjectives.Length * Nouns.Length;
        // 7 · 47 = 329 has no factor in common with 900, so that the multiples of it reach every pair once.
        var pair = (int)(number * 329L % pairs);
        var title = $"The {Adjectives[pair % Adjectives.Length]} {Nouns[pair / Adjectives.Length]}";
        return number < pairs ? title : FormattableString.Invariant($"{title} {(number / pairs) + 1}");
    }
}
