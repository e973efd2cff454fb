using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using RecService.Engine.Data.Histories;
using RecService.Engine.Kernels.Rows;
using RecService.Engine.Losses;
using RecService.Engine.Model;
using RecService.Engine.Numerics;

namespace RecService.Engine.Training.Sequences;

/// <summary>How what is to be predicted comes out among all items, less those of the user's history.</summary>
/// <param name="HitRate">Share of the rows whose item is among the first ten.</param>
/// <param name="Ndcg">Mean of 1/log2(1 + rank) of those, 0 for others.</param>
/// <param name="FullNdcg">Mean of 1/log2(1 + rank) of all rows, whatever the rank: from few rows a steadier figure.</param>
public readonly record struct HoldoutRanking(double HitRate, double Ndcg, double FullNdcg);

/// <summary>Measures models in the making by what they predict of a holdout.</summary>
internal abstract class HoldoutMeasure : IDisposable
{
    /// <summary>The mean loss, in units of the targets, and the ranking.</summary>
    public abstract (double Loss, HoldoutRanking Ranking) Measure(in ParameterTables tables, CancellationToken cancellationToken);

    public abstract void Dispose();
}

/// <inheritdoc/>
internal sealed unsafe class HoldoutMeasure<TVector, TLanes> : HoldoutMeasure
    where TLanes : ILanes<TVector>
{
    /// <summary>Lists are measured up to this rank.</summary>
    private const int Cutoff = 10;

    /// <summary>Rows measured at most, and rows times items.</summary>
    private const int MostRows = 10_000;

    private const long MostScores = 500_000_000;

    private const int LeastRows = 500;

    /// <summary>Items scored together.</summary>
    private const int ChunkItems = 1024;

    private const int ChunkRows = 32;

    private readonly SequenceData _data;
    private readonly BlockLoss _loss;
    private readonly TargetScale _scale;
    private readonly SequencePlan _plan;
    private readonly bool _excludesSeen;
    private readonly float _negativeWeight;
    private readonly int _rows;
    private readonly RequestRows<TVector, TLanes> _requests;
    private readonly ItemBlock<TVector, TLanes> _items;
    private readonly NativeArray<float> _queries;
    private readonly NativeArray<float> _transposed;
    private readonly NativeArray<float> _scores;
    private readonly RowOutcome[] _outcomes;
    private readonly Dictionary<int, double> _counts = [];
    private readonly List<(int Item, float Term)> _apart = [];

    public HoldoutMeasure(SequenceData data, TrainingSettings settings, TargetScale scale, float negativeWeight, int stride, bool excludesSeen)
    {
        var weighted = settings.Crossing == Crossing.FieldWeighted;
        _data = data;
        _loss = settings.Loss.Function().OfBlocks;
        _scale = scale;
        _negativeWeight = negativeWeight;
        _excludesSeen = excludesSeen;
        _plan = new(data.Set, data.Settings.Length, 4 * SequencePlan.BlockRows);
        _plan.Deal(random: null);
        _rows = (int)Math.Min(_plan.Rows, Math.Clamp(MostScores / Math.Max(1, data.Items.Count), LeastRows, MostRows));
        _requests = new(data, weighted, _loss.Traits.HasConstants, stride, _plan.MostRows);
        _items = new(data, weighted, stride, data.Items.Count);
        for (var item = 0; item < data.Items.Count; item++)
        {
            _items.Add(item);
        }

        _queries = new((nuint)(_rows + _plan.MostRows) * (nuint)_requests.Length);
        _transposed = new((nuint)(ChunkItems * _requests.Length));
        _scores = new(ChunkItems * ChunkRows);
        _outcomes = new RowOutcome[_rows + _plan.MostRows];
    }

    public override (double Loss, HoldoutRanking Ranking) Measure(in ParameterTables tables, CancellationToken cancellationToken)
    {
        _items.Forward(tables);
        var rows = TakeRows(tables, cancellationToken);
        for (var first = 0; first < _items.Count; first += ChunkItems)
        {
            cancellationToken.ThrowIfCancellationRequested();
            ScoreChunk(first, Math.Min(ChunkItems, _items.Count - first), rows);
        }

        var (losses, weights, hits, gains, all) = (0.0, 0.0, 0.0, 0.0, 0.0);
        foreach (ref var outcome in _outcomes.AsSpan(0, rows))
        {
            weights += outcome.Weight;
            losses += outcome.Weight * LossOf(outcome);
            var gain = 1 / Math.Log2(1 + outcome.Rank);
            all += gain;
            hits += outcome.Rank <= Cutoff ? 1 : 0;
            gains += outcome.Rank <= Cutoff ? gain : 0;
        }

        return (_scale.LossOf(losses / weights), new(hits / rows, gains / rows, all / rows));
    }

    public override void Dispose()
    {
        _requests.Dispose();
        _items.Dispose();
        _queries.Dispose();
        _transposed.Dispose();
        _scores.Dispose();
    }

    /// <summary>q and the target's score of each row, and what is not as it is for all: the items of its history.</summary>
    private int TakeRows(in ParameterTables tables, CancellationToken cancellationToken)
    {
        var rows = 0;
        _apart.Clear();
        for (var batch = 0; batch < _plan.Count && rows < _rows; batch++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var count = _requests.Pool(_plan[batch], tables);
            _requests.Query(0, count, tables, QueryOf(rows));
            for (var row = 0; row < count; row++)
            {
                Begin(ref _outcomes[rows + row], row, _plan[batch][_requests.SegmentOf(row)].Sequence, QueryOf(rows + row), tables);
            }

            rows += count;
        }

        return rows;
    }

    private void Begin(ref RowOutcome outcome, int row, int sequence, float* query, in ParameterTables tables)
    {
        var set = _data.Set;
        var e = _requests.EventOf(row);
        var target = set.ItemOf[e];
        TakeCounts(row, sequence, e);
        outcome = new()
        {
            Weight = set.WeightOf(e),
            Value = _data.TargetOf(e),
            Constant = _loss.Traits.HasConstants ? _requests.ConstantOf(row, tables) : 0,
            Own = Score(target, query) + TermOf(target, tables),
            Target = target,
            Rank = 1,
            Powers = 1,
        };
        var first = _apart.Count;
        _counts.TryAdd(target, 0);
        foreach (var item in _counts.Keys)
        {
            _apart.Add((item, TermOf(item, tables)));
        }

        (outcome.NextApart, outcome.EndApart) = (first, _apart.Count);
        CollectionsMarshal.AsSpan(_apart)[first..].Sort();
    }

    /// <summary>Counts of the items of a row's history.</summary>
    private void TakeCounts(int row, int sequence, int e)
    {
        _counts.Clear();
        if (_data.History is not null)
        {
            var (window, place) = _requests.WindowOf(row);
            var ((from, to), own) = (window.RangeOf(place), window.OwnOf(place));
            for (var p = from; p < to; p++)
            {
                if (p != own)
                {
                    _counts[window.ItemAt(p)] = _counts.GetValueOrDefault(window.ItemAt(p)) + window.WeightAt(p);
                }
            }
        }

        for (var earlier = _data.Set.Starts[sequence]; earlier < e && _excludesSeen; earlier++)
        {
            if (_data.Set.HistoryWeightOf(earlier) > 0)
            {
                _counts.TryAdd(_data.Set.ItemOf[earlier], 0);
            }
        }
    }

    private float TermOf(int item, in ParameterTables tables) =>
        _data.Repeat is { } repeat && _counts.TryGetValue(item, out var count)
            ? repeat.Linear(item, tables) * HistorySettings.RepeatValueOf(count)
            : 0;

    private float Score(int item, float* query) =>
        _items.Constants[item] + Vectors<TVector, TLanes>.Dot(query, _items.Vectors + ((nint)item * _items.Length), _items.Length);

    private float* QueryOf(int row) => _queries.Pointer + ((nint)row * _requests.Length);

    /// <summary>Scores some items for all rows, and adds up what they come to.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void ScoreChunk(int first, int count, int rows)
    {
        var (length, padded) = (_requests.Length, (count + TLanes.Width - 1) / TLanes.Width * TLanes.Width);
        for (var d = 0; d < length; d++)
        {
            for (var item = 0; item < padded; item++)
            {
                _transposed.Pointer[(d * padded) + item] = item < count ? _items.Vectors[((nint)(first + item) * length) + d] : 0;
            }
        }

        for (var from = 0; from < rows; from += ChunkRows)
        {
            var some = Math.Min(ChunkRows, rows - from);
            Matrices<TVector, TLanes>.Multiply(
                some,
                padded,
                length,
                QueryOf(from),
                length,
                1,
                _transposed.Pointer,
                padded,
                _scores.Pointer,
                padded,
                add: false
            );
            for (var row = 0; row < some; row++)
            {
                Add(ref _outcomes[from + row], _scores.Pointer + (row * padded), first, count);
            }
        }
    }

    private void Add(ref RowOutcome outcome, float* scores, int first, int count)
    {
        var (own, rank) = (outcome.Own, 0);
        for (var item = 0; item < count; item++)
        {
            scores[item] += _items.Constants[first + item];
            rank += scores[item] >= own ? 1 : 0;
        }

        outcome.Rank += rank;
        for (; outcome.NextApart < outcome.EndApart && _apart[outcome.NextApart].Item < first + count; outcome.NextApart++)
        {
            AddApart(ref outcome, scores, first);
        }

        AddSample(ref outcome, scores, count);
        if (_loss.Traits.IsSum || !_loss.Traits.HasNegatives)
        {
            return;
        }

        var powers = TLanes.Zero;
        var at = 0;
        for (; at + TLanes.Width <= count; at += TLanes.Width)
        {
            powers = TLanes.Add(powers, TLanes.Exp(TLanes.Subtract(TLanes.Load(scores + at), TLanes.Of(own))));
        }

        var rest = (double)TLanes.Sum(powers);
        for (; at < count; at++)
        {
            rest += Power(scores[at] - own);
        }

        outcome.Powers += rest;
    }

    /// <summary>What is counted as if there were no history, of an item that the history has, and of the target, which of equal scores comes last.</summary>
    private void AddApart(ref RowOutcome outcome, float* scores, int first)
    {
        var (item, term) = _apart[outcome.NextApart];
        var score = scores[item - first];
        outcome.Rank -= score >= outcome.Own ? 1 : 0;
        outcome.Rank += item != outcome.Target && !_excludesSeen && score + term >= outcome.Own ? 1 : 0;
        outcome.Powers += (item == outcome.Target ? 0 : Power(score + term - outcome.Own)) - Power(score - outcome.Own);
    }

    /// <summary>The loss against negatives, of some of them.</summary>
    private void AddSample(ref RowOutcome outcome, float* scores, int count)
    {
        const int Step = 16;
        for (var item = 0; item < count && _loss.Traits.IsSum; item += Step)
        {
            outcome.Negatives += Softplus(scores[item] + outcome.Constant);
            outcome.Margins += Softplus(scores[item] - outcome.Own);
            outcome.Sampled++;
        }
    }

    private double LossOf(in RowOutcome outcome) =>
        _loss.Value(
            new(
                Math.Clamp((double)outcome.Own + outcome.Constant, _scale.LeastScore, _scale.GreatestScore),
                outcome.Value,
                outcome.Powers,
                outcome.Negatives / outcome.Sampled,
                outcome.Margins / outcome.Sampled,
                _negativeWeight
            )
        );

    /// <summary>e^x as the vectors of scores have it.</summary>
    private static double Power(float x) => Math.Exp(Math.Clamp(x, -87, 87));

    private static double Softplus(double x) => Math.Max(x, 0) + Math.Log(1 + Math.Exp(-Math.Abs(x)));

    /// <summary>What a row comes to.</summary>
    private struct RowOutcome
    {
        public float Weight;

        public float Value;

        /// <summary>What the scores of the row have in common.</summary>
        public float Constant;

        /// <summary>Score of the target, without <see cref="Constant"/>.</summary>
        public float Own;

        public int Target;

        /// <summary>Where the items of its history, and the target, are in the list of what is counted apart, and how far they have been.</summary>
        public int NextApart;

        public int EndApart;

        /// <summary>Items that score as much or more, the target among them.</summary>
        public int Rank;

        /// <summary>Σ e^(y − y of the target).</summary>
        public double Powers;

        public double Negatives;

        public double Margins;

        public int Sampled;
    }
}
