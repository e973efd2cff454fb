using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using RecService.Api.Domain;
using RecService.Api.Http.Json;
using RecService.Api.Scoring;

namespace RecService.Api.Dashboard.Parts;

/// <summary>A request for recommendations as somebody typed it in.</summary>
internal sealed class TryForm
{
    private const int DefaultCount = 10;
    private const int MostShown = 100;

    private static readonly char[] Separators = [',', '\n', '\r'];

    public TryForm(IQueryCollection query)
    {
        UserId = Text("user");
        Recent = Text("recent");
        Context = Text("context");
        Tags = Text("tags");
        AnyTags = Text("anyTags");
        NoTags = Text("noTags");
        Replaces = Text("history") == "replace";
        KeepsSeen = Text("seen") == "keep";
        IsAsked = query.Count > 0;
        Count = int.TryParse(Text("count"), NumberStyles.None, CultureInfo.InvariantCulture, out var count) ? Math.Clamp(count, 1, MostShown) : DefaultCount;
        Model = long.TryParse(Text("model"), NumberStyles.None, CultureInfo.InvariantCulture, out var model) ? model : null;
        Request = Read();

        string? Text(string name) => query[name].ToString().Trim() is { Length: > 0 } text ? text : null;
    }

    public string? UserId { get; }

    public string? Recent { get; }

    public string? Context { get; }

    public string? Tags { get; }

    public string? AnyTags { get; }

    public string? NoTags { get; }

    public bool Replaces { get; }

    public bool KeepsSeen { get; }

    public int Count { get; }

    /// <summary>Another model to lay beside.</summary>
    public long? Model { get; }

    /// <summary>Whether anything was asked at all.</summary>
    public bool IsAsked { get; }

    /// <summary>What is wrong with the context; null when nothing is.</summary>
    public string? ContextProblem { get; private set; }

    public RecommendationRequest Request { get; }

    /// <summary>The request as the API takes it.</summary>
    public string Json
    {
        get
        {
            var body = new JsonObject();
            Add(body, "userId", Request.UserId);
            Add(body, "context", Request.Context);
            Add(body, "tags", Request.Tags);
            body["count"] = Count;
            if (Request.Filter is { } filter)
            {
                var conditions = new JsonObject();
                Add(conditions, "anyTags", filter.AnyTags);
                Add(conditions, "noTags", filter.NoTags);
                Add(conditions, "excludeSeen", filter.ExcludeSeen);
                body["filter"] = conditions;
            }

            Add(body, "include", Request.Include);
            if (Request.RecentItems is { } recent)
            {
                body["recentItems"] = new JsonArray([.. recent.Select(item => new JsonObject { ["itemId"] = item.ItemId })]);
            }

            Add(body, "historyMode", Request.HistoryMode);
            return body.ToJsonString(ApiJson.Options);
        }
    }

    /// <summary>The request for a shell.</summary>
    public string Curl(string address) =>
        $"curl {address}/v1/recommendations -H \"X-Api-Key: $KEY\" -H 'Content-Type: application/json' \\\n  -d '{Json.Replace("'", "'\\''", StringComparison.Ordinal)}'";

    /// <summary>The request with the .NET client.</summary>
    public string CSharp(string address)
    {
        (string Name, string? Value)[] properties =
        [
            ("UserId", Request.UserId is null ? null : Literal(Request.UserId)),
            ("Context", Request.Context is null ? null : $"new Dictionary<string, object> {{ {string.Join(", ", Request.Context.Select(Entry))} }}"),
            ("Tags", Literals(Request.Tags)),
            ("RecentItems", Request.RecentItems is null ? null : $"[{string.Join(", ", Request.RecentItems.Select(item => $"new() {{ ItemId = {Literal(item.ItemId)} }}"))}]"),
            ("HistoryMode", Request.HistoryMode is null ? null : "HistoryMode.Replace"),
            ("Filter", Filter()),
            ("Count", Count.ToString(CultureInfo.InvariantCulture)),
            ("Include", "[Include.Explanation]"),
        ];
        return $$"""
            services.AddRecServiceClient(options => (options.BaseAddress, options.ApiKey) = (new({{Literal(address)}}), key));

            var answer = await client.RecommendAsync(new()
            {
            {{string.Join('\n', properties.Where(property => property.Value is not null).Select(property => $"    {property.Name} = {property.Value},"))}}
            });
            """;
    }

    private RecommendationRequest Read() =>
        new(
            UserId,
            ReadContext(),
            Split(Tags),
            Count,
            AnyTags is null && NoTags is null && !KeepsSeen ? null : new(Split(AnyTags), NoTags: Split(NoTags), ExcludeSeen: KeepsSeen ? false : null),
            [ScoreDetails.ExplanationPart],
            Split(Recent) is { } recent ? [.. recent.Select(id => new RecentItem(id))] : null,
            Replaces && Recent is not null ? RecentItems.Replace : null
        );

    private Dictionary<string, AttributeValue>? ReadContext()
    {
        if (Context is null)
        {
            return null;
        }

        try
        {
            return JsonSerializer.Deserialize<Dictionary<string, AttributeValue>>(Context, ApiJson.Options);
        }
        catch (JsonException exception)
        {
            ContextProblem = exception is JsonValueException value ? $"Each value {value.Message}." : "It must be a JSON object, such as {\"device\": \"phone\"}.";
            return null;
        }
    }

    private static string[]? Split(string? text) => text?.Split(Separators, StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

    private static void Add<T>(JsonObject body, string name, T? value)
    {
        if (value is not null)
        {
            body[name] = JsonSerializer.SerializeToNode(value, ApiJson.Options);
        }
    }

    private string? Filter()
    {
        if (Request.Filter is not { } filter)
        {
            return null;
        }

        (string Name, string? Value)[] conditions =
        [
            ("AnyTags", Literals(filter.AnyTags)),
            ("NoTags", Literals(filter.NoTags)),
            ("ExcludeSeen", filter.ExcludeSeen == false ? "false" : null),
        ];
        return $"new() {{ {string.Join(", ", conditions.Where(condition => condition.Value is not null).Select(condition => $"{condition.Name} = {condition.Value}"))} }}";
    }

    private static string Entry(KeyValuePair<string, AttributeValue> pair) =>
        $"[{Literal(pair.Key)}] = "
        + pair.Value.Kind switch
        {
            AttributeValueKind.Number => pair.Value.Number.ToString("R", CultureInfo.InvariantCulture),
            AttributeValueKind.Flag => pair.Value.Flag ? "true" : "false",
            AttributeValueKind.Texts => $"new[] {{ {string.Join(", ", pair.Value.Texts.Select(Literal))} }}",
            _ => Literal(pair.Value.Text),
        };

    private static string? Literals(IEnumerable<string>? texts) => texts is null ? null : $"[{string.Join(", ", texts.Select(Literal))}]";

    // Escapes of JSON are escapes of C#, too.
    private static string Literal(string text) => JsonSerializer.Serialize(text);
}
