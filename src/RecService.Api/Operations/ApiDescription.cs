using Microsoft.AspNetCore.OpenApi;
using Microsoft.Extensions.Options;
using Microsoft.OpenApi;
using RecService.Api.Http.Bulk;
using RecService.Api.Interactions;
using RecService.Api.Scoring;

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

    // In the order in which a newcomer needs them.
    private static readonly (string Name, string Description)[] Tags =
    [
        ("Interactions", "What users did with items. A 2xx answer means committed."),
        ("Scoring", "Recommendations, scores and cross-feature vectors."),
        ("Items", "The catalogue: items with tags, attributes, availability and metadata."),
        ("Users", "Users with tags and attributes; deleting one erases everything known of it."),
        ("Training", "Training runs: on a schedule, and on demand."),
        ("Models", "The registry of trained models: rollback, pins, download."),
        ("API keys", "Who may use the service, and for what."),
        ("Audit log", "What was done with the rights of an administrator."),
    ];

    public static IHostApplicationBuilder AddApiDescription(this IHostApplicationBuilder builder)
    {
        builder
            .Services.AddOptions<ApiDescriptionOptions>()
            .BindConfiguration("ApiDescription", binder => binder.ErrorOnUnknownConfiguration = true)
            .ValidateOnStart();
        builder.Services.AddOpenApi(DocumentName, Describe);
        return builder;
    }

    public static IEndpointRouteBuilder MapApiDescriptionEndpoints(this IEndpointRouteBuilder routes)
    {
        var services = routes.ServiceProvider;
        if (!services.GetRequiredService<IOptions<ApiDescriptionOptions>>().Value.Enabled)
        {
            return routes;
        }

        // The contract is no secret: it says nothing of the data, and a browser could not send a key for it.
        var description = new Lazy<Task<byte[]>>(() => WriteAsync(services));
        routes
            .MapGet($"/openapi/{DocumentName}.json", async () => Results.Bytes(await description.Value, "application/json;charset=utf-8"))
            .ExcludeFromDescription()
            .AllowAnonymous();
        routes
            .MapSwaggerUI("swagger", ui =>
            {
                ui.SwaggerEndpoint($"/openapi/{DocumentName}.json", "RecService v1");
                ui.DocumentTitle = "RecService";
                ui.DisplayRequestDuration();
                ui.EnableTryItOutByDefault();
            })
            .AllowAnonymous();
        routes.MapGet("/", () => Results.Redirect("/swagger")).ExcludeFromDescription().AllowAnonymous();
        return routes;
    }

    /// <summary>
    /// Makes the document, which takes long enough for anonymous callers to keep a core busy with: once is enough, as it never changes.
    /// </summary>
    private static async Task<byte[]> WriteAsync(IServiceProvider services)
    {
        var document = await services.GetRequiredKeyedService<IOpenApiDocumentProvider>(DocumentName).GetOpenApiDocumentAsync();
        using var text = new MemoryStream();
        await document.SerializeAsJsonAsync(text, services.GetRequiredService<IOptionsMonitor<OpenApiOptions>>().Get(DocumentName).OpenApiVersion);
        return text.ToArray();
    }

    private static void Describe(OpenApiOptions options)
    {
        options.AddDocumentTransformer(
            (document, _, _) =>
            {
                document.Info = new()
                {
                    Title = "RecService",
                    Version = DocumentName,
                    Summary = "Recommendations and cross-feature vectors from interactions.",
                    Description =
                        "Apps post interactions of users with items; the service retrains a factorization machine on a schedule and answers with ranked items, "
                        + "scores and the pooled cross-feature vectors that downstream models take as input. Errors are RFC 9457 problem details.",
                    License = new() { Name = "MIT", Identifier = "MIT" },
                };
                document.Servers = [new() { Url = "/" }];
                AccessDescription.AddSchemes(document);
                SchemaDescription.Complete(document);
                document.Tags = new HashSet<OpenApiTag>(Tags.Select(tag => new OpenApiTag { Name = tag.Name, Description = tag.Description }));
                return Task.CompletedTask;
            }
        );
        options.AddSchemaTransformer(SchemaDescription.DescribeConvertedTypes);
        options.AddSchemaTransformer(SchemaDescription.NameAllowedValues);
        options.AddOperationTransformer(OperationExamples.ApplyAsync);
        options.AddOperationTransformer(DescribeBadRequest);
        options.AddOperationTransformer(DescribeOtherMedia);
        options.AddOperationTransformer(AccessDescription.ApplyAsync);
    }

    /// <summary>Whatever takes input may find it wrong.</summary>
    private static Task DescribeBadRequest(
        OpenApiOperation operation,
        OpenApiOperationTransformerContext context,
        CancellationToken cancellationToken
    )
    {
        if (operation.Parameters is { Count: > 0 } || operation.RequestBody is not null)
        {
            operation.Responses ??= [];
            operation.Responses.TryAdd(
                "400",
                new OpenApiResponse
                {
                    Description = "Bad Request",
                    Content = new Dictionary<string, OpenApiMediaType>(StringComparer.Ordinal)
                    {
                        ["application/problem+json"] = new()
                        {
                            Schema = new OpenApiSchemaReference("HttpValidationProblemDetails", context.Document),
                        },
                    },
                }
            );
        }
        return Task.CompletedTask;
    }

    /// <summary>For what is no JSON the endpoints declare the type that is in it, such as that of one line.</summary>
    private static Task DescribeOtherMedia(
        OpenApiOperation operation,
        OpenApiOperationTransformerContext context,
        CancellationToken cancellationToken
    )
    {
        var contents = (operation.Responses ?? []).Values.Select(response => response.Content).Append(operation.RequestBody?.Content);
        foreach (var (mediaType, body) in contents.SelectMany(content => content ?? new Dictionary<string, OpenApiMediaType>(StringComparer.Ordinal)))
        {
            body.Schema = mediaType switch
            {
                NdJson.MediaType => new OpenApiSchema
                {
                    Type = JsonSchemaType.String,
                    Description = $"A JSON object a line, as `{(body.Schema as OpenApiSchemaReference)?.Reference.Id}` has it.",
                },
                CsvInteractions.MediaType => new OpenApiSchema { Type = JsonSchemaType.String, Description = "A header row, then a row each." },
                NpyWriter.MediaType or "application/octet-stream" => new OpenApiSchema { Type = JsonSchemaType.String, Format = "binary" },
                _ => body.Schema,
            };
        }
        return Task.CompletedTask;
    }
}
