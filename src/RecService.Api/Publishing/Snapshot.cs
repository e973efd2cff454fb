namespace RecService.Api.Publishing;

/// <summary>
/// What requests read: the catalogue, and the model with the item vectors that are ready for ranking. Immutable; a request takes it once.
/// </summary>
/// <param name="Catalog">The items.</param>
/// <param name="Model">The model that is served; null before the first one.</param>
internal sealed record Snapshot(ItemCatalog Catalog, RankingModel? Model)
{
    public static Snapshot Empty { get; } = new(ItemCatalog.Empty, null);

    /// <summary>Number of items.</summary>
    public int Items => Catalog.Count - Catalog.Deleted;
}
