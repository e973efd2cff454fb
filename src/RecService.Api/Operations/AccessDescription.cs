using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;
using RecService.Api.Access;

namespace RecService.Api.Operations;

/// <summary>Says in the OpenAPI document which role an operation needs, and how a key is sent.</summary>
internal static class AccessDescription
{
    private const string HeaderScheme = "apiKey";
    private const string BearerScheme = "bearer";

    public static void AddSchemes(OpenApiDocument document)
    {
        document.Components ??= new();
        document.Components.SecuritySchemes = new Dictionary<string, IOpenApiSecurityScheme>(StringComparer.Ordinal)
        {
            [HeaderScheme] = new OpenApiSecurityScheme
            {
                Type = SecuritySchemeType.ApiKey,
                In = ParameterLocation.Header,
                Name = SentKey.HeaderName,
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
        return Task.CompletedTask;
    }
}
