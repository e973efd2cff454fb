using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace RecService.Api.Tests.Clients;

/// <summary>
/// The service's OpenAPI document as the .NET client is generated of it: without examples, and without errors, which are all one kind of problem. Lists
/// of allowed values have names of their own, as they would otherwise be called after the first place that they stand at.
/// </summary>
internal static partial class ClientContract
{
    private const string Schemas = "#/components/schemas/";

    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private static readonly Dictionary<string, string> Names = new(StringComparer.Ordinal)
    {
        ["score ingest admin"] = "Role",
        ["succeeded failed"] = "AuditOutcome",
        ["cross pooled"] = "VectorPart",
        ["ndjson parquet"] = "ExportFormat",
        ["rfm safetensors onnx"] = "ModelFormat",
        ["positive negative none unknown"] = "InteractionMeaning",
        ["explanation crossVector"] = "Include",
        ["extend replace"] = "HistoryMode",
        ["model popularity"] = "RecommendationSource",
        ["history attributes context none"] = "Personalization",
        ["running succeeded failed cancelled"] = "TrainingRunStatus",
        ["schedule demand"] = "TrainingRunTrigger",
        ["fit refit"] = "TrainingPhase",
        ["rating implicit next"] = "TrainingObjective",
        ["fieldPooled plain fieldWeighted"] = "FactorInteraction",
        ["sgd adaGrad adam"] = "TrainingSolver",
        ["constant inverseSquareRoot cosine"] = "RateSchedule",
        ["log none"] = "HistorySaturation",
        ["hash newest newestOfUsers none"] = "HoldoutKind",
        ["on off"] = "PublishGate",
        ["value"] = "WeightBy",
    };

    public static string From(byte[] openApi)
    {
        var document = JsonNode.Parse(openApi)!.AsObject();
        var schemas = document["components"]!["schemas"]!.AsObject();
        schemas["Problem"] = schemas["HttpValidationProblemDetails"]!.DeepClone();
        schemas.Remove("HttpValidationProblemDetails");
        schemas.Remove("ProblemDetails");
        foreach (var operation in document["paths"]!.AsObject().SelectMany(path => path.Value!.AsObject()).Select(operation => operation.Value!))
        {
            var responses = operation["responses"]!.AsObject();
            foreach (var error in responses.Select(response => response.Key).Where(status => status[0] is not '2').ToList())
            {
                responses.Remove(error);
            }

            foreach (var parameter in operation["parameters"]?.AsArray() ?? [])
            {
                if ((string?)parameter!["in"] is "header")
                {
                    parameter["x-originalName"] = ((string)parameter["name"]!).Replace("-", "", StringComparison.Ordinal);
                }
            }
        }

        var named = new SortedDictionary<string, JsonNode>(StringComparer.Ordinal);
        Simplify(document, named);
        foreach (var (name, values) in named)
        {
            schemas.Add(name, values);
        }

        return document.ToJsonString(Indented).Replace("\r", "", StringComparison.Ordinal) + "\n";
    }

    private static void Simplify(JsonNode node, SortedDictionary<string, JsonNode> named)
    {
        if (node is JsonArray list)
        {
            foreach (var element in list)
            {
                if (element is not null)
                {
                    Simplify(element, named);
                }
            }
        }
        else if (node is JsonObject fields)
        {
            fields.Remove("example");
            fields.Remove("examples");
            NameValues(fields, named);
            foreach (var (name, value) in fields.ToList())
            {
                if (name is "description" && value is JsonValue text)
                {
                    fields[name] = LineBreak.Replace((string)text!, " ");
                }
                else if (name is "$ref" && (string?)value is Schemas + "HttpValidationProblemDetails" or Schemas + "ProblemDetails")
                {
                    fields[name] = Schemas + "Problem";
                }
                else if (value is not null)
                {
                    Simplify(value, named);
                }
            }
        }
    }

    private static void NameValues(JsonObject schema, SortedDictionary<string, JsonNode> named)
    {
        if (schema["enum"] is not JsonArray values || schema["type"] is not { } type)
        {
            return;
        }

        var words = values.Where(value => value is not null).Select(value => (string)value!).ToArray();
        var key = string.Join(' ', words);
        var name = Names.GetValueOrDefault(key) ?? throw new InvalidOperationException($"The values '{key}' of the document need a name in the client.");
        named.TryAdd(name, new JsonObject { ["type"] = "string", ["enum"] = new JsonArray([.. words.Select(word => (JsonNode)word)]) });
        schema.Remove("enum");
        schema.Remove("type");
        var reference = new JsonObject { ["$ref"] = Schemas + name };
        if (type is JsonArray)
        {
            schema["oneOf"] = new JsonArray(new JsonObject { ["type"] = "null" }, reference);
        }
        else
        {
            schema["$ref"] = (string)reference["$ref"]!;
        }
    }

    [GeneratedRegex(@"\s*\n\s*")]
    private static partial Regex LineBreak { get; }
}
