using System.Runtime.CompilerServices;
using RecService.Engine.Kernels.Rows;
using RecService.Engine.Model;
using RecService.Engine.Numerics;

namespace RecService.Engine.Training.Sequences;

/// <summary>How what is to be predicted comes out among all items, less those of the user's history.</summary>
/// <param name="HitRate">Share of the rows whose item is among the first ten.</param>
/// <param name="Ndcg">Mean of 1/log2(1 + rank) of those, 0 for others.</param>
public readonly record struct HoldoutRanking(double HitRate, double Ndcg);

/// <summary>Measures how models in the making rank what is to be predicted among all items.</summary>
internal abstract class HoldoutMeasure : IDisposable
{
    /// <summary>Lists are measured up to this rank.</summary>
    public const int Cutoff = 10;

    /// <summary>Rows measured at most.</summary>
    public const int MostRows = 10_000;

    public abstract (double Loss, HoldoutRanking Ranking) Measure(in ParameterTables tables, CancellationToken cancellationToken);

    public abstract void Dispose();
}

/// <inheritdoc/>
internal sealed unsafe class HoldoutMeasure<TVector, TLanes> : HoldoutMeasure
    where TLanes : ILanes<TVector>
{
    private readonly SequenceData _data;
    private readonly SequencePlan _plan;
    private readonly bool _excludesSeen;
    private readonly RequestRows<TVector, TLanes> _requests;
    private readonly ItemBlock<TVector, TLanes> _items;
    private readonly NativeArray<float> _queries;
    private readonly NativeArray<float> _scores;
    private readonly HashSet<int> _seen = [];

    public HoldoutMeasure(SequenceData data, TrainingSettings settings, int stride, bool excludesSeen)
    {
        var weighted = settings.Interaction == FeatureInteraction.FieldWeighted;
        _data = data;
        _excludesSeen = excludesSeen;
        _plan = new(data.Set, data.Settings.Length, 256);
        _plan.Deal(random: null);
        _requests = new(data, weighted, stride, _plan.MostRows, learns: false);
        _items = new(data, weighted, stride, data.Items.Count);
        for (var item = 0; item < data.Items.Count; item++)
        {
            _items.Add(item);
        }

        _queries = new((nuint)(_plan.MostRows * _requests.Length));
        _scores = new((nuint)(data.Items.Count + 1));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override (double Loss, HoldoutRanking Ranking) Measure(in ParameterTables tables, CancellationToken cancellationToken)
    {
        _items.Forward(tables);
        var (losses, weights, hits, gains, measured) = (0.0, 0.0, 0.0, 0.0, 0);
        for (var batch = 0; batch < _plan.Count && measured < MostRows; batch++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var rows = _requests.Pool(_plan[batch], tables);
            _requests.Query(0, rows, tables, _queries.Pointer);
            var row = 0;
            foreach (var segment in _plan[batch])
            {
                for (var r = 0; r < segment.Rows; r++, row++, measured++)
                {
                    var e = _requests.EventOf(row);
                    var (loss, rank) = Rank(segment.Sequence, e, _queries.Pointer + ((nint)row * _requests.Length));
                    var weight = _data.Set.WeightOf(e);
                    (losses, weights) = (losses + (weight * loss), weights + weight);
                    (hits, gains) = (hits + (rank <= Cutoff ? 1 : 0), gains + (rank <= Cutoff ? 1 / Math.Log2(1 + rank) : 0));
                }
            }
        }

        return (losses / weights, new(hits / measured, gains / measured));
    }

    public override void Dispose()
    {
        _requests.Dispose();
        _items.Dispose();
        _queries.Dispose();
        _scores.Dispose();
    }

    private (double Loss, int Rank) Rank(int sequence, int e, float* query)
    {
        var scores = _scores.Pointer;
        var items = _items.Count;
        var target = _data.Set.ItemOf[e];
        var most = float.NegativeInfinity;
        for (var item = 0; item < items; item++)
        {
            scores[item] = _items.Constants[item] + Vectors<TVector, TLanes>.Dot(query, _items.Vectors + ((nint)item * _items.Length), _items.Length);
            most = Math.Max(most, scores[item]);
        }

        var (own, sum) = (scores[target], 0.0);
        var power = TLanes.Zero;
        var at = 0;
        for (; at + TLanes.Width <= items; at += TLanes.Width)
        {
            power = TLanes.Add(power, TLanes.Exp(TLanes.Subtract(TLanes.Load(scores + at), TLanes.Of(most))));
        }

        sum += TLanes.Sum(power);
        for (; at < items; at++)
        {
            sum += Math.Exp(scores[at] - most);
        }

        _seen.Clear();
        for (var earlier = _data.Set.Starts[sequence]; earlier < e && _excludesSeen; earlier++)
        {
            if (_data.Set.HistoryWeightOf(earlier) > 0)
            {
                _seen.Add(_data.Set.ItemOf[earlier]);
            }
        }

        // Of equal scores, the target comes last.
        var rank = 0;
        for (var item = 0; item < items; item++)
        {
            rank += scores[item] >= own ? 1 : 0;
        }

        foreach (var item in _seen)
        {
            rank -= item != target && scores[item] >= own ? 1 : 0;
        }

        return (Math.Log(sum) + most - own, rank);
    }
}
