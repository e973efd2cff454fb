using RecService.Api.Models;
using RecService.Api.Publishing;
using RecService.Engine.Data;

namespace RecService.Api.Scoring;

/// <summary>Items that a request names: by the rows of the snapshot where it has them, by the store where it has not.</summary>
internal sealed class NamedItems
{
    private readonly Snapshot _snapshot;
    private readonly LoadedModel _model;
    private readonly Dictionary<string, EntityFeatures> _fromStore;

    private NamedItems(Snapshot snapshot, LoadedModel model, Dictionary<string, EntityFeatures> fromStore)
    {
        _snapshot = snapshot;
        _model = model;
        _fromStore = fromStore;
    }

    public static async Task<NamedItems> CreateAsync(
        Snapshot snapshot,
        LoadedModel model,
        IEnumerable<string> itemIds,
        StoreReader store,
        CancellationToken cancellationToken
    )
    {
        string[] missing = [.. itemIds.Where(id => model != snapshot.Model || snapshot.Catalog.IndexOf(id) is null)];
        return new(snapshot, model, await store.FindItemsAsync(missing, cancellationToken));
    }

    /// <summary>Fills <paramref name="joined"/> with the columns of the request and of the item; an item that nobody knows adds none.</summary>
    public void Join(RowBuffer joined, RowBuffer request, string? itemId)
    {
        if (itemId is not null && _model is RankingModel ranking && _model == _snapshot.Model && _snapshot.Catalog.IndexOf(itemId) is { } index)
        {
            RequestRows.Join(joined, request, ranking, index);
        }
        else
        {
            RequestRows.Join(joined, request, _model, itemId is null ? null : _fromStore.GetValueOrDefault(itemId));
        }
    }
}
