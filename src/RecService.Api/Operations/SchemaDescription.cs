using System.ComponentModel.DataAnnotations;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.Mvc.Infrastructure;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;
using RecService.Api.Domain;
using RecService.Api.Http.Json;

namespace RecService.Api.Operations;

/// <summary>What the generator of the OpenAPI document cannot see in the types of requests and answers.</summary>
internal static class SchemaDescription
{
    private const string Examples = "SchemaExamples.json";

    /// <summary>
    /// The name that a type has in the document; null for those that stand where they are used, so that each can be null and says there what it is.
    /// </summary>
    public static string? NameOf(JsonTypeInfo type) =>
        Plain(type.Type) == typeof(RawJsonObject) || IsValues(type.Type) ? null : OpenApiOptions.CreateDefaultSchemaReferenceId(type);

    /// <summary>What the converters of our own accept.</summary>
    public static Task DescribeConvertedTypes(OpenApiSchema schema, OpenApiSchemaTransformerContext context, CancellationToken cancellationToken)
    {
        var type = context.JsonTypeInfo.Type;
        if (Plain(type) == typeof(DateTimeOffset))
        {
            schema.Type = Plain(type) == type ? JsonSchemaType.String : JsonSchemaType.String | JsonSchemaType.Null;
        }
        else if (Plain(type) == typeof(RawJsonObject))
        {
            schema.Type = Plain(type) == type ? JsonSchemaType.Object : JsonSchemaType.Object | JsonSchemaType.Null;
        }
        else if (IsValues(type))
        {
            // Values of one of several types become a class for each place in C#, and do not compile in others: what they may be is said in words.
            schema.AdditionalProperties = new OpenApiSchema { Description = "A string, a number, a boolean, or an array of strings. A null is as if the name were not there." };
        }

        return Task.CompletedTask;
    }

    /// <summary>The texts that a property or a parameter may hold, or each element of it.</summary>
    public static Task NameAllowedValues(OpenApiSchema schema, OpenApiSchemaTransformerContext context, CancellationToken cancellationToken)
    {
        var provider = context.JsonPropertyInfo?.AttributeProvider
            ?? (context.ParameterDescription?.ParameterDescriptor as IParameterInfoParameterDescriptor)?.ParameterInfo;
        if (provider?.GetCustomAttributes(typeof(AllowedValuesAttribute), inherit: false) is [AllowedValuesAttribute allowed])
        {
            var target = schema.Items as OpenApiSchema ?? schema;
            target.Enum = [.. allowed.Values.Select(value => JsonValue.Create((string)value!))];
            if (target.Type?.HasFlag(JsonSchemaType.Null) == true)
            {
                // What is not among the values is not allowed, whatever the type says.
                target.Enum.Add(JsonNullSentinel.JsonNull);
            }
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

            foreach (var property in schema.Properties?.Values.OfType<OpenApiSchema>() ?? [])
            {
                // Without a word on what an object may hold, generators make types of it that hold nothing.
                if (property.Type is { } type && type.HasFlag(JsonSchemaType.Object) && property is { Properties: null, AdditionalProperties: null })
                {
                    property.AdditionalProperties = new OpenApiSchema();
                }
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

    private static Type Plain(Type type) => Nullable.GetUnderlyingType(type) ?? type;

    /// <summary>Whether it is attributes or a context, in whatever kind of dictionary.</summary>
    private static bool IsValues(Type type) => type.IsAssignableTo(typeof(IEnumerable<KeyValuePair<string, AttributeValue>>));
}
