namespace RecService.Api.Models;

internal static class ModelsExtensions
{
    /// <summary>Adds the registry of models.</summary>
    public static IHostApplicationBuilder AddModels(this IHostApplicationBuilder builder)
    {
        builder.Services.AddSingleton<ModelStore>();
        builder.Services.AddSingleton<ModelLoader>();
        builder.Services.AddSingleton<ActiveModelSignal>();
        builder.Services.AddSingleton<ArtifactScrubber>();
        builder.Services.AddHostedService(provider => provider.GetRequiredService<ArtifactScrubber>());
        return builder;
    }

    public static IEndpointRouteBuilder MapModels(this IEndpointRouteBuilder routes)
    {
        routes.MapModelEndpoints();
        return routes;
    }
}
