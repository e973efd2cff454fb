using System.Runtime.CompilerServices;
using RecService.Engine.Kernels;
using RecService.Engine.Kernels.Rows;
using RecService.Engine.Losses;
using RecService.Engine.Model;
using RecService.Engine.Numerics;

namespace RecService.Engine.Training.Sequences;

/// <summary>Learns from batches of sequences: one thread's part of a pass.</summary>
internal abstract class SequenceLearner : IDisposable
{
    /// <summary>Learns from a batch: items step after each of its blocks, and histories, users and contexts after all.</summary>
    /// <returns>Σ weight · loss of its rows.</returns>
    public abstract double Learn(ReadOnlySpan<Segment> batch, ulong seed, in ParameterTables tables, in StepContext context);

    /// <summary>Sums up the gradients of a batch without a step, all of the same parameters.</summary>
    /// <param name="batch">The batch.</param>
    /// <param name="seed">Seed of its negatives and of what is dropped.</param>
    /// <param name="tables">The parameters.</param>
    /// <param name="gradients">Receives the gradients of the batch, in the order in which they are to be applied.</param>
    /// <returns>Σ weight · loss of its rows.</returns>
    public abstract double Gradients(ReadOnlySpan<Segment> batch, ulong seed, in ParameterTables tables, GradientList gradients);

    /// <summary>Steps down gradients that an owner has.</summary>
    public abstract void Step(GradientList gradients, in ParameterTables tables, in StepContext context, Ownership ownership);

    public abstract void Dispose();
}

/// <summary>The gradients of a batch: of each of its blocks, and of what the blocks have in common.</summary>
internal sealed class GradientList(int stride) : IDisposable
{
    private readonly List<GradientSums> _sums = [];

    public int Count { get; private set; }

    public GradientSums this[int index] => _sums[index];

    /// <summary>Sums behind the others.</summary>
    public GradientSums Next()
    {
        if (Count == _sums.Count)
        {
            _sums.Add(new(stride));
        }

        return _sums[Count++];
    }

    public void Clear()
    {
        for (var index = 0; index < Count; index++)
        {
            _sums[index].Clear();
        }

        Count = 0;
    }

    public void Dispose() => _sums.ForEach(sums => sums.Dispose());
}

/// <inheritdoc/>
internal sealed unsafe class SequenceLearner<TVector, TLanes, TSolver> : SequenceLearner
    where TLanes : ILanes<TVector>
    where TSolver : struct, ISolver<TSolver>
{
    /// <summary>Places in the numbers that say what is dropped.</summary>
    private const int DropMasks = 2048;

    private readonly SequenceData _data;
    private readonly TrainingSettings _settings;
    private readonly BlockLoss _loss;
    private readonly float _negativeWeight;
    private readonly RequestRows<TVector, TLanes> _requests;
    private readonly ItemBlock<TVector, TLanes> _items;
    private readonly BlockNegatives<TVector, TLanes> _negatives;
    private readonly RepeatTerms<TVector, TLanes>? _repeats;
    private readonly GradientSlots _slots;
    private readonly GradientSlots _batchSlots;
    private readonly GradientSums _itemSums;
    private readonly GradientSums _batchSums;
    private readonly RandomSource _random = new(0);
    private readonly NativeArray<float> _queries;
    private readonly NativeArray<float> _transposed;
    private readonly NativeArray<float> _querySlopes;
    private readonly NativeArray<float> _masks;
    private readonly NativeArray<float> _scores;
    private readonly NativeArray<float> _ofRows;
    private readonly int[] _maskOfRow = new int[SequencePlan.MostBlockRows];
    private readonly int[] _targetSlots = new int[SequencePlan.MostBlockRows];

    public SequenceLearner(SequenceData data, SequencePlan plan, NegativeItems negatives, TrainingSettings settings, int stride, int weightRows)
    {
        const int Most = SequencePlan.MostBlockRows;
        var weighted = settings.Crossing == Crossing.FieldWeighted;
        _data = data;
        _settings = settings;
        _loss = settings.Loss.Function().OfBlocks;
        _negativeWeight = negatives.Weight;
        _requests = new(data, weighted, _loss.Traits.HasConstants, stride, plan.MostRows);
        _items = new(data, weighted, stride, Math.Min(negatives.Most + BlockNegatives.MostDislikes + Most, data.Items.Count));
        _negatives = new(data, negatives, _loss.Traits, _items);
        _repeats = data.Repeat is null ? null : new(data);
        _slots = new(data.Space.FactorCount, weightRows);
        _batchSlots = new(data.Space.FactorCount, weightRows);
        (_itemSums, _batchSums) = (new(stride), new(stride));
        var floats = (nuint)(Most * _items.Length);
        (_queries, _transposed, _querySlopes) = (new(floats), new(floats), new(floats));
        _masks = new(settings.Dropout > 0 ? (nuint)((DropMasks * Lanes16.Width) + _items.Length) : 0);
        FillMasks();
        _scores = new((nuint)Most * (nuint)(negatives.Most + BlockNegatives.MostDislikes));
        _ofRows = new(4 * Most);
    }

    private int Length => _items.Length;

    public override double Learn(ReadOnlySpan<Segment> batch, ulong seed, in ParameterTables tables, in StepContext context)
    {
        var rows = Begin(batch, seed, tables);
        _batchSums.Begin(_batchSlots);
        var losses = 0.0;
        foreach (var (from, count) in new Blocks(rows))
        {
            _itemSums.Begin(_slots);
            losses += Block(batch, from, count, tables, _itemSums, _batchSums);
            _itemSums.End();
            _itemSums.Step<TVector, TLanes, TSolver>(tables, context, default);
            _itemSums.Clear();
        }

        _requests.Back(batch, _batchSums, tables);
        _repeats?.Leave();
        _batchSums.End();
        _batchSums.Step<TVector, TLanes, TSolver>(tables, context, default);
        _batchSums.Clear();
        return losses;
    }

    public override double Gradients(ReadOnlySpan<Segment> batch, ulong seed, in ParameterTables tables, GradientList gradients)
    {
        var rows = Begin(batch, seed, tables);
        var ofBatch = gradients.Next();
        ofBatch.Begin(_batchSlots);
        var losses = 0.0;
        foreach (var (from, count) in new Blocks(rows))
        {
            var ofItems = gradients.Next();
            ofItems.Begin(_slots);
            losses += Block(batch, from, count, tables, ofItems, ofBatch);
            ofItems.End();
        }

        _requests.Back(batch, ofBatch, tables);
        _repeats?.Leave();
        ofBatch.End();
        return losses;
    }

    public override void Step(GradientList gradients, in ParameterTables tables, in StepContext context, Ownership ownership)
    {
        for (var index = 0; index < gradients.Count; index++)
        {
            gradients[index].Step<TVector, TLanes, TSolver>(tables, context, ownership);
        }
    }

    public override void Dispose()
    {
        _requests.Dispose();
        _items.Dispose();
        _negatives.Dispose();
        _repeats?.Dispose();
        _slots.Dispose();
        _batchSlots.Dispose();
        _itemSums.Dispose();
        _batchSums.Dispose();
        foreach (var array in new[] { _queries, _transposed, _querySlopes, _masks, _scores, _ofRows })
        {
            array.Dispose();
        }
    }

    private int Begin(ReadOnlySpan<Segment> batch, ulong seed, in ParameterTables tables)
    {
        _random.Restart(seed);
        return _requests.Pool(batch, tables);
    }

    /// <summary>Gradients of a block of rows: of its items, and of the rows' pooled vectors, which are kept for the whole batch.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private double Block(ReadOnlySpan<Segment> batch, int from, int count, in ParameterTables tables, GradientSums ofItems, GradientSums ofBatch)
    {
        var padded = (count + TLanes.Width - 1) / TLanes.Width * TLanes.Width;
        _negatives.Take(batch, _requests, from, count, _random);
        for (var row = 0; row < count; row++)
        {
            _targetSlots[row] = _items.Add(_data.Set.ItemOf[_requests.EventOf(from + row)]);
        }

        _items.Forward(tables, _random, _settings.IdDropout);
        _requests.Query(from, count, tables, _queries.Pointer);
        if (_settings.Dropout > 0)
        {
            DropOut(count);
        }

        new Span<float>(_queries.Pointer + ((nint)count * Length), (padded - count) * Length).Clear();
        Transpose(padded);
        var scores = Score(from, count, padded, tables);
        var losses = _loss.Slopes<TVector, TLanes>(scores);
        BackItems(scores, ofItems);
        BackQueries(from, scores, ofBatch, tables);
        _repeats?.Backward(scores, ofItems);
        _items.Backward(ofItems, tables);
        return losses;
    }

    /// <summary>Scores of a block's rows with their targets and negatives.</summary>
    private BlockScores Score(int from, int count, int padded, in ParameterTables tables)
    {
        const int Most = SequencePlan.MostBlockRows;
        var scores = new BlockScores
        {
            Rows = count,
            PaddedRows = padded,
            Negatives = _negatives.Count,
            NegativeWeight = _negativeWeight,
            Scores = _scores.Pointer,
            Shares = _negatives.Shares,
            Targets = _ofRows.Pointer,
            Weights = _ofRows.Pointer + Most,
            Values = _ofRows.Pointer + (2 * Most),
        };
        var hasConstants = _loss.Traits.HasConstants;
        var constants = _ofRows.Pointer + (3 * Most);
        for (var row = 0; row < padded; row++)
        {
            if (row >= count)
            {
                scores.Weights[row] = scores.Values[row] = scores.Targets[row] = constants[row] = 0;
                continue;
            }

            var e = _requests.EventOf(from + row);
            var slot = _targetSlots[row];
            (scores.Weights[row], scores.Values[row]) = (_data.Set.WeightOf(e), _data.TargetOf(e));
            constants[row] = hasConstants ? _requests.ConstantOf(from + row, tables) : 0;
            scores.Targets[row] =
                constants[row]
                + _items.Constants[slot]
                + Vectors<TVector, TLanes>.Dot(_queries.Pointer + ((nint)row * Length), _items.Vectors + ((nint)slot * Length), Length);
        }

        // The sums begin with what scores have beside the products.
        for (var n = 0; n < scores.Negatives; n++)
        {
            var constant = TLanes.Of(_items.Constants[n] + _negatives.Offsets[n]);
            for (var row = 0; row < padded; row += TLanes.Width)
            {
                TLanes.Store(hasConstants ? TLanes.Add(constant, TLanes.Load(constants + row)) : constant, scores.Scores + ((nint)n * padded) + row);
            }
        }

        Matrices<TVector, TLanes>.Multiply(
            scores.Negatives,
            padded,
            Length,
            _items.Vectors,
            Length,
            1,
            _transposed.Pointer,
            padded,
            scores.Scores,
            padded,
            add: true
        );
        _repeats?.Forward(_requests, from, _items, _targetSlots, tables, scores);
        _negatives.Mask(scores, _targetSlots);
        return scores;
    }

    /// <summary>Leaves out coordinates of q at random.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void DropOut(int count)
    {
        for (var row = 0; row < count; row++)
        {
            _maskOfRow[row] = _random.Below(DropMasks) * Lanes16.Width;
            Drop(_queries.Pointer + ((nint)row * Length), _masks.Pointer + _maskOfRow[row]);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Drop(float* vector, float* mask)
    {
        for (var d = 0; d < Length; d += TLanes.Width)
        {
            TLanes.Store(TLanes.Multiply(TLanes.Load(vector + d), TLanes.Load(mask + d)), vector + d);
        }
    }

    /// <summary>What is left of each coordinate, for rows to take from a place of their own: numbers for each would take longer to draw than to use.</summary>
    private void FillMasks()
    {
        var random = new RandomSource(_settings.Seed);
        for (nuint at = 0; at < _masks.Length; at++)
        {
            _masks.Pointer[at] = random.NextDouble() < _settings.Dropout ? 0 : 1 / (1 - _settings.Dropout);
        }
    }

    private void Transpose(int padded)
    {
        for (var d = 0; d < Length; d++)
        {
            var (from, to) = ((nint)_queries.Pointer + (d * sizeof(float)), (nint)_transposed.Pointer + ((nint)d * padded * sizeof(float)));
            for (var row = 0; row < padded; row++)
            {
                ((float*)to)[row] = ((float*)from)[(nint)row * Length];
            }
        }
    }

    /// <summary>Gradients of z and c of the block's items.</summary>
    private void BackItems(in BlockScores scores, GradientSums sums)
    {
        var gradients = _items.Gradients(sums);
        Matrices<TVector, TLanes>.Multiply(
            scores.Negatives,
            Length,
            scores.Rows,
            scores.Scores,
            scores.PaddedRows,
            1,
            _queries.Pointer,
            Length,
            gradients,
            Length,
            add: false
        );
        new Span<float>(gradients + ((nint)scores.Negatives * Length), (_items.Count - scores.Negatives) * Length).Clear();
        for (var n = 0; n < _items.Count; n++)
        {
            var slope = TLanes.Zero;
            for (var row = 0; row < scores.PaddedRows && n < scores.Negatives; row += TLanes.Width)
            {
                slope = TLanes.Add(slope, TLanes.Load(scores.Scores + ((nint)n * scores.PaddedRows) + row));
            }

            _items.Slopes[n] = TLanes.Sum(slope);
        }

        for (var row = 0; row < scores.Rows; row++)
        {
            var slot = _targetSlots[row];
            _items.Slopes[slot] += scores.Targets[row];
            Vectors<TVector, TLanes>.Add(gradients + ((nint)slot * Length), _queries.Pointer + ((nint)row * Length), scores.Targets[row], Length);
        }
    }

    /// <summary>Gradients of the pooled vectors of the block's rows.</summary>
    private void BackQueries(int from, in BlockScores scores, GradientSums sums, in ParameterTables tables)
    {
        var direct = _requests.SlopesFrom(from);
        var slopes = direct is null ? _querySlopes.Pointer : direct;
        Matrices<TVector, TLanes>.Multiply(
            scores.Rows,
            Length,
            scores.Negatives,
            scores.Scores,
            1,
            scores.PaddedRows,
            _items.Vectors,
            Length,
            slopes,
            Length,
            add: false
        );
        for (var row = 0; row < scores.Rows; row++)
        {
            var slope = slopes + ((nint)row * Length);
            Vectors<TVector, TLanes>.Add(slope, _items.Vectors + ((nint)_targetSlots[row] * Length), scores.Targets[row], Length);
            if (_settings.Dropout > 0)
            {
                Drop(slope, _masks.Pointer + _maskOfRow[row]);
            }
        }

        var constants = _ofRows.Pointer + (3 * SequencePlan.MostBlockRows);
        if (_loss.Traits.HasConstants)
        {
            SumSlopes(scores, constants);
        }

        _requests.BackQueries(from, scores.Rows, slopes, constants, sums, tables);
    }

    /// <summary>The slope of what the scores of each row have in common.</summary>
    private static void SumSlopes(in BlockScores scores, float* slopes)
    {
        for (var row = 0; row < scores.PaddedRows; row += TLanes.Width)
        {
            var sum = TLanes.Load(scores.Targets + row);
            for (var n = 0; n < scores.Negatives; n++)
            {
                sum = TLanes.Add(sum, TLanes.Load(scores.Scores + ((nint)n * scores.PaddedRows) + row));
            }

            TLanes.Store(sum, slopes + row);
        }
    }

    /// <summary>The blocks of a number of rows: of about equal size, none much larger than <see cref="SequencePlan.BlockRows"/>.</summary>
    private ref struct Blocks(int rows)
    {
        private readonly int _count = Math.Max(1, (rows + (SequencePlan.BlockRows / 2)) / SequencePlan.BlockRows);
        private int _block = -1;

        public readonly (int From, int Count) Current
        {
            get
            {
                var from = (int)((long)rows * _block / _count);
                return (from, (int)((long)rows * (_block + 1) / _count) - from);
            }
        }

        public readonly Blocks GetEnumerator() => this;

        public bool MoveNext() => ++_block < _count;
    }
}
