using System.Runtime.CompilerServices;

namespace RecService.Client;

/// <summary>Lists of any length, read page by page while they are enumerated.</summary>
public static class Pages
{
    /// <summary>All users.</summary>
    public static IAsyncEnumerable<UserResponse> EnumerateUsersAsync(this IRecServiceClient client, CancellationToken cancellationToken = default) =>
        ReadAsync((cursor, cancellation) => client.ListUsersAsync(null, cursor, cancellation), page => page.Users, page => page.NextCursor, cancellationToken);

    /// <summary>All items.</summary>
    public static IAsyncEnumerable<ItemResponse> EnumerateItemsAsync(this IRecServiceClient client, CancellationToken cancellationToken = default) =>
        ReadAsync((cursor, cancellation) => client.ListItemsAsync(null, cursor, cancellation), page => page.Items, page => page.NextCursor, cancellationToken);

    /// <summary>The interactions of a user, with an item, of a type, in a time (<c>from</c> ≤ occurredAt &lt; <c>to</c>); the last stored first.</summary>
    public static IAsyncEnumerable<InteractionResponse> EnumerateInteractionsAsync(
        this IRecServiceClient client,
        string? userId = null,
        string? itemId = null,
        string? type = null,
        DateTimeOffset? from = null,
        DateTimeOffset? to = null,
        CancellationToken cancellationToken = default
    ) =>
        ReadAsync(
            (cursor, cancellation) => client.ListInteractionsAsync(userId, itemId, type, from, to, null, cursor, cancellation),
            page => page.Interactions,
            page => page.NextCursor,
            cancellationToken
        );

    /// <summary>All training runs, newest first.</summary>
    public static IAsyncEnumerable<TrainingRunResponse> EnumerateTrainingRunsAsync(
        this IRecServiceClient client,
        CancellationToken cancellationToken = default
    ) =>
        ReadAsync(
            (cursor, cancellation) => client.ListTrainingRunsAsync(null, cursor, cancellation),
            page => page.TrainingRuns,
            page => page.NextCursor,
            cancellationToken
        );

    /// <summary>All models, newest first.</summary>
    public static IAsyncEnumerable<ModelResponse> EnumerateModelsAsync(this IRecServiceClient client, CancellationToken cancellationToken = default) =>
        ReadAsync((cursor, cancellation) => client.ListModelsAsync(null, cursor, cancellation), page => page.Models, page => page.NextCursor, cancellationToken);

    /// <summary>All API keys, newest first.</summary>
    public static IAsyncEnumerable<ApiKeyResponse> EnumerateApiKeysAsync(this IRecServiceClient client, CancellationToken cancellationToken = default) =>
        ReadAsync((cursor, cancellation) => client.ListApiKeysAsync(null, cursor, cancellation), page => page.ApiKeys, page => page.NextCursor, cancellationToken);

    /// <summary>What was done, by action and time (<c>from</c> ≤ at &lt; <c>to</c>); newest first.</summary>
    public static IAsyncEnumerable<AuditEntryResponse> EnumerateAuditLogAsync(
        this IRecServiceClient client,
        string? action = null,
        DateTimeOffset? from = null,
        DateTimeOffset? to = null,
        CancellationToken cancellationToken = default
    ) =>
        ReadAsync(
            (cursor, cancellation) => client.ListAuditLogAsync(action, from, to, null, cursor, cancellation),
            page => page.Entries,
            page => page.NextCursor,
            cancellationToken
        );

    /// <summary>Recommendations as far as they are read, 1,000 at most: none is shown twice, whatever the user does meanwhile.</summary>
    /// <param name="client">The client.</param>
    /// <param name="request">The request; its count is the length of a page.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public static IAsyncEnumerable<RecommendedItem> EnumerateRecommendationsAsync(
        this IRecServiceClient client,
        RecommendationRequest request,
        CancellationToken cancellationToken = default
    ) =>
        ReadAsync(
            (page, cancellation) => client.RecommendAsync(page is null ? request : request with { Page = page }, cancellation),
            page => page.Items,
            page => page.NextPage,
            cancellationToken
        );

    private static async IAsyncEnumerable<T> ReadAsync<TPage, T>(
        Func<string?, CancellationToken, Task<TPage>> read,
        Func<TPage, IReadOnlyList<T>> elements,
        Func<TPage, string?> next,
        [EnumeratorCancellation] CancellationToken cancellationToken
    )
    {
        string? cursor = null;
        do
        {
            var page = await read(cursor, cancellationToken).ConfigureAwait(false);
            foreach (var element in elements(page))
            {
                yield return element;
            }

            cursor = next(page);
        } while (cursor is not null);
    }
}
