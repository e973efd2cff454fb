using Microsoft.AspNetCore.OpenApi;
using Microsoft.Extensions.Options;
using Microsoft.OpenApi;
using RecService.Api.Http;

namespace RecService.Api.Operations;

/// <summary>Section <c>ApiDescription</c>.</summary>
internal sealed class ApiDescriptionOptions
{
    /// <summary>Whether the OpenAPI document and Swagger UI are there.</summary>
    public bool Enabled { get; set; } = true;
}

/// <summary>The OpenAPI document and Swagger UI.</summary>
internal static class ApiDescription
{
    public const string DocumentName = "v1";

    private static readonly Dictionary<string, string> TagDescriptions = new(StringComparer.Ordinal)
    {
        ["Users"] = "Users with tags and attributes; deleting one erases everything known of it.",
        ["Items"] = "The catalogue: items with tags, attributes, availability and metadata.",
        ["Interactions"] = "What users did with items. A 2xx answer means committed.",
        ["Scoring"] = "Recommendations, scores and cross-feature vectors.",
        ["Training"] = "Training runs: on a schedule, and on demand.",
        ["Models"] = "The registry of trained models: rollback, pins, download.",
        ["API keys"] = "Who may use the service, and for what.",
    };

    public static void AddApiDescription(this IHostApplicationBuilder builder)
    {
        builder.Services.AddOptions<ApiDescriptionOptions>().BindConfiguration("ApiDescription", binder => binder.ErrorOnUnknownConfiguration = true).ValidateOnStart();
        builder.Services.AddOpenApi(DocumentName, Describe);
    }

    public static void MapApiDescription(this WebApplication app)
    {
        if (!app.Services.GetRequiredService<IOptions<ApiDescriptionOptions>>().Value.Enabled)
            return;

        // The contract is no secret: it says nothing of the data, and a browser could not send a key for it.
        var description = new Lazy<Task<byte[]>>(() => WriteAsync(app.Services));
        app.MapGet($"/openapi/{DocumentName}.json", async () => Results.Bytes(await description.Value, "application/json;charset=utf-8")).ExcludeFromDescription().AllowAnonymous();
        app.MapSwaggerUI("swagger", ui =>
        {
            ui.SwaggerEndpoint($"/openapi/{DocumentName}.json", "RecService v1");
            ui.DocumentTitle = "RecService";
            ui.DisplayRequestDuration();
            ui.EnableTryItOutByDefault();
        }).AllowAnonymous();
        app.MapGet("/", () => Results.Redirect("/swagger")).ExcludeFromDescription().AllowAnonymous();
    }

    /// <summary>Makes the document, which takes long enough for anonymous callers to keep a core busy with: once is enough, as it never changes.</summary>
    private static async Task<byte[]> WriteAsync(IServiceProvider services)
    {
        var document = await services.GetRequiredKeyedService<IOpenApiDocumentProvider>(DocumentName).GetOpenApiDocumentAsync();
        using var text = new MemoryStream();
        await document.SerializeAsJsonAsync(text, services.GetRequiredService<IOptionsMonitor<OpenApiOptions>>().Get(DocumentName).OpenApiVersion);
        return text.ToArray();
    }

    private static void Describe(OpenApiOptions options)
    {
        options.AddDocumentTransformer((document, _, _) =>
        {
            document.Info = new()
            {
                Title = "RecService",
                Version = DocumentName,
                Summary = "Recommendations and cross-feature vectors from interactions.",
                Description = "Apps post interactions of users with items; the service retrains a factorization machine on a schedule and answers with ranked items, "
                    + "scores and the pooled cross-feature vectors that downstream models take as input. Errors are RFC 9457 problem details.",
                License = new() { Name = "MIT", Identifier = "MIT" },
            };
            document.Servers = [new() { Url = "/" }];
            AccessDescription.AddSchemes(document);
            foreach (var tag in document.Tags ?? new HashSet<OpenApiTag>())
                tag.Description = TagDescriptions.GetValueOrDefault(tag.Name ?? "");
            return Task.CompletedTask;
        });
        options.AddSchemaTransformer(DescribeConvertedTypes);
        options.AddOperationTransformer(OperationExamples.ApplyAsync);
        options.AddOperationTransformer(DescribeBadRequest);
        options.AddOperationTransformer(DescribeLines);
        options.AddOperationTransformer(AccessDescription.ApplyAsync);
    }

    /// <summary>What the converters of our own accept, which the generator cannot see.</summary>
    private static Task DescribeConvertedTypes(OpenApiSchema schema, OpenApiSchemaTransformerContext context, CancellationToken cancellationToken)
    {
        var type = Nullable.GetUnderlyingType(context.JsonTypeInfo.Type) ?? context.JsonTypeInfo.Type;
        if (type == typeof(FeatureValue))
            schema.AnyOf = FeatureValueSchema().AnyOf;
        else if (type == typeof(IReadOnlyDictionary<string, FeatureValue>))
            schema.AdditionalProperties = FeatureValueSchema();
        else if (type == typeof(DateTimeOffset))
            schema.Type = type == context.JsonTypeInfo.Type ? JsonSchemaType.String : JsonSchemaType.String | JsonSchemaType.Null;
        else if (type == typeof(RawJsonObject))
            schema.Type = JsonSchemaType.Object;
        return Task.CompletedTask;
    }

    private static OpenApiSchema FeatureValueSchema() => new()
    {
        AnyOf =
        [
            new OpenApiSchema { Type = JsonSchemaType.String },
            new OpenApiSchema { Type = JsonSchemaType.Number },
            new OpenApiSchema { Type = JsonSchemaType.Boolean },
            new OpenApiSchema { Type = JsonSchemaType.Array, Items = new OpenApiSchema { Type = JsonSchemaType.String } },
        ],
    };

    /// <summary>Whatever takes input may find it wrong.</summary>
    private static Task DescribeBadRequest(OpenApiOperation operation, OpenApiOperationTransformerContext context, CancellationToken cancellationToken)
    {
        if (operation.Parameters is { Count: > 0 } || operation.RequestBody is not null)
        {
            operation.Responses ??= [];
            operation.Responses.TryAdd("400", new OpenApiResponse
            {
                Description = "Bad Request",
                Content = new Dictionary<string, OpenApiMediaType>(StringComparer.Ordinal)
                {
                    ["application/problem+json"] = new() { Schema = new OpenApiSchemaReference("HttpValidationProblemDetails", context.Document) },
                },
            });
        }
        return Task.CompletedTask;
    }

    /// <summary>A body of lines is a text; the schema that the endpoint declares is that of one line.</summary>
    private static Task DescribeLines(OpenApiOperation operation, OpenApiOperationTransformerContext context, CancellationToken cancellationToken)
    {
        foreach (var (mediaType, body) in operation.RequestBody?.Content ?? new Dictionary<string, OpenApiMediaType>(StringComparer.Ordinal))
        {
            if (mediaType is "application/x-ndjson" or "text/csv")
                body.Schema = new OpenApiSchema { Type = JsonSchemaType.String, Description = mediaType == "text/csv" ? "A header row, then a row each." : "A JSON object a line." };
        }
        return Task.CompletedTask;
    }
}
