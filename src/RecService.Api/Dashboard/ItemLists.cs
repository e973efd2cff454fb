using RecService.Api.Domain;
using RecService.Api.Http.Json;
using RecService.Api.Publishing;
using RecService.Api.Scoring;
using RecService.Api.Telemetry;

namespace RecService.Api.Dashboard;

/// <summary>An item of a list, by whatever it was ranked.</summary>
internal sealed record ListedItem(int Rank, string ItemId, double Score, float? Prediction, IReadOnlyList<string> Tags, RawJsonObject? Metadata, Explanation? Explanation);

/// <summary>A list of items, or why there is none.</summary>
/// <param name="Items">The items, best first.</param>
/// <param name="Source">By what they were ranked.</param>
/// <param name="ModelVersion">The model that did.</param>
/// <param name="Personalization">On what it rests; null where that is not told.</param>
/// <param name="Reason">Why there is none; null where there is one.</param>
internal sealed record ItemList(IReadOnlyList<ListedItem> Items, string Source, long? ModelVersion, string? Personalization, string? Reason)
{
    public static ItemList None(string? reason) => new([], "", ModelVersion: null, Personalization: null, reason);
}

/// <summary>Asks the endpoints of the API for lists of items, each as a request of its own.</summary>
internal sealed class ItemLists(IServiceScopeFactory scopes, Publisher publisher, TimeProvider clock)
{
    /// <summary>Enough for a look, and few enough to be scored one by one for each who looks.</summary>
    public const int MostCandidates = 2_000;

    /// <summary>What is recommended by what is served.</summary>
    public Task<ItemList> RecommendAsync(RecommendationRequest request, CancellationToken cancellationToken) =>
        WithServicesAsync(
            async services =>
                DashboardForms.Read<RecommendationResponse>(await RecommendationEndpoints.RecommendAsync(request, services, cancellationToken)) switch
                {
                    ({ } answer, _) => new(
                        [.. answer.Items.Select(item => new ListedItem(item.Rank, item.ItemId, item.Score, item.Prediction, item.Tags, item.Metadata, item.Explanation))],
                        answer.Source,
                        answer.ModelVersion,
                        answer.Personalization,
                        Reason: null
                    ),
                    (_, var reason) => ItemList.None(reason),
                }
        );

    /// <summary>Items like an item.</summary>
    public Task<ItemList> SimilarAsync(string itemId, int count, CancellationToken cancellationToken) =>
        WithServicesAsync(
            async services =>
                DashboardForms.Read<SimilarItemsResponse>(
                    await RecommendationEndpoints.SimilarAsync(new(itemId), First(count), services, cancellationToken)
                ) switch
                {
                    ({ } answer, _) => new(
                        [.. answer.Items.Select(item => new ListedItem(item.Rank, item.ItemId, item.Similarity, Prediction: null, item.Tags, item.Metadata, Explanation: null))],
                        "similarity",
                        answer.ModelVersion,
                        Personalization: null,
                        Reason: null
                    ),
                    (_, var reason) => ItemList.None(reason),
                }
        );

    /// <summary>What is taken after an item.</summary>
    public Task<ItemList> NextAsync(string itemId, int count, CancellationToken cancellationToken) =>
        WithServicesAsync(
            async services =>
                DashboardForms.Read<RecommendationResponse>(
                    await RecommendationEndpoints.NextAsync(new(itemId), First(count), services, cancellationToken)
                ) switch
                {
                    ({ } answer, _) => new(
                        [.. answer.Items.Select(item => new ListedItem(item.Rank, item.ItemId, item.Score, item.Prediction, item.Tags, item.Metadata, Explanation: null))],
                        answer.Source,
                        answer.ModelVersion,
                        answer.Personalization,
                        Reason: null
                    ),
                    (_, var reason) => ItemList.None(reason),
                }
        );

    /// <summary>
    /// The first items by a model that need not be the one that is served: it has no vectors of the catalogue, so that the most popular items that the
    /// request allows are scored one by one.
    /// </summary>
    public Task<ItemList> RankAsync(long version, RecommendationRequest request, int count, CancellationToken cancellationToken) =>
        WithServicesAsync(
            async services =>
            {
                var (errors, snapshot) = (new FieldErrors(), services.Publisher.Current);
                if (CheckedRequest.Check(errors, request, services.SeenRules, history: null) is not { } asked)
                {
                    return ItemList.None(string.Join(' ', errors.All.Select(error => $"{error.Field} {error.Reason}.")));
                }

                var leftOut = request.UserId is { } userId ? await services.Store.FindLeftOutItemsAsync(userId, asked.Seen, cancellationToken) : [];
                HashSet<long> without = [.. leftOut];
                HashSet<string> recent = request.Filter?.ExcludeSeen == false ? [] : [.. (request.RecentItems ?? []).Select(item => item.ItemId)];
                string[] candidates =
                [
                    .. snapshot
                        .Catalog.ByPopularity.Select(index => snapshot.Catalog.Items[index])
                        .Where(item => item.ItemKey != 0 && asked.Filter.Allows(item.Facts) && !without.Contains(item.ItemKey) && !recent.Contains(item.ItemId))
                        .Select(item => item.ItemId)
                        .Take(MostCandidates),
                ];
                if (candidates.Length == 0)
                {
                    return ItemList.None("No item is left that the filter allows.");
                }

                var (all, reason) = await ScoreAsync(services, version, request, candidates, include: null, cancellationToken);
                if (all is null)
                {
                    return ItemList.None(reason);
                }

                string[] first = [.. all.Items.Take(count).Select(item => item.ItemId)];
                var (answer, _) = await ScoreAsync(services, version, request, first, request.Include, cancellationToken);
                long[] keys = [.. first.Select(id => snapshot.Catalog.Items[snapshot.Catalog.IndexOf(id)!.Value].ItemKey)];
                var stored = await services.Store.FindItemsAsync(keys, cancellationToken) ?? [];
                var byId = first.Zip(keys).ToDictionary(pair => pair.First, pair => stored.GetValueOrDefault(pair.Second), StringComparer.Ordinal);
                return new(
                    [
                        .. answer!.Items.Select(item => new ListedItem(
                            item.Rank,
                            item.ItemId,
                            item.Score,
                            item.Prediction,
                            byId[item.ItemId]?.Facts.Tags ?? [],
                            byId[item.ItemId]?.Metadata,
                            item.Explanation
                        )),
                    ],
                    "model",
                    answer.ModelVersion,
                    Personalization: null,
                    Reason: null
                );
            }
        );

    private async Task<(ScoreResponse? Answer, string? Reason)> ScoreAsync(
        RankingServices services,
        long version,
        RecommendationRequest request,
        string[] candidates,
        string[]? include,
        CancellationToken cancellationToken
    )
    {
        await using var scope = scopes.CreateAsyncScope();
        return DashboardForms.Read<ScoreResponse>(
            await ScoreEndpoints.ScoreAsync(
                new(candidates, request.UserId, request.Context, request.Tags, include, version, request.RecentItems, request.HistoryMode),
                services.Publisher,
                scope.ServiceProvider.GetRequiredService<ModelVersions>(),
                scope.ServiceProvider.GetRequiredService<StoreReader>(),
                clock,
                cancellationToken
            )
        );
    }

    private async Task<ItemList> WithServicesAsync(Func<RankingServices, Task<ItemList>> ask)
    {
        await using var scope = scopes.CreateAsyncScope();
        var services = scope.ServiceProvider;
        return await ask(
            new(
                publisher,
                services.GetRequiredService<StoreReader>(),
                services.GetRequiredService<SeenRules>(),
                services.GetRequiredService<Recommender>(),
                services.GetRequiredService<TrendReader>(),
                services.GetRequiredService<ServiceMetrics>(),
                clock
            )
        );
    }

    private static ItemListQuery First(int count) =>
        new(count, UserId: null, AnyTags: null, AllTags: null, NoTags: null, ExcludeItemIds: null, SeenTypes: null, SeenWithin: null);
}
