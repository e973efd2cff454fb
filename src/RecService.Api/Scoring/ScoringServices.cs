namespace RecService.Api.Scoring;

internal static class ScoringServices
{
    public static void AddScoring(this IHostApplicationBuilder builder)
    {
        builder.Services.AddSingleton<ScoringStore>();
        builder.Services.AddSingleton<Recommender>();
    }

    public static void MapScoring(this IEndpointRouteBuilder endpoints)
    {
        endpoints.MapRecommendations();
        endpoints.MapScores();
        endpoints.MapCrossFeatures();
    }
}
