using RecService.Api.Http;
using RecService.Api.Publishing;

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
            .Validate(options => options.UserCacheMebibytes is >= 0 and <= 1_000_000, "Scoring:UserCacheMebibytes: must be from 0 to 1000000")
            .ValidateOnStart();
        builder.Services.AddSingleton<SeenRules>();
        builder.Services.AddSingleton<TrendReader>();
        builder.Services.AddSingleton<UserCache>();
        builder.Services.AddSingleton<IRemembersUsers>(provider => provider.GetRequiredService<UserCache>());
        builder.Services.AddSingleton<JoinedRanking>(_ => new());
        builder.Services.AddSingleton<ExpectedWait>(provider => provider.GetRequiredService<JoinedRanking>().ExpectedWait);
        builder.Services.AddScoped<StoreReader>();
        builder.Services.AddScoped<Recommender>();
        return builder;
    }

    public static IEndpointRouteBuilder MapScoring(this IEndpointRouteBuilder routes) =>
        routes.MapRecommendationEndpoints().MapRecommendationBatchEndpoint().MapScoreEndpoints().MapCrossFeatureEndpoints();
}
