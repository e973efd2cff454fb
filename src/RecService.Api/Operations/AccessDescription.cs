using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;
using RecService.Api.Access;

namespace RecService.Api.Operations;

/// <summary>Says in the OpenAPI document which role an operation needs, how a key is sent, and how a request is refused.</summary>
internal static class AccessDescription
{
    private const string HeaderScheme = "apiKey";
    private const string BearerScheme = "bearer";

    private static readonly (string Status, string Description)[] Refusals =
    [
        ("401", "No valid API key"),
        ("403", "The key does not have the role"),
        ("429", "Too many requests; Retry-After says when the next one may come"),
        ("503", "More requests than can be answered, too many that change the same, or no database; Retry-After says when to try again"),
    ];

    private static readonly string[] LaterStatuses = ["429", "503"];

    public static void AddSchemes(OpenApiDocument document)
    {
        document.Components ??= new();
        document.Components.SecuritySchemes = new Dictionary<string, IOpenApiSecurityScheme>(StringComparer.Ordinal)
        {
            [HeaderScheme] = new OpenApiSecurityScheme
            {
                Type = SecuritySchemeType.ApiKey,
                In = ParameterLocation.Header,
                Name = ApiKeyHandler.HeaderName,
                Description = "An API key.",
            },
            [BearerScheme] = new OpenApiSecurityScheme
            {
                Type = SecuritySchemeType.Http,
                Scheme = "bearer",
                Description = "The same API key.",
            },
        };
    }

    public static Task ApplyAsync(OpenApiOperation operation, OpenApiOperationTransformerContext context, CancellationToken cancellationToken)
    {
        if (context.Description.ActionDescriptor.EndpointMetadata.OfType<IAuthorizeData>().FirstOrDefault()?.Policy is not { } role)
        {
            return Task.CompletedTask;
        }

        operation.Description = $"{operation.Description} Role: `{role}`.".TrimStart();
        operation.Security =
        [
            new() { [new OpenApiSecuritySchemeReference(HeaderScheme, context.Document)] = [] },
            new() { [new OpenApiSecuritySchemeReference(BearerScheme, context.Document)] = [] },
        ];
        operation.Responses ??= [];
        foreach (var (status, description) in Refusals)
        {
            operation.Responses.TryAdd(
                status,
                new OpenApiResponse
                {
                    Description = description,
                    Content = new Dictionary<string, OpenApiMediaType>(StringComparer.Ordinal)
                    {
                        ["application/problem+json"] = new() { Schema = new OpenApiSchemaReference("ProblemDetails", context.Document) },
                    },
                }
            );
        }
        foreach (var status in LaterStatuses)
        {
            if (operation.Responses[status] is OpenApiResponse response)
            {
                response.Headers ??= new Dictionary<string, IOpenApiHeader>(StringComparer.Ordinal);
                response.Headers["Retry-After"] = new OpenApiHeader
                {
                    Schema = new OpenApiSchema { Type = JsonSchemaType.Integer },
                    Description = "Seconds to wait.",
                };
            }
        }
        return Task.CompletedTask;
    }
}
