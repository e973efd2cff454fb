namespace RecService.Api.Interactions;

internal static class InteractionsExtensions
{
    public static IHostApplicationBuilder AddInteractions(this IHostApplicationBuilder builder)
    {
        builder.Services.AddSingleton<InteractionImporter>();
        builder.Services.AddSingleton<BatchWriter>();
        builder.Services.AddHostedService<IdempotencyKeys>();
        return builder;
    }

    public static IEndpointRouteBuilder MapInteractions(this IEndpointRouteBuilder routes)
    {
        InteractionEndpoints.Map(routes);
        return routes;
    }
}
