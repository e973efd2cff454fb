using RecService.Api.Publishing;
using RecService.Api.Telemetry;

namespace RecService.Api.Scoring;

/// <summary>What the endpoints that rank items work with.</summary>
internal sealed record RankingServices(
    Publisher Publisher,
    StoreReader Store,
    SeenRules SeenRules,
    Recommender Recommender,
    TrendReader Trends,
    ServiceMetrics Metrics,
    TimeProvider Clock
);
