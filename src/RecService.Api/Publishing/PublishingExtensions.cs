namespace RecService.Api.Publishing;

internal static class PublishingExtensions
{
    /// <summary>Adds the snapshot and what keeps it up to date.</summary>
    public static IHostApplicationBuilder AddPublishing(this IHostApplicationBuilder builder)
    {
        builder.Services.AddSingleton<CatalogReader>();
        builder.Services.AddSingleton<ModelVersions>();
        builder.Services.AddSingleton<Publisher>();
        builder.Services.AddHostedService(provider => provider.GetRequiredService<Publisher>());
        builder.Services.AddSingleton<IRemembersUsers>(provider => provider.GetRequiredService<Publisher>());
        builder.Services.AddSingleton<IRemembersUsers>(provider => provider.GetRequiredService<ModelVersions>());
        builder.Services.AddHostedService<ErasureFollower>();
        builder.Services.AddSingleton<ItemCounter>();
        builder.Services.AddHostedService(provider => provider.GetRequiredService<ItemCounter>());
        return builder;
    }

    public static IEndpointRouteBuilder MapPublishing(this IEndpointRouteBuilder routes)
    {
        routes.MapActivationEndpoint();
        return routes;
    }
}
