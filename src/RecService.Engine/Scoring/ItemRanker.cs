using RecService.Engine.Data;
using RecService.Engine.Data.Histories;
using RecService.Engine.Model;
using RecService.Engine.Numerics;

namespace RecService.Engine.Scoring;

/// <summary>An item and its score, or its similarity.</summary>
/// <param name="Item">Row of the item.</param>
/// <param name="Score">Score of the joined row, or cosine.</param>
public readonly record struct RankedItem(int Item, float Score);

/// <summary>
/// Ranks a catalogue for requests by one inner product an item. With z the summed vectors of an item's columns, c its linear terms and the pairs
/// among its own
/// columns, and q the summed vectors of a request's columns, score = const + c + ⟨q, z⟩. Thread-safe.
/// </summary>
/// <remarks>
/// In a field-weighted model z is the pooled vectors of the fields that items have, one after the other, and q, for each of these fields t, Σ_f r_ft
/// p_f over the
/// request's fields f. Memory: items × Stride floats, times the number of fields that items have in a field-weighted model.
/// </remarks>
public sealed class ItemRanker
{
    /// <summary>Half the distance from 1 to the next float.</summary>
    private const float UnitRoundoff = 5.9604645e-8f;

    private readonly FactorizationKernel _kernel;
    private readonly Scorer _scorer;
    private readonly ItemVectors _vectors;
    private readonly ItemChunk[] _chunks;
    private readonly float[] _columnNorms;
    private readonly bool[] _itemFields;
    private readonly float _largestFieldWeight = 1;

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
        Model = model;
        ItemRows = itemRows;
        Roles = roles;
        Order = order ?? Comparer<int>.Default;
        _kernel = kernel ?? FactorizationKernel.Default;
        _scorer = new(model, _kernel);
        _itemFields = new bool[model.Space.FieldCount];
        for (var item = 0; item < itemRows.Count; item++)
        {
            AddFields(itemRows[item], _itemFields);
        }

        _vectors = new(model, [.. Enumerable.Range(0, _itemFields.Length).Where(field => _itemFields[field])], _kernel);
        _chunks = new ItemChunk[RowChanges.ChunksOf(itemRows.Count)];
        _columnNorms = [.. Enumerable.Range(0, model.Space.ColumnCount).Select(ColumnNorm)];
        foreach (var weight in model.FieldWeights)
        {
            _largestFieldWeight = Math.Max(_largestFieldWeight, Math.Abs(weight));
        }

        for (var chunk = 0; chunk < _chunks.Length; chunk++)
        {
            _chunks[chunk] = new(CountOf(chunk), _vectors.Length);
        }

        Compute(Enumerable.Range(0, itemRows.Count));
    }

    private ItemRanker(ItemRanker former, RowChanges changes, RowChunks itemRows, bool[] itemFields, ItemRoles? roles, IComparer<int> order)
    {
        Model = former.Model;
        ItemRows = itemRows;
        Roles = roles;
        Order = order;
        _kernel = former._kernel;
        _scorer = former._scorer;
        _vectors = former._vectors;
        _columnNorms = former._columnNorms;
        _largestFieldWeight = former._largestFieldWeight;
        _itemFields = itemFields;
        _chunks = new ItemChunk[changes.ChunkCount];
        former._chunks.CopyTo(_chunks, 0);
        foreach (var chunk in changes.Chunks)
        {
            _chunks[chunk] = chunk < former._chunks.Length ? new(former._chunks[chunk], CountOf(chunk)) : new(CountOf(chunk), _vectors.Length);
        }

        Compute(changes.Rows.Select(row => row.Row));
        GC.KeepAlive(former);
    }

    /// <summary>The model.</summary>
    public FactorizationModel Model { get; }

    /// <summary>The columns of each item.</summary>
    public RowChunks ItemRows { get; }

    /// <summary>The columns of each item as part of a history; null when there are none.</summary>
    public ItemRoles? Roles { get; }

    /// <summary>The order of items with equal scores.</summary>
    public IComparer<int> Order { get; }

    /// <summary>Number of items.</summary>
    public int Count => ItemRows.Count;

    /// <summary>
    /// z of an item: k floats; in a field-weighted model k floats for each field that items have, in the order of the fields,
    /// <see cref="FactorizationModel.Stride"/>
    /// floats from one to the next.
    /// </summary>
    public ReadOnlySpan<float> Vector(int item) => VectorOf(item)[..Math.Max(0, _vectors.Length - Model.Stride + Model.Factors)];

    /// <summary>
    /// A ranker of these items with others in the places of some, or behind them, at the cost of those and of copying the chunks of 1,024 that they lie in. All
    /// else is shared; this one stays as it is. Where an item is the first with a column of a field, a field-weighted model has everything computed anew.
    /// </summary>
    /// <param name="items">Which items are replaced; those that are added in order, the first of them <see cref="Count"/>. Of one named twice, the last counts.</param>
    /// <param name="rows">The columns of each.</param>
    /// <param name="roles">Their columns as part of a history; needed where this ranker has roles.</param>
    /// <param name="order">The order of items with equal scores; that of this ranker when absent.</param>
    /// <exception cref="ArgumentException">
    /// A place is neither an item nor the next one, there is not a row for each, rows have columns outside the model's space, or there are roles of some items but
    /// not of all.
    /// </exception>
    public ItemRanker With(IReadOnlyList<int> items, SparseRows rows, ItemRoles? roles = null, IComparer<int>? order = null)
    {
        ArgumentNullException.ThrowIfNull(rows);
        if (roles is null != Roles is null)
        {
            throw new ArgumentException("There must be roles of all items or of none.", nameof(roles));
        }

        Check(Model, rows, roles);
        var changes = new RowChanges(items, Count, rows.Count);
        var changedRows = ItemRows.With(items, rows);
        var changedRoles = Roles?.With(items, roles!);
        var fields = _itemFields.ToArray();
        for (var row = 0; row < rows.Count; row++)
        {
            AddFields(rows[row], fields);
        }

        return Model.Crossing == Crossing.FieldWeighted && !fields.AsSpan().SequenceEqual(_itemFields)
            ? new(Model, changedRows, _kernel, changedRoles, order ?? Order)
            : new(this, changes, changedRows, fields, changedRoles, order ?? Order);
    }

    /// <summary>The score of a request's columns joined with an item's: what <see cref="Scorer.Score(SparseRow)"/> says of the same row.</summary>
    public float Score(SparseRow request, int item) => _scorer.Score(Join(request, item, 0));

    /// <summary>The columns of a request, of an item, and of its coming again, where the request's history has it.</summary>
    /// <param name="request">The request's columns.</param>
    /// <param name="item">The item.</param>
    /// <param name="repeatValue">Its <see cref="RepeatedItem.Value"/>; 0 where it does not come again.</param>
    public SparseRow Join(SparseRow request, int item, float repeatValue)
    {
        var joined = new RowBuffer();
        joined.Append(request);
        joined.Append(ItemRows[item]);
        var repeat = RepeatRow(item, repeatValue);
        for (var e = 0; e < repeat.Length; e++)
        {
            joined.Add(repeat.Columns[e], repeatValue * repeat.ValueAt(e));
        }

        return joined.Row;
    }

    /// <summary>
    /// The items with the highest scores, by score and then by item. Exact: the inner products only choose candidates, with a bound on their
    /// rounding;
    /// order and scores are those of <see cref="Score"/>.
    /// </summary>
    /// <param name="request">The request's columns.</param>
    /// <param name="count">How many items at most.</param>
    /// <param name="excluded">For each item whether it is left out; empty when none is.</param>
    /// <param name="repeats">
    /// The items of the request's history (<see cref="PooledHistory.Repeats"/>), by item: they are scored as <see cref="Join"/> has them.
    /// </param>
    /// <exception cref="ArgumentException">There are exclusions, but not one for each item, or a repeated item is out of range.</exception>
    public RankedItem[] Top(SparseRow request, int count, ReadOnlySpan<bool> excluded = default, IReadOnlyList<RepeatedItem>? repeats = null)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        CheckExclusions(excluded);
        var repeatValues = RepeatValues(repeats);
        if (count == 0)
        {
            return [];
        }

        var shares = SharesFields(request);
        var candidates = shares ? Everything(excluded) : Candidates(request, count, excluded, repeatValues);
        var ranked = new RankedItem[candidates.Count];
        var workspace = _scorer.Rent();
        if (!shares)
        {
            workspace.Begin(request, Model.Weights, Model.FactorTable);
        }

        for (var i = 0; i < ranked.Length; i++)
        {
            var (item, value) = (candidates[i], repeatValues.GetValueOrDefault(candidates[i]));
            float linear;
            var cross = shares
                ? workspace.Forward(Join(request, item, value), Model.Weights, Model.FactorTable, out linear, Model.FieldWeights)
                : workspace.Join(ItemRows[item], RepeatRow(item, value), value, Model.Weights, Model.FactorTable, out linear, Model.FieldWeights);
            ranked[i] = new(item, Model.Bias + linear + cross);
        }

        _scorer.Return(workspace);

        Array.Sort(ranked, (a, b) => b.Score.CompareTo(a.Score) is var order && order != 0 ? order : Order.Compare(a.Item, b.Item));
        return ranked.Length <= count ? ranked : ranked[..count];
    }

    /// <summary>
    /// The score of every item for a request by inner products: within rounding of <see cref="Score"/>, for measuring whole rankings.
    /// </summary>
    /// <param name="request">The request's columns.</param>
    /// <param name="scores">Receives one score for each item.</param>
    /// <param name="repeats">The items of the request's history, as for <see cref="Top"/>.</param>
    public void ScoreAll(SparseRow request, Span<float> scores, IReadOnlyList<RepeatedItem>? repeats = null)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(scores.Length, Count);
        var repeatValues = RepeatValues(repeats);
        if (SharesFields(request))
        {
            for (var item = 0; item < Count; item++)
            {
                scores[item] = _scorer.Score(Join(request, item, repeatValues.GetValueOrDefault(item)));
            }

            return;
        }

        var query = Query(request, out var constant);
        for (var item = 0; item < Count; item++)
        {
            scores[item] = constant + ConstantOf(item) + _kernel.Dot(query, VectorOf(item));
        }

        foreach (var (item, value) in repeatValues)
        {
            scores[item] += RepeatTerm(item, value);
        }
    }

    /// <summary>The items whose z points in a direction most like an item's, itself left out; by cosine and then by item.</summary>
    /// <remarks>
    /// In a field-weighted model the cosine is that between what items add to the scores of requests by crossing: z in the metric Σ_f s_f² r_tf r_uf
    /// of the items' fields
    /// t and u, over the fields f that items have not, with s_f² the mean ‖v‖² of the columns of f. With r = 1 it is the cosine of a field-pooled
    /// model.
    /// </remarks>
    /// <param name="item">The item.</param>
    /// <param name="count">How many items at most.</param>
    /// <param name="excluded">For each item whether it is left out; empty when none is.</param>
    /// <exception cref="ArgumentException">There are exclusions, but not one for each item.</exception>
    public RankedItem[] Similar(int item, int count, ReadOnlySpan<bool> excluded = default)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        CheckExclusions(excluded);
        var best = new PriorityQueue<int, (float Cosine, int Item)>(new BestLast(Order));
        var query = new float[_vectors.Length];
        _vectors.LikenessQuery(VectorOf(item), query);
        for (var other = 0; other < Count; other++)
        {
            if (other == item || count == 0 || (!excluded.IsEmpty && excluded[other]))
            {
                continue;
            }

            var norms = NormOf(item) * NormOf(other);
            var cosine = norms > 0 ? Math.Clamp(_kernel.Dot(query, VectorOf(other)) / norms, -1, 1) : 0;
            if (best.Count < count)
            {
                best.Enqueue(other, (cosine, other));
            }
            else
            {
                best.EnqueueDequeue(other, (cosine, other));
            }
        }

        var similar = new RankedItem[best.Count];
        for (var rank = similar.Length - 1; rank >= 0; rank--)
        {
            best.TryDequeue(out var other, out var priority);
            similar[rank] = new(other, priority.Cosine);
        }

        return similar;
    }

    private Dictionary<int, float> RepeatValues(IReadOnlyList<RepeatedItem>? repeats)
    {
        var values = new Dictionary<int, float>();
        foreach (var (item, value) in Roles?.Repeat is null ? [] : repeats ?? [])
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

    private void CheckExclusions(ReadOnlySpan<bool> excluded)
    {
        if (!excluded.IsEmpty && excluded.Length != Count)
        {
            throw new ArgumentException($"There are {Count} items but {excluded.Length} exclusions.", nameof(excluded));
        }
    }

    /// <summary>
    /// All items that can be among the first <paramref name="count"/>: those whose highest possible score is not below the count-th of the lowest
    /// possible scores.
    /// </summary>
    private List<int> Candidates(SparseRow request, int count, ReadOnlySpan<bool> excluded, Dictionary<int, float> repeatValues)
    {
        var query = Query(request, out var constant);
        var magnitude = MathF.Abs(Model.Bias) + Magnitude(request);
        var depth = (Model.Factors * _vectors.Parts) + (2 * Model.Space.FieldCount) + (2 * request.Length) + 64;
        var highest = new float[Count];
        var lowest = new PriorityQueue<int, float>();
        for (var item = 0; item < Count; item++)
        {
            if (!excluded.IsEmpty && excluded[item])
            {
                continue;
            }

            var score = constant + ConstantOf(item) + _kernel.Dot(query, VectorOf(item));
            // Both ways of adding up do at most `depth` roundings one after the other on numbers within the bound.
            var joined = magnitude + MagnitudeOf(item);
            if (repeatValues.Count > 0 && repeatValues.TryGetValue(item, out var repeatValue))
            {
                score += RepeatTerm(item, repeatValue);
                joined += repeatValue * Magnitude(RepeatRow(item, repeatValue));
            }

            var tolerance = 2 * (depth + (2 * ItemRows[item].Length)) * UnitRoundoff * joined * (1 + (_largestFieldWeight * joined));
            highest[item] = score + tolerance;
            if (lowest.Count < count)
            {
                lowest.Enqueue(item, score - tolerance);
            }
            else
            {
                lowest.EnqueueDequeue(item, score - tolerance);
            }
        }

        if (!lowest.TryPeek(out _, out var cut))
        {
            return [];
        }

        var candidates = new List<int>();
        for (var item = 0; item < Count; item++)
        {
            // Written so that a score that is no number stays a candidate.
            if ((excluded.IsEmpty || !excluded[item]) && !(highest[item] < cut))
            {
                candidates.Add(item);
            }
        }

        return candidates;
    }

    /// <summary>q, and all of a score that the request has without an item.</summary>
    private float[] Query(SparseRow request, out float constant)
    {
        var workspace = _scorer.Rent();
        constant = workspace.Forward(request, Model.Weights, Model.FactorTable, out var linear, Model.FieldWeights) + linear + Model.Bias;
        var query = new float[_vectors.Length];
        _vectors.Query(workspace, query);
        _scorer.Return(workspace);
        return query;
    }

    private List<int> Everything(ReadOnlySpan<bool> excluded)
    {
        var items = new List<int>(Count);
        for (var item = 0; item < Count; item++)
        {
            if (excluded.IsEmpty || !excluded[item])
            {
                items.Add(item);
            }
        }

        return items;
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
            if (_itemFields[Model.Space.ColumnFields[column]])
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

    private void AddFields(SparseRow row, bool[] fields)
    {
        foreach (var column in row.Columns)
        {
            fields[Model.Space.ColumnFields[column]] = true;
        }
    }

    /// <summary>Number of items in a chunk.</summary>
    private int CountOf(int chunk) => Math.Min(RowChanges.ChunkSize, Count - (chunk << RowChanges.ChunkShift));

    /// <summary>Computes what the chunks hold of some items.</summary>
    private unsafe void Compute(IEnumerable<int> items)
    {
        var query = new float[_vectors.Length];
        var workspace = _scorer.Rent();
        foreach (var item in items)
        {
            var (chunk, at) = (_chunks[item >> RowChanges.ChunkShift], item & (RowChanges.ChunkSize - 1));
            chunk.Constants[at] = workspace.Forward(ItemRows[item], Model.Weights, Model.FactorTable, out var linear, Model.FieldWeights) + linear;
            var vector = chunk.Vector(at);
            _vectors.Take(workspace, vector);
            _vectors.LikenessQuery(vector, query);
            chunk.Norms[at] = MathF.Sqrt(Math.Max(0, _kernel.Dot(query, vector)));
            chunk.Magnitudes[at] = Magnitude(ItemRows[item]);
        }

        _scorer.Return(workspace);
        GC.KeepAlive(_chunks);
    }

    private ReadOnlySpan<float> VectorOf(int item)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)item, (uint)Count, nameof(item));
        return _chunks[item >> RowChanges.ChunkShift].Vector(item & (RowChanges.ChunkSize - 1));
    }

    private unsafe float ConstantOf(int item) => _chunks[item >> RowChanges.ChunkShift].Constants[item & (RowChanges.ChunkSize - 1)];

    private unsafe float NormOf(int item) => _chunks[item >> RowChanges.ChunkShift].Norms[item & (RowChanges.ChunkSize - 1)];

    private unsafe float MagnitudeOf(int item) => _chunks[item >> RowChanges.ChunkShift].Magnitudes[item & (RowChanges.ChunkSize - 1)];

    private float ColumnNorm(int column)
    {
        var squares = 0.0;
        foreach (var factor in Model.FactorsOf(column))
        {
            squares += (double)factor * factor;
        }

        return (float)Math.Sqrt(squares);
    }

    /// <summary>What bounds every intermediate result of a row: Σ |x_i| (|w_i| + ‖v_i‖).</summary>
    private float Magnitude(SparseRow row)
    {
        var magnitude = 0f;
        for (var e = 0; e < row.Length; e++)
        {
            magnitude += MathF.Abs(row.ValueAt(e)) * (MathF.Abs(Model.Weights[row.Columns[e]]) + _columnNorms[row.Columns[e]]);
        }

        return magnitude;
    }

    /// <summary>Lower cosines first, and of equal ones the later item first: what a bounded queue lets go.</summary>
    private sealed class BestLast(IComparer<int> order) : IComparer<(float Cosine, int Item)>
    {
        public int Compare((float Cosine, int Item) x, (float Cosine, int Item) y) =>
            x.Cosine.CompareTo(y.Cosine) is var byCosine && byCosine != 0 ? byCosine : order.Compare(y.Item, x.Item);
    }
}
