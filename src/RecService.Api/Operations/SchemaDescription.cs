using System.ComponentModel.DataAnnotations;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;
using RecService.Api.Domain;
using RecService.Api.Http.Json;

namespace RecService.Api.Operations;

/// <summary>What the generator of the OpenAPI document cannot see in the types of requests and answers.</summary>
internal static class SchemaDescription
{
    private const string Examples = "SchemaExamples.json";

    /// <summary>What the converters of our own accept.</summary>
    public static Task DescribeConvertedTypes(OpenApiSchema schema, OpenApiSchemaTransformerContext context, CancellationToken cancellationToken)
    {
        var type = Nullable.GetUnderlyingType(context.JsonTypeInfo.Type) ?? context.JsonTypeInfo.Type;
        if (type == typeof(AttributeValue))
        {
            schema.AnyOf = AttributeValueSchema().AnyOf;
        }
        else if (type == typeof(IReadOnlyDictionary<string, AttributeValue>))
        {
            schema.AdditionalProperties = AttributeValueSchema();
        }
        else if (type == typeof(DateTimeOffset))
        {
            schema.Type = type == context.JsonTypeInfo.Type ? JsonSchemaType.String : JsonSchemaType.String | JsonSchemaType.Null;
        }
        else if (type == typeof(RawJsonObject))
        {
            schema.Type = JsonSchemaType.Object;
        }

        return Task.CompletedTask;
    }

    /// <summary>The texts that a property may hold, or each element of it.</summary>
    public static Task NameAllowedValues(OpenApiSchema schema, OpenApiSchemaTransformerContext context, CancellationToken cancellationToken)
    {
        if (
            context.JsonPropertyInfo?.AttributeProvider?.GetCustomAttributes(typeof(AllowedValuesAttribute), inherit: false)
            is [AllowedValuesAttribute allowed]
        )
        {
            var target = schema.Items as OpenApiSchema ?? schema;
            target.Enum = [.. allowed.Values.Select(value => JsonValue.Create((string)value!))];
        }
        return Task.CompletedTask;
    }

    /// <summary>Adds an example to each answer, and to problems what all of ours have.</summary>
    public static void Complete(OpenApiDocument document)
    {
        using var text = typeof(SchemaDescription).Assembly.GetManifestResourceStream(Examples)!;
        var examples = JsonNode.Parse(text)!.AsObject();
        // What the type of a download leaves behind.
        document.Components?.Schemas?.Remove(nameof(Stream));
        foreach (var (name, component) in document.Components?.Schemas ?? new Dictionary<string, IOpenApiSchema>(StringComparer.Ordinal))
        {
            if (component is not OpenApiSchema schema)
            {
                continue;
            }

            if (examples[name] is { } example)
            {
                schema.Examples = [example.DeepClone()];
            }

            if (name.EndsWith("ProblemDetails", StringComparison.Ordinal))
            {
                schema.Properties?.Add(
                    "traceId",
                    new OpenApiSchema { Type = JsonSchemaType.String, Description = "The trace of the request, as logs have it." }
                );
                schema.AdditionalPropertiesAllowed = true;
            }
        }
    }

    private static OpenApiSchema AttributeValueSchema() =>
        new()
        {
            AnyOf =
            [
                new OpenApiSchema { Type = JsonSchemaType.String },
                new OpenApiSchema { Type = JsonSchemaType.Number },
                new OpenApiSchema { Type = JsonSchemaType.Boolean },
                new OpenApiSchema
                {
                    Type = JsonSchemaType.Array,
                    Items = new OpenApiSchema { Type = JsonSchemaType.String },
                },
            ],
        };
}
