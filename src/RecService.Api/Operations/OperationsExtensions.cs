namespace RecService.Api.Operations;

internal static class OperationsExtensions
{
    /// <summary>Adds the probes, the OpenAPI document and Swagger UI.</summary>
    public static IHostApplicationBuilder AddOperations(this IHostApplicationBuilder builder) => builder.AddApiDescription().AddHealth();

    public static IEndpointRouteBuilder MapOperations(this IEndpointRouteBuilder routes, bool isStandalone) =>
        routes.MapApiDescriptionEndpoints(isStandalone).MapHealthEndpoints();
}
