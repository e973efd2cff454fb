using RecService.Engine.Data;
using RecService.Engine.Data.Histories;
using RecService.Engine.Model;
using RecService.Engine.Numerics;

namespace RecService.Engine.Scoring;

/// <summary>
/// Ranks a catalogue for requests by one inner product an item. With z the summed vectors of an item's columns, c its linear terms and the pairs
/// among its own
/// columns, and q the summed vectors of a request's columns, score = const + c + ⟨q, z⟩. Thread-safe.
/// </summary>
/// <remarks>
/// In a field-weighted model z is the pooled vectors of the fields that items have, one after the other, and q, for each of these fields t, Σ_f r_ft
/// p_f over the
/// request's fields f. Memory: items × Stride floats and, beside a few numbers, as many bytes as there are factors, times the number of fields that items
/// have in a field-weighted model.
/// </remarks>
public sealed class ItemRanker
{
    private readonly ItemTable _items;
    private readonly ItemScan _scan;

    /// <summary>Computes z and c of every item, in O(entries · k).</summary>
    /// <param name="model">The model.</param>
    /// <param name="itemRows">The columns of each item.</param>
    /// <param name="kernel">The kernel; the machine's own choice when absent.</param>
    /// <param name="roles">The columns of the items as part of a history, for those that come again.</param>
    /// <param name="order">The order of items with equal scores, by row, without two that are equal; that of the rows when absent.</param>
    /// <exception cref="ArgumentException">The items have columns outside the model's space, or there are roles of another number of items.</exception>
    public ItemRanker(
        FactorizationModel model,
        RowChunks itemRows,
        FactorizationKernel? kernel = null,
        ItemRoles? roles = null,
        IComparer<int>? order = null
    )
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(itemRows);
        Check(model, itemRows, roles);
        _items = new(model, itemRows, kernel ?? FactorizationKernel.Default);
        _scan = ItemScan.Of(_items.Kernel);
        Roles = roles;
        Order = order ?? Comparer<int>.Default;
    }

    private ItemRanker(ItemRanker former, ItemTable items, ItemRoles? roles, IComparer<int> order)
    {
        _items = items;
        _scan = former._scan;
        InFloats = former.InFloats;
        Roles = roles;
        Order = order;
    }

    /// <summary>The model.</summary>
    public FactorizationModel Model => _items.Model;

    /// <summary>The columns of each item.</summary>
    public RowChunks ItemRows => _items.Rows;

    /// <summary>The columns of each item as part of a history; null when there are none.</summary>
    public ItemRoles? Roles { get; }

    /// <summary>The order of items with equal scores.</summary>
    public IComparer<int> Order { get; }

    /// <summary>Number of items.</summary>
    public int Count => ItemRows.Count;

    /// <summary>
    /// z of an item: k floats; in a field-weighted model k floats for each field that items have, in the order of the fields, each beginning at a multiple
    /// of 16 floats; in a field-aware one as many for each field that items have not.
    /// </summary>
    public ReadOnlySpan<float> Vector(int item)
    {
        var (chunk, at) = _items.PlaceOf(item);
        return chunk.Vector(at)[..Math.Max(0, _items.Vectors.Length - _items.Vectors.PartStride + _items.Vectors.PartLength)];
    }

    /// <summary>
    /// A ranker of these items with others in the places of some, or behind them, at the cost of those and of copying the chunks of 1,024 that they lie in.
    /// All else is shared; this one stays as it is. Where an item is the first with a column of a field, a field-weighted or field-aware model has everything computed anew.
    /// </summary>
    /// <param name="items">
    /// Which items are replaced; those that are added in order, the first of them <see cref="Count"/>. Of one named twice, the last counts.
    /// </param>
    /// <param name="rows">The columns of each.</param>
    /// <param name="roles">Their columns as part of a history; needed where this ranker has roles.</param>
    /// <param name="order">The order of items with equal scores; that of this ranker when absent.</param>
    /// <exception cref="ArgumentException">
    /// A place is neither an item nor the next one, there is not a row for each, rows have columns outside the model's space, or there are roles of some
    /// items but not of all.
    /// </exception>
    public ItemRanker With(IReadOnlyList<int> items, SparseRows rows, ItemRoles? roles = null, IComparer<int>? order = null)
    {
        ArgumentNullException.ThrowIfNull(rows);
        if (roles is null != Roles is null)
        {
            throw new ArgumentException("There must be roles of all items or of none.", nameof(roles));
        }

        Check(Model, rows, roles);
        return new(this, _items.With(items, rows), Roles?.With(items, roles!), order ?? Order);
    }

    /// <summary>Whether items are looked at in floats although the machine multiplies bytes.</summary>
    internal bool InFloats { get; init; }

    /// <summary>The score of a request's columns joined with an item's: what <see cref="Scorer.Score(SparseRow)"/> says of the same row.</summary>
    public float Score(SparseRow request, int item) => _items.Scorer.Score(Join(request, item, 0));

    /// <summary>The columns of a request, of an item, and of its coming again, where the request's history has it.</summary>
    /// <param name="request">The request's columns.</param>
    /// <param name="item">The item.</param>
    /// <param name="repeatValue">Its <see cref="RepeatedItem.Value"/>; 0 where it does not come again.</param>
    public SparseRow Join(SparseRow request, int item, float repeatValue)
    {
        var joined = new RowBuffer();
        joined.Append(request);
        RequestScores.AppendItem(joined, ItemRows, Roles?.Repeat, item, repeatValue);
        return joined.Row;
    }

    /// <summary>
    /// The items with the highest scores, by score and then by <see cref="Order"/>. Exact: the inner products only choose candidates, with a bound on their
    /// rounding; order and scores are those of <see cref="Score"/>. Allocates no more for more items.
    /// </summary>
    /// <param name="request">The request's columns.</param>
    /// <param name="count">How many items at most.</param>
    /// <param name="allowed">The items that may be found; null for all.</param>
    /// <param name="repeats">
    /// The items of the request's history (<see cref="PooledHistory.Repeats"/>), by item: they are scored as <see cref="Join"/> has them.
    /// </param>
    /// <param name="threads">How many threads share the items, at least 1.</param>
    /// <exception cref="ArgumentException">The set is of another number of items, or a repeated item is out of range.</exception>
    public RankedItem[] Top(SparseRow request, int count, ItemSet? allowed = null, IReadOnlyList<RepeatedItem>? repeats = null, int threads = 1)
    {
        var row = new RowBuffer();
        row.Append(request);
        return TopMany([new(row, count, allowed, repeats)], threads)[0];
    }

    /// <summary>
    /// <see cref="Top"/> for each of several requests: the items' vectors come from memory once for all of them.
    /// </summary>
    /// <param name="requests">The requests.</param>
    /// <param name="threads">How many threads share the items, at least 1.</param>
    /// <exception cref="ArgumentException">The set of a request is of another number of items, or a repeated item is out of range.</exception>
    public RankedItem[][] TopMany(IReadOnlyList<RankingRequest> requests, int threads = 1)
    {
        ArgumentNullException.ThrowIfNull(requests);
        Request[] planned = [.. requests.Select(Plan)];
        return Search(threads, [.. planned.Select(request => request.Count)], (first, last) => Search(planned, first, last));
    }

    /// <summary>
    /// The score of every item for a request by inner products: within rounding of <see cref="Score"/>, for measuring whole rankings.
    /// </summary>
    /// <param name="request">The request's columns.</param>
    /// <param name="scores">Receives one score for each item.</param>
    /// <param name="repeats">The items of the request's history, as for <see cref="Top"/>.</param>
    public unsafe void ScoreAll(SparseRow request, Span<float> scores, IReadOnlyList<RepeatedItem>? repeats = null)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(scores.Length, Count);
        var repeatValues = RepeatValues(repeats);
        if (SharesFields(request))
        {
            for (var item = 0; item < Count; item++)
            {
                scores[item] = _items.Scorer.Score(Join(request, item, repeatValues?.GetValueOrDefault(item) ?? 0));
            }

            return;
        }

        var query = QueryOf(request, out var constant);
        var products = stackalloc float[RowChanges.ChunkSize];
        for (var c = 0; c < _items.Chunks.Length; c++)
        {
            var chunk = _items.Chunks[c];
            fixed (float* q = query)
            {
                _scan.Multiply(q, chunk.Vectors, query.Length, chunk.Count, products);
            }

            var first = c << RowChanges.ChunkShift;
            for (var at = 0; at < chunk.Count; at++)
            {
                scores[first + at] = constant + chunk.Constants[at] + products[at];
            }
        }

        foreach (var (item, value) in repeatValues ?? [])
        {
            scores[item] += RepeatTerm(item, value);
        }

        GC.KeepAlive(this);
    }

    /// <summary>The items whose z points in a direction most like an item's, itself left out; by cosine and then by <see cref="Order"/>.</summary>
    /// <remarks>
    /// In a field-weighted model the cosine is that between what items add to the scores of requests by crossing: z in the metric Σ_f s_f² r_tf r_uf
    /// of the items' fields
    /// t and u, over the fields f that items have not, with s_f² the mean ‖v‖² of the columns of f. With r = 1 it is the cosine of a field-pooled
    /// model.
    /// </remarks>
    /// <param name="item">The item.</param>
    /// <param name="count">How many items at most.</param>
    /// <param name="allowed">The items that may be found; null for all.</param>
    /// <param name="threads">How many threads share the items, at least 1.</param>
    /// <exception cref="ArgumentException">The set is of another number of items.</exception>
    public unsafe RankedItem[] Similar(int item, int count, ItemSet? allowed = null, int threads = 1)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        CheckAllowed(allowed);
        var (own, ownAt) = _items.PlaceOf(item);
        var vector = new float[_items.Vectors.Length];
        _items.Vectors.LikenessQuery(own.Vector(ownAt), vector);
        var (query, norm) = (NewQuery(vector), own.Norms[ownAt]);
        return Search(
            threads,
            [count],
            (first, last) =>
            {
                if (count == 0)
                {
                    return [[]];
                }

                var top = new TopItems(Math.Min(count, Count), scores: null, Order);
                Look([new LikenessSearch(_items.Kernel, query, norm, item, allowed, top)], first, last);
                return [top.Finish().ToArray()];
            }
        )[0];
    }

    /// <summary>Searches among all chunks, with several threads a part of them each; what they find is put together.</summary>
    private RankedItem[][] Search(int threads, int[] counts, Func<int, int, RankedItem[][]> search)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(threads, 1);
        var parts = Math.Clamp(threads, 1, Math.Max(1, _items.Chunks.Length));
        if (parts == 1)
        {
            return search(0, _items.Chunks.Length);
        }

        var found = new RankedItem[parts][][];
        Parallel.For(0, parts, part => found[part] = search(_items.Chunks.Length * part / parts, _items.Chunks.Length * (part + 1) / parts));
        return [.. counts.Select((count, request) => Merge(count, [.. found.Select(part => part[request])]))];
    }

    private RankedItem[] Merge(int count, RankedItem[][] parts)
    {
        RankedItem[] all = [.. parts.SelectMany(part => part)];
        Array.Sort(all, TopItems.ByScore(Order));
        return all.Length <= count ? all : all[..count];
    }

    private RankedItem[][] Search(Request[] requests, int firstChunk, int lastChunk)
    {
        var tops = requests.Select(request => request.Count == 0 ? null : new TopItems(request.Count, ScoresOf(request), Order)).ToArray();
        var searches = new List<ItemSearch>();
        for (var r = 0; r < requests.Length; r++)
        {
            if (tops[r] is not { } top)
            {
                continue;
            }

            var request = requests[r];
            if (request.SharesFields)
            {
                AddAll(request.Allowed, firstChunk << RowChanges.ChunkShift, Math.Min(Count, lastChunk << RowChanges.ChunkShift), top);
                continue;
            }

            var search = new ScoreSearch(_items.Kernel, request.Query, request.Constant, request.Allowed, request.Repeats, request.Bounds, top);
            if (request.Repeats is not null)
            {
                AddRepeated(request, search, firstChunk, lastChunk);
            }

            searches.Add(search);
        }

        Look(searches, firstChunk, lastChunk);
        return [.. tops.Select(top => top is null ? [] : top.Finish().ToArray())];
    }

    /// <summary>Has several searches look at a chunk before the next one is read.</summary>
    private void Look(List<ItemSearch> searches, int firstChunk, int lastChunk)
    {
        for (var chunk = firstChunk; chunk < lastChunk; chunk++)
        {
            foreach (var search in searches)
            {
                search.Look(_items.Chunks[chunk], chunk << RowChanges.ChunkShift);
            }
        }

        foreach (var search in searches)
        {
            search.LookAtRest();
        }

        GC.KeepAlive(this);
    }

    private static void AddAll(ItemSet? allowed, int first, int last, TopItems top)
    {
        for (var item = first; item < last; item++)
        {
            if (allowed is null || allowed[item])
            {
                top.Add(item, float.NegativeInfinity, float.PositiveInfinity);
            }
        }
    }

    private void AddRepeated(Request request, ScoreSearch search, int firstChunk, int lastChunk)
    {
        foreach (var (item, value) in request.Repeats!)
        {
            if ((item >> RowChanges.ChunkShift) is var part && part >= firstChunk && part < lastChunk && (request.Allowed is null || request.Allowed[item]))
            {
                var (chunk, at) = _items.PlaceOf(item);
                var row = RepeatRow(item, value);
                search.AddRepeated(chunk, at, item, RepeatTerm(item, value), value * _items.Magnitude(row), row.Length);
            }
        }
    }

    private Request Plan(RankingRequest request)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(request.Count, nameof(RankingRequest.Count));
        CheckAllowed(request.Allowed);
        var repeats = RepeatValues(request.Repeats);
        var sharesFields = SharesFields(request.Row.Row);
        var query = NewQuery(QueryOf(request.Row.Row, out var constant));
        var pairs = Model.Crossing == Crossing.FieldAware ? Model.Space.FieldCount * Model.Space.FieldCount : 2 * Model.Space.FieldCount;
        var depth = (_items.Vectors.PartLength * _items.Vectors.Parts) + pairs + (2 * request.Row.Count) + (2 * _items.LongestRow) + 64;
        var bounds = BlockBounds.OfScores(query, depth, MathF.Abs(Model.Bias) + _items.Magnitude(request.Row.Row), _items.LargestFieldWeight);
        return new(query, constant, bounds, Math.Min(request.Count, Count), request.Allowed, repeats, request.Row, sharesFields);
    }

    private RequestScores ScoresOf(Request request) => new(_items.Scorer, ItemRows, Roles?.Repeat, request.Row, request.Repeats, request.SharesFields);

    private ItemQuery NewQuery(float[] vector) => new(vector, _items.Vectors.Parts, _items.Vectors.PartLength, _scan.HasBytes && !InFloats);

    /// <summary>q, and all of a score that the request has without an item.</summary>
    private float[] QueryOf(SparseRow request, out float constant)
    {
        var workspace = _items.Scorer.Rent();
        constant = workspace.Forward(request, Model.Weights, Model.FactorTable, out var linear, Model.FieldWeights) + linear + Model.Bias;
        var query = new float[_items.Vectors.Length];
        _items.Vectors.Query(workspace, query);
        _items.Scorer.Return(workspace);
        return query;
    }

    private void CheckAllowed(ItemSet? allowed)
    {
        if (allowed is not null && allowed.Length != Count)
        {
            throw new ArgumentException($"There are {Count} items, but the set is of {allowed.Length}.", nameof(allowed));
        }
    }

    private Dictionary<int, float>? RepeatValues(IReadOnlyList<RepeatedItem>? repeats)
    {
        if (Roles?.Repeat is null || repeats is null or { Count: 0 })
        {
            return null;
        }

        var values = new Dictionary<int, float>(repeats.Count);
        foreach (var (item, value) in repeats)
        {
            if ((uint)item >= (uint)Count || !float.IsFinite(value) || value < 0)
            {
                throw new ArgumentException($"Item row {item} of {Count} comes again with the value {value}.", nameof(repeats));
            }

            values[item] = value;
        }

        return values;
    }

    private SparseRow RepeatRow(int item, float value) => value > 0 && Roles?.Repeat is { } repeat ? repeat[item] : default;

    /// <summary>What coming again adds to an item's score.</summary>
    private float RepeatTerm(int item, float value)
    {
        var row = RepeatRow(item, value);
        var term = 0f;
        for (var e = 0; e < row.Length; e++)
        {
            term += Model.Weights[row.Columns[e]] * (value * row.ValueAt(e));
        }

        return term;
    }

    /// <summary>Entries of one field do not cross in a pooled model, so a request with fields of the items has no inner product of its own.</summary>
    private bool SharesFields(SparseRow request)
    {
        if (Model.Crossing == Crossing.Plain)
        {
            return false;
        }

        foreach (var column in request.Columns)
        {
            if (_items.HasField[Model.Space.ColumnFields[column]])
            {
                return true;
            }
        }

        return false;
    }

    private static void Check(FactorizationModel model, RowChunks itemRows, ItemRoles? roles)
    {
        if (itemRows.ColumnCount > model.Space.ColumnCount)
        {
            throw new ArgumentException(
                $"The items have columns up to {itemRows.ColumnCount - 1}; the model has {model.Space.ColumnCount}.",
                nameof(itemRows)
            );
        }

        roles?.Check(itemRows.Count);
        if (roles?.Repeat?.ColumnCount > model.Space.ColumnCount)
        {
            throw new ArgumentException($"The roles have columns up to {roles.Repeat.ColumnCount - 1}; the model has {model.Space.ColumnCount}.", nameof(roles));
        }
    }

    /// <summary>A request that is ready to be searched for.</summary>
    private sealed record Request(
        ItemQuery Query,
        float Constant,
        BlockBounds Bounds,
        int Count,
        ItemSet? Allowed,
        Dictionary<int, float>? Repeats,
        RowBuffer Row,
        bool SharesFields
    );
}
