using RecService.Api.Models;
using RecService.Api.Publishing;
using RecService.Engine.Data;

namespace RecService.Api.Scoring;

/// <summary>The rows that vectors are asked for, each joined from user, circumstances and item when its turn comes.</summary>
internal sealed class JoinedRows
{
    private readonly LoadedModel _model;
    private readonly CrossFeatureInput[] _rows;
    private readonly EntityFeatures[] _contexts;
    private readonly Dictionary<string, EntityFeatures> _users;
    private readonly NamedItems _items;
    private readonly RowBuffer _joined = new();

    private JoinedRows(
        LoadedModel model,
        CrossFeatureInput[] rows,
        EntityFeatures[] contexts,
        Dictionary<string, EntityFeatures> users,
        NamedItems items
    )
    {
        _model = model;
        _rows = rows;
        _contexts = contexts;
        _users = users;
        _items = items;
    }

    public int Count => _rows.Length;

    /// <summary>Reads the users and the items of all rows.</summary>
    public static async Task<JoinedRows> CreateAsync(
        Snapshot snapshot,
        LoadedModel model,
        CrossFeatureInput[] rows,
        EntityFeatures[] contexts,
        StoreReader store,
        CancellationToken cancellationToken
    )
    {
        var users = await store.FindUsersAsync([.. Distinct(rows.Select(row => row.UserId))], cancellationToken);
        var items = await NamedItems.CreateAsync(snapshot, model, Distinct(rows.Select(row => row.ItemId)), store, cancellationToken);
        return new(model, rows, contexts, users, items);
    }

    /// <summary>A row, until the next one is asked for.</summary>
    public SparseRow Join(int row)
    {
        var (userId, itemId) = (_rows[row].UserId, _rows[row].ItemId);
        var user = userId is null ? null : _users.GetValueOrDefault(userId);
        _items.Join(_joined, RequestRows.ForRequest(_model, user, _contexts[row]), itemId);
        return _joined.Row;
    }

    private static IEnumerable<string> Distinct(IEnumerable<string?> ids) => ids.OfType<string>().Distinct(StringComparer.Ordinal);
}
