using System.Text;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.Extensions.Options;
using Microsoft.OpenApi;
using RecService.Api.Dashboard;
using RecService.Api.Http.Bulk;
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

    public static IEndpointRouteBuilder MapApiDescriptionEndpoints(this IEndpointRouteBuilder routes, bool isStandalone)
    {
        var services = routes.ServiceProvider;
        if (!services.GetRequiredService<IOptions<ApiDescriptionOptions>>().Value.Enabled)
        {
            return routes;
        }

        // The contract is no secret: it says nothing of the data, and a browser could not send a key for it.
        var description = new Lazy<Task<byte[]>>(() => WriteAsync(services));
        routes
            .MapGet($"/openapi/{DocumentName}.json", async (HttpRequest request) =>
                Results.Bytes(Below(request.PathBase, await description.Value), "application/json;charset=utf-8")
            )
            .ExcludeFromDescription()
            .AllowAnonymous();
        routes
            .MapSwaggerUI("swagger", ui =>
            {
                // From the page on, as the page may lie below a path of a proxy's.
                ui.SwaggerEndpoint($"../openapi/{DocumentName}.json", "RecService v1");
                ui.DocumentTitle = "RecService";
                ui.DisplayRequestDuration();
                ui.EnableTryItOutByDefault();
            })
            .AllowAnonymous();
        if (isStandalone)
        {
            if (!services.GetRequiredService<IOptions<DashboardOptions>>().Value.Enabled)
            {
                routes.MapGet("/", () => Results.Redirect("/swagger")).ExcludeFromDescription().AllowAnonymous();
            }

            // Browsers ask for it of their own accord: no fault of theirs.
            routes.MapGet("/favicon.ico", () => Results.NoContent()).ExcludeFromDescription().AllowAnonymous();
        }

        return routes;
    }

    /// <summary>
    /// Makes the document, which takes long enough for anonymous callers to keep a core busy with: once is enough, as it never changes.
    /// </summary>
    internal static async Task<byte[]> WriteAsync(IServiceProvider services)
    {
        var document = await services.GetRequiredKeyedService<IOpenApiDocumentProvider>(DocumentName).GetOpenApiDocumentAsync();
        using var text = new MemoryStream();
        await document.SerializeAsJsonAsync(text, services.GetRequiredService<IOptionsMonitor<OpenApiOptions>>().Get(DocumentName).OpenApiVersion);
        return text.ToArray();
    }

    /// <summary>The document as it is served below a path.</summary>
    private static byte[] Below(PathString prefix, byte[] document)
    {
        if (!prefix.HasValue)
        {
            return document;
        }

        var root = "\"url\": \"/\""u8;
        var start = document.AsSpan().IndexOf(root);
        return [.. document.AsSpan(0, start), .. Encoding.UTF8.GetBytes($"\"url\": \"{prefix.Value}\""), .. document.AsSpan(start + root.Length)];
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
        options.CreateSchemaReferenceId = SchemaDescription.NameOf;
        options.AddSchemaTransformer(SchemaDescription.DescribeConvertedTypes);
        options.AddSchemaTransformer(SchemaDescription.NameAllowedValues);
        options.AddOperationTransformer(OperationExamples.ApplyAsync);
        options.AddOperationTransformer(DescribeOtherMedia);
        options.AddOperationTransformer(AccessDescription.ApplyAsync);
        options.AddOperationTransformer(ProblemDescription.ApplyAsync);
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
                NdJson.MediaType => Bytes($"A JSON object a line, as `{(body.Schema as OpenApiSchemaReference)?.Reference.Id}` has it."),
                Csv.MediaType => Bytes("A header row, then a row each."),
                ParquetRows.MediaType => Bytes("A Parquet file."),
                "text/event-stream" => Bytes("Server-sent events."),
                NpyWriter.MediaType or "application/octet-stream" => Bytes(),
                _ => body.Schema,
            };
        }
        return Task.CompletedTask;
    }

    // Generators of clients send and read a mere string as JSON, in quotes; bytes they leave as they are, and do not hold them all in memory.
    private static OpenApiSchema Bytes(string? description = null) =>
        new()
        {
            Type = JsonSchemaType.String,
            Format = "binary",
            Description = description,
        };
}
