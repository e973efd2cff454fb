namespace RecService.Api.Scoring;

internal static class ScoringExtensions
{
    /// <summary>Adds recommendations, scores and vectors by the snapshot that is published.</summary>
    public static IHostApplicationBuilder AddScoring(this IHostApplicationBuilder builder)
    {
        builder.Services.AddScoped<StoreReader>();
        builder.Services.AddScoped<Recommender>();
        return builder;
    }

    public static IEndpointRouteBuilder MapScoring(this IEndpointRouteBuilder routes) =>
        routes.MapRecommendationEndpoints().MapScoreEndpoints().MapCrossFeatureEndpoints();
}
