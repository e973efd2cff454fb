namespace RecService.Api.Scoring;

internal static class ScoringServices
{
    public static void AddScoring(this IHostApplicationBuilder builder)
    {
        builder.Services.AddScoped<ScoringStore>();
        builder.Services.AddScoped<Recommender>();
    }

    public static void MapScoring(this IEndpointRouteBuilder endpoints)
    {
        endpoints.MapRecommendations();
        endpoints.MapScores();
        endpoints.MapCrossFeatures();
    }
}
