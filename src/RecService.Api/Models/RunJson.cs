using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;

namespace RecService.Api.Models;

/// <summary>How the parts of a run, and of the model that came of it, are kept in jsonb columns.</summary>
internal static class RunJson
{
    private static readonly JsonSerializerOptions Options = new(JsonSerializerDefaults.Web)
    {
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.CamelCase) },
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    };

    public static string Write<T>(T value) => JsonSerializer.Serialize(value, Options);

    /// <summary>Whether two texts hold the same JSON, however jsonb has ordered and spaced it.</summary>
    public static bool Same(string a, string b) => JsonNode.DeepEquals(JsonNode.Parse(a), JsonNode.Parse(b));

    /// <summary>The names of the properties of two objects that are not the same in both, in ordinal order.</summary>
    public static IEnumerable<string> Differences(string a, string b)
    {
        var (first, second) = (JsonNode.Parse(a)!.AsObject(), JsonNode.Parse(b)!.AsObject());
        return first
            .Concat(second)
            .Select(property => property.Key)
            .Distinct(StringComparer.Ordinal)
            .Where(name => !JsonNode.DeepEquals(first[name], second[name]))
            .Order(StringComparer.Ordinal);
    }

    public static T? Read<T>(string? json) => json is null ? default : JsonSerializer.Deserialize<T>(json, Options);
}
