using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Json.Schema;

namespace RecService.Api.Tests.Fixtures;

/// <summary>The OpenAPI document as a judge of answers: of their statuses, their media types and their bodies.</summary>
public sealed class Contract
{
    private const string Base = "https://recservice.example/contract";
    private const string Problem = "application/problem+json";

    private static Contract? _ofService;

    private readonly Dictionary<(string Media, string? Schema), JsonSchema> _schemas = [];
    private readonly EvaluationOptions _options = new() { OutputFormat = OutputFormat.Flag, RequireFormatValidation = true };
    private readonly List<(string[] Path, JsonObject Operations)> _paths;

    private Contract(byte[] text)
    {
        Text = text;
        var document = JsonNode.Parse(Encoding.UTF8.GetString(text).Replace("#/components/schemas/", Base + "#/$defs/", StringComparison.Ordinal))!;
        var schemas = document["components"]!["schemas"]!.DeepClone();
        _options.SchemaRegistry.Register(JsonSchema.FromText(new JsonObject { ["$id"] = Base, ["$defs"] = schemas }.ToJsonString()));
        _paths =
        [
            .. document["paths"]!.AsObject().Select(path => (path.Key.Split('/', StringSplitOptions.RemoveEmptyEntries), path.Value!.AsObject())),
        ];
    }

    public static Contract OfService => _ofService ?? throw new InvalidOperationException("No service has told its document yet.");

    /// <summary>The document as the service writes it.</summary>
    public byte[] Text { get; }

    /// <summary>Takes the document of a service; they all have the same, so that of the first is enough.</summary>
    public static async Task LearnAsync(Func<Task<byte[]>> documentOfAService)
    {
        ArgumentNullException.ThrowIfNull(documentOfAService);
        _ofService ??= new(await documentOfAService());
    }

    /// <summary>Whether a body of the media type is judged by its schema; any other is its type's own affair.</summary>
    public static bool IsJson(string? mediaType) => mediaType is "application/json" or Problem;

    /// <summary>What is wrong with an answer; null when it is as the document says.</summary>
    public string? Violation(string method, string path, int status, string? mediaType, ReadOnlyMemory<byte> body)
    {
        if (!path.StartsWith("/v1/", StringComparison.OrdinalIgnoreCase) || method is "OPTIONS")
        {
            return null;
        }

        if (Operation(method, path) is not { } operation)
        {
            return status < 400 ? $"the document has no operation for it, which was answered {status}"
                : method is "HEAD" ? null
                : mediaType is not Problem ? $"an error of media type '{mediaType}'"
                : Judge(Problem, new JsonObject { ["$ref"] = Base + "#/$defs/ProblemDetails" }, body);
        }

        if (operation["responses"]![Name(status)] is not JsonObject response)
        {
            return $"the document has no status {status} for it";
        }

        if (response["content"] is not JsonObject content)
        {
            return body.IsEmpty && mediaType is null ? null : $"a body of media type '{mediaType}', where there must be none";
        }

        return mediaType is null || content[mediaType] is not JsonObject media
                ? $"media type '{mediaType}', where the document has {string.Join(", ", content.Select(media => media.Key))}"
            : IsJson(mediaType) ? Judge(mediaType, media["schema"]!.AsObject(), body)
            : null;
    }

    private static string Name(int status) => status.ToString(System.Globalization.CultureInfo.InvariantCulture);

    private JsonObject? Operation(string method, string path)
    {
        var segments = path.Split('/', StringSplitOptions.RemoveEmptyEntries);
        return _paths
            .Where(candidate => candidate.Path.Length == segments.Length)
            .Where(candidate => candidate.Path.Zip(segments).All(pair => IsParameter(pair.First) || IsSame(pair.First, pair.Second)))
            .OrderBy(candidate => candidate.Path.Count(IsParameter))
            .Select(candidate => candidate.Operations[method.ToLowerInvariant()] as JsonObject)
            .FirstOrDefault(operation => operation is not null);
    }

    private static bool IsParameter(string segment) => segment.StartsWith('{');

    private static bool IsSame(string a, string b) => a.Equals(b, StringComparison.OrdinalIgnoreCase);

    private string? Judge(string mediaType, JsonObject schema, ReadOnlyMemory<byte> body)
    {
        try
        {
            using var json = JsonDocument.Parse(body);
            var compiled = SchemaOf(mediaType, schema);
            lock (compiled)
            {
                if (compiled.Evaluate(json.RootElement, _options).IsValid)
                {
                    return null;
                }

                var options = EvaluationOptions.From(_options);
                options.OutputFormat = OutputFormat.List;
                var details = compiled.Evaluate(json.RootElement, options).Details;
                var errors = details.Where(detail => detail.HasErrors).Select(Told);
                return $"a body that is not of its schema: {string.Join("; ", errors.Take(5))}";
            }
        }
        catch (JsonException exception)
        {
            return $"a body that is no JSON: {exception.Message}";
        }
    }

    private static string Told(EvaluationResults result) =>
        $"{result.InstanceLocation} {string.Join(", ", result.Errors!.Select(error => $"{error.Key}: {error.Value}"))}";

    private JsonSchema SchemaOf(string mediaType, JsonObject schema)
    {
        lock (_schemas)
        {
            var key = (mediaType, schema.ToJsonString());
            if (!_schemas.TryGetValue(key, out var compiled))
            {
                _schemas[key] = compiled = JsonSchema.FromText(key.Item2);
            }

            return compiled;
        }
    }
}
