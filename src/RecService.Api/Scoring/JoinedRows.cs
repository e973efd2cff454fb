using System.Runtime.InteropServices;
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
    private readonly Dictionary<string, StoredUser> _users;
    private readonly RequestPooling _pooling;
    private readonly Dictionary<string, RequestHistory> _histories = new(StringComparer.Ordinal);
    private readonly NamedItems _items;
    private readonly RowBuffer _joined = new();

    private JoinedRows(
        LoadedModel model,
        CrossFeatureInput[] rows,
        EntityFeatures[] contexts,
        Dictionary<string, StoredUser> users,
        RequestPooling pooling,
        NamedItems items
    )
    {
        _model = model;
        _rows = rows;
        _contexts = contexts;
        _users = users;
        _pooling = pooling;
        _items = items;
    }

    public int Count => _rows.Length;

    /// <summary>Reads the users with their histories, and the items, of all rows.</summary>
    public static async Task<JoinedRows> CreateAsync(
        Snapshot snapshot,
        LoadedModel model,
        CrossFeatureInput[] rows,
        EntityFeatures[] contexts,
        StoreReader store,
        DateTimeOffset now,
        CancellationToken cancellationToken
    )
    {
        var users = await store.FindUsersAsync([.. Distinct(rows.Select(row => row.UserId))], model.Model.History, cancellationToken);
        var events = users.Values.SelectMany(user => user.History);
        var pooling = await RequestPooling.CreateAsync(snapshot, model, events, store, now, cancellationToken);
        var items = await NamedItems.CreateAsync(snapshot, model, Distinct(rows.Select(row => row.ItemId)), store, cancellationToken);
        return new(model, rows, contexts, users, pooling, items);
    }

    /// <summary>A row, until the next one is asked for.</summary>
    public SparseRow Join(int row)
    {
        var (userId, itemId) = (_rows[row].UserId, _rows[row].ItemId);
        var user = userId is null ? null : _users.GetValueOrDefault(userId);
        _items.Join(_joined, RequestRows.ForRequest(_model, user?.Features, _contexts[row], HistoryOf(user)), itemId);
        return _joined.Row;
    }

    /// <summary>The users' histories are pooled once each: many rows may be of one user.</summary>
    private RequestHistory HistoryOf(StoredUser? user)
    {
        if (user is null)
        {
            return RequestHistory.None;
        }

        ref var history = ref CollectionsMarshal.GetValueRefOrAddDefault(_histories, user.Features.Id!, out _);
        return history ??= _pooling.Pool(user.History);
    }

    private static IEnumerable<string> Distinct(IEnumerable<string?> ids) => ids.OfType<string>().Distinct(StringComparer.Ordinal);
}
