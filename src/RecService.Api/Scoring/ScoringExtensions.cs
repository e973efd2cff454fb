namespace RecService.Api.Scoring;

internal static class ScoringExtensions
{
    /// <summary>Adds recommendations, scores and vectors by the snapshot that is published.</summary>
    public static IHostApplicationBuilder AddScoring(this IHostApplicationBuilder builder)
    {
        builder
            .Services.AddOptions<ScoringOptions>()
            .BindConfiguration("Scoring", binder => binder.ErrorOnUnknownConfiguration = true)
            .Validate(options => options.SeenWithin is null || options.SeenWithin > TimeSpan.Zero, "Scoring:SeenWithin: must be above 00:00:00")
            .ValidateOnStart();
        builder.Services.AddSingleton<SeenRules>();
        builder.Services.AddSingleton<TrendReader>();
        builder.Services.AddScoped<StoreReader>();
        builder.Services.AddScoped<Recommender>();
        return builder;
    }

    public static IEndpointRouteBuilder MapScoring(this IEndpointRouteBuilder routes) =>
        routes.MapRecommendationEndpoints().MapRecommendationBatchEndpoint().MapScoreEndpoints().MapCrossFeatureEndpoints();
}
