using System.Runtime.CompilerServices;
using RecService.Engine.Data;
using RecService.Engine.Data.Histories;
using RecService.Engine.Kernels.Rows;
using RecService.Engine.Losses;
using RecService.Engine.Numerics;

namespace RecService.Engine.Training.Sequences;

/// <summary>Sequences as the kernels read them.</summary>
internal sealed class SequenceData
{
    private readonly int[] _requestFieldOf;
    private readonly float[]? _targets;
    private readonly float _usualTarget;
    private readonly float[] _repeatWeights;

    /// <param name="space">The columns.</param>
    /// <param name="set">The sequences.</param>
    /// <param name="history">How histories are pooled; null for none.</param>
    /// <param name="scale">The scale of the targets.</param>
    public SequenceData(FeatureSpace space, SequenceSet set, HistorySettings? history, TargetScale scale)
    {
        Set = set;
        Space = space;
        Settings = history ?? new();
        Items = new(space, set.Items);
        Users = new(space, set.Users);
        Contexts = set.Contexts is null ? null : new(space, set.Contexts);
        if (history is not null && set.Roles is { } roles)
        {
            History = new(space, roles.History.ToSparseRows());
            Recent = new(space, roles.Recent.ToSparseRows());
            Repeat = roles.Repeat is null ? null : new(space, roles.Repeat.ToSparseRows());
        }

        ItemFields = FieldsOf(set.Items);
        RequestFields =
        [
            .. new[] { set.Users, set.Contexts, HistoryRows, RecentRows }.SelectMany(rows => rows is null ? [] : FieldsOf(rows)).Distinct().Order(),
        ];
        if (ItemFields.Intersect(RequestFields).FirstOrDefault(-1) is >= 0 and var shared)
        {
            throw new ArgumentException($"Field '{space.Fields[shared]}' is one of items and of requests, too.", nameof(set));
        }

        HistoryField = FieldOf(HistoryRows);
        RecentField = FieldOf(RecentRows);
        if (HistoryField >= 0 && HistoryField == RecentField)
        {
            throw new ArgumentException("The long history and the recent one must be of different fields.", nameof(set));
        }

        (Omegas, _repeatWeights) = HistoryWeightsOf();
        _targets = set.Targets is null ? null : Array.ConvertAll(set.Targets, scale.Scaled);
        _usualTarget = scale.Scaled(1);

        _requestFieldOf = new int[space.FieldCount];
        Array.Fill(_requestFieldOf, -1);
        for (var field = 0; field < RequestFields.Length; field++)
        {
            _requestFieldOf[RequestFields[field]] = field;
        }
    }

    public SequenceSet Set { get; }

    /// <summary>The items that each user has as what is to be predicted.</summary>
    public RowSets Chosen => field ??= ChosenItems();

    public FeatureSpace Space { get; }

    public HistorySettings Settings { get; }

    public RoleRows Items { get; }

    public RoleRows Users { get; }

    public RoleRows? Contexts { get; }

    /// <summary>Items as part of the long history; null where there is none.</summary>
    public RoleRows? History { get; }

    public RoleRows? Recent { get; }

    public RoleRows? Repeat { get; }

    /// <summary>The fields that items have columns of.</summary>
    public int[] ItemFields { get; }

    /// <summary>The other fields.</summary>
    public int[] RequestFields { get; }

    /// <summary>Index of the field of the long history in <see cref="RequestFields"/>; −1 where there is none.</summary>
    public int HistoryField { get; }

    public int RecentField { get; }

    /// <summary>ω of each event: its weight times its saturation; 0 where it is not part of histories.</summary>
    public float[] Omegas { get; }

    /// <summary>What an event adds to the count of its item: its weight; where nothing comes again, it does not matter.</summary>
    public float RepeatWeightOf(int e) => Repeat is null ? 0 : _repeatWeights[e];

    /// <summary>What is to be predicted of an event, as the kernels take it.</summary>
    public float TargetOf(int e) => _targets is null ? _usualTarget : _targets[e];

    /// <summary>Index of a column's field in <see cref="RequestFields"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int RequestFieldOf(int column) => _requestFieldOf[Space.ColumnFields[column]];

    private SparseRows? HistoryRows => History is null ? null : Set.Roles!.History.ToSparseRows();

    private SparseRows? RecentRows => Recent is null ? null : Set.Roles!.Recent.ToSparseRows();

    /// <summary>How often each item is what is to be predicted.</summary>
    public double[] TargetCounts()
    {
        var counts = new double[Set.Items.Count];
        for (var e = 0; e < Set.Count; e++)
        {
            counts[Set.ItemOf[e]] += Set.WeightOf(e) > 0 ? 1 : 0;
        }

        return counts;
    }

    private (float[] Omegas, float[] Weights) HistoryWeightsOf()
    {
        var (omegas, weights) = (new float[Set.Count], new float[Repeat is null ? 0 : Set.Count]);
        if (History is null)
        {
            return (omegas, weights);
        }

        for (var sequence = 0; sequence < Set.SequenceCount; sequence++)
        {
            var (last, run) = (-1, 0);
            for (var e = Set.Starts[sequence]; e < Set.Starts[sequence + 1]; e++)
            {
                var item = Set.ItemOf[e];
                // What has no columns says nothing, and is as if it were not there.
                if (Set.HistoryWeightOf(e) is > 0 and var weight && (History.HasAny(item) || Recent!.HasAny(item)))
                {
                    run = item == last ? run + 1 : 1;
                    last = item;
                    omegas[e] = weight * HistorySettings.SaturationOf(run);
                    if (Repeat is not null)
                    {
                        weights[e] = weight;
                    }
                }
            }
        }

        return (omegas, weights);
    }

    private RowSets ChosenItems()
    {
        var (sequences, items) = (new List<int>(), new List<int>());
        for (var sequence = 0; sequence < Set.SequenceCount; sequence++)
        {
            for (var e = Set.Starts[sequence]; e < Set.Starts[sequence + 1]; e++)
            {
                if (Set.WeightOf(e) > 0 && Set.TargetOf(e) > 0)
                {
                    sequences.Add(sequence);
                    items.Add(Set.ItemOf[e]);
                }
            }
        }

        return RowSets.FromPairs(Set.SequenceCount, [.. sequences], [.. items]);
    }

    /// <exception cref="ArgumentException">The rows are not of one field.</exception>
    private int FieldOf(SparseRows? rows)
    {
        if (rows is null)
        {
            return -1;
        }

        return FieldsOf(rows) is [var field]
            ? Array.IndexOf(RequestFields, field)
            : throw new ArgumentException(
                "The columns of items as part of a history must be of one field, and those of the recent history of another."
            );
    }

    private int[] FieldsOf(SparseRows rows)
    {
        var fields = new bool[Space.FieldCount];
        foreach (var column in rows.Columns)
        {
            fields[Space.ColumnFields[column]] = true;
        }

        return [.. Enumerable.Range(0, fields.Length).Where(field => fields[field])];
    }
}

/// <summary>A block of rows with the places of their parameters. Where every row is one entry of value 1, there is no sum to make.</summary>
internal sealed unsafe class RoleRows
{
    private readonly SparseRows _rows;
    private readonly FeatureSpace _space;
    private readonly int[] _columns = [];
    private bool[]? _isOwn;
    private bool[]? _hasOwnAndShared;

    public RoleRows(FeatureSpace space, SparseRows rows)
    {
        _rows = rows;
        _space = space;
        IsSingle = rows is { Width: 1, Values.IsEmpty: true };
        if (IsSingle)
        {
            _columns = [.. rows.Columns];
        }

        for (var row = 0; row < rows.Count; row++)
        {
            MaximumEntries = Math.Max(MaximumEntries, rows[row].Length);
        }
    }

    /// <summary>Whether every row is one entry of value 1.</summary>
    public bool IsSingle { get; }

    public int MaximumEntries { get; }

    public int Count => _rows.Count;

    public SparseRow this[int row] => _rows[row];

    public bool HasAny(int row) => _rows[row].Length > 0;

    /// <summary>Whether a column is that of one row alone.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool IsOwn(int column) => (_isOwn ??= OwnColumns())[column];

    /// <summary>Whether a row has columns that no other has, and such that others have.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool HasOwnAndShared(int row) => (_hasOwnAndShared ??= RowsWithOwnAndShared())[row];

    /// <summary>The only column of a row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int ColumnOf(int row) => _columns[row];

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int FactorOf(int column) => _space.ColumnFactors.IsEmpty ? column : _space.ColumnFactors[column];

    /// <summary>The sum of a row's latent vectors: where it stands, or put together in <paramref name="scratch"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public float* Pooled<TVector, TLanes>(int row, in ParameterTables tables, float* scratch)
        where TLanes : ILanes<TVector> =>
        IsSingle ? tables.Factors + ((nuint)FactorOf(ColumnOf(row)) * tables.FactorBlock) : Sum<TVector, TLanes>(row, tables, scratch);

    /// <summary>Has the latent vectors of a row fetched, which are needed soon.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Fetch(int row, in ParameterTables tables)
    {
        if (IsSingle)
        {
            Cache.Prefetch(tables.Factors + ((nuint)FactorOf(ColumnOf(row)) * tables.FactorBlock), (nuint)tables.Stride);
        }
        else
        {
            FetchAll(row, tables);
        }
    }

    /// <summary>Passes x · <paramref name="gradient"/> back to a row's latent vectors.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Back<TVector, TLanes>(int row, GradientSums sums, float* gradient, float x, int stride)
        where TLanes : ILanes<TVector>
    {
        if (IsSingle)
        {
            var only = ColumnOf(row);
            Vectors<TVector, TLanes>.Add(sums.Of(FactorOf(only), only), gradient, x, stride);
            return;
        }

        var entries = _rows[row];
        for (var e = 0; e < entries.Length; e++)
        {
            var column = entries.Columns[e];
            Vectors<TVector, TLanes>.Add(sums.Of(FactorOf(column), column), gradient, x * entries.ValueAt(e), stride);
        }
    }

    /// <summary>Σ w x.</summary>
    public float Linear(int row, in ParameterTables tables)
    {
        if (IsSingle)
        {
            return tables.Weights[(nuint)ColumnOf(row) * tables.WeightBlock];
        }

        var entries = _rows[row];
        var linear = 0f;
        for (var e = 0; e < entries.Length; e++)
        {
            linear += tables.Weights[(nuint)entries.Columns[e] * tables.WeightBlock] * entries.ValueAt(e);
        }

        return linear;
    }

    /// <summary>Passes a slope back to a row's weights.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void BackLinear(int row, GradientSums sums, float slope)
    {
        if (IsSingle)
        {
            sums.AddWeight(ColumnOf(row), slope);
            return;
        }

        var entries = _rows[row];
        for (var e = 0; e < entries.Length; e++)
        {
            sums.AddWeight(entries.Columns[e], slope * entries.ValueAt(e));
        }
    }

    private bool[] RowsWithOwnAndShared()
    {
        var has = new bool[_rows.Count];
        for (var row = 0; row < has.Length; row++)
        {
            var own = 0;
            foreach (var column in _rows[row].Columns)
            {
                own += IsOwn(column) ? 1 : 0;
            }

            has[row] = own > 0 && own < _rows[row].Length;
        }

        return has;
    }

    private bool[] OwnColumns()
    {
        var counts = new int[_space.ColumnCount];
        foreach (var column in _rows.Columns)
        {
            counts[column]++;
        }

        return [.. counts.Select(count => count == 1)];
    }

    private void FetchAll(int row, in ParameterTables tables)
    {
        foreach (var column in _rows[row].Columns)
        {
            Cache.Prefetch(tables.Factors + ((nuint)FactorOf(column) * tables.FactorBlock), (nuint)tables.Stride);
        }
    }

    private float* Sum<TVector, TLanes>(int row, in ParameterTables tables, float* scratch)
        where TLanes : ILanes<TVector>
    {
        var entries = _rows[row];
        Vectors<TVector, TLanes>.Clear(scratch, tables.Stride);
        for (var e = 0; e < entries.Length; e++)
        {
            Vectors<TVector, TLanes>.Add(
                scratch,
                tables.Factors + ((nuint)FactorOf(entries.Columns[e]) * tables.FactorBlock),
                entries.ValueAt(e),
                tables.Stride
            );
        }

        return scratch;
    }
}
