using System.Runtime.CompilerServices;
using RecService.Engine.Kernels;
using RecService.Engine.Kernels.Rows;
using RecService.Engine.Model;
using RecService.Engine.Numerics;

namespace RecService.Engine.Training.Sequences;

/// <summary>Learns from batches of sequences: one thread's part of a pass.</summary>
internal abstract class SequenceLearner : IDisposable
{
    /// <summary>Gradients of a batch's histories and users.</summary>
    /// <returns>Σ weight · loss of its rows.</returns>
    public abstract double Learn(ReadOnlySpan<Segment> batch, ulong seed, in ParameterTables tables, in StepContext context);

    public abstract void Dispose();
}

/// <inheritdoc/>
internal sealed unsafe class SequenceLearner<TVector, TLanes, TSolver> : SequenceLearner
    where TLanes : ILanes<TVector>
    where TSolver : struct, ISolver<TSolver>
{
    private readonly SequenceData _data;
    private readonly NegativeItems _negatives;
    private readonly TrainingSettings _settings;
    private readonly bool _weighted;
    private readonly ItemBlock<TVector, TLanes> _items;
    private readonly GradientSums _itemSums;
    private readonly GradientSums _batchSums;
    private readonly RequestRows<TVector, TLanes> _requests;
    private readonly RandomSource _random = new(0);

    private readonly NativeArray<float> _queries;
    private readonly NativeArray<float> _transposed;
    private readonly NativeArray<float> _querySlopes;
    private readonly NativeArray<float> _masks;
    private readonly NativeArray<float> _scores;
    private readonly NativeArray<float> _ofRows;
    private readonly NativeArray<float> _offsets;
    private readonly int[] _targetSlots;
    private readonly int[] _multiplicities;

    public SequenceLearner(SequenceData data, SequencePlan plan, NegativeItems negatives, TrainingSettings settings, int stride, int weightRows)
    {
        const int Most = SequencePlan.MostBlockRows;
        _data = data;
        _negatives = negatives;
        _settings = settings;
        _weighted = settings.Interaction == FeatureInteraction.FieldWeighted;
        _items = new(data, _weighted, stride, Math.Min(negatives.Most + Most, data.Items.Count));
        _itemSums = new(data.Space.FactorCount, weightRows, stride);
        _batchSums = new(data.Space.FactorCount, weightRows, stride);
        _requests = new(data, _weighted, stride, plan.MostRows, learns: true);
        _queries = new((nuint)(Most * _items.Length));
        _transposed = new((nuint)(Most * _items.Length));
        _querySlopes = new((nuint)(Most * _items.Length));
        _masks = new((nuint)(Most * _items.Length));
        _scores = new((nuint)Most * (nuint)negatives.Most);
        _ofRows = new(3 * Most);
        _offsets = new((nuint)negatives.Most);
        _targetSlots = new int[Most];
        _multiplicities = new int[negatives.Most];
    }

    private int Length => _items.Length;

    public override double Learn(ReadOnlySpan<Segment> batch, ulong seed, in ParameterTables tables, in StepContext context)
    {
        _random.Restart(seed);
        var rows = _requests.Pool(batch, tables);
        var losses = 0.0;
        var blocks = Math.Max(1, (rows + (SequencePlan.BlockRows / 2)) / SequencePlan.BlockRows);
        for (var block = 0; block < blocks; block++)
        {
            var from = (int)((long)rows * block / blocks);
            losses += Block(from, (int)((long)rows * (block + 1) / blocks) - from, tables, context);
        }

        _requests.Back(batch, _batchSums);
        _batchSums.Step<TVector, TLanes, TSolver>(tables, context, default);
        _batchSums.Clear();
        return losses;
    }

    public override void Dispose()
    {
        _items.Dispose();
        _itemSums.Dispose();
        _batchSums.Dispose();
        _requests.Dispose();
        foreach (var array in new[] { _queries, _transposed, _querySlopes, _masks, _scores, _ofRows, _offsets })
        {
            array.Dispose();
        }
    }

    /// <summary>Learns the items of a block of rows, and leaves the gradients of the rows' pooled vectors.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private double Block(int from, int count, in ParameterTables tables, in StepContext context)
    {
        var set = _data.Set;
        var padded = (count + TLanes.Width - 1) / TLanes.Width * TLanes.Width;
        var negatives = TakeItems(from, count);
        _items.Forward(tables);
        for (var n = 0; n < negatives; n++)
        {
            _offsets.Pointer[n] += _items.Constants[n];
        }

        _requests.Query(from, count, tables, _queries.Pointer);
        new Span<float>(_queries.Pointer + ((nint)count * Length), (padded - count) * Length).Clear();
        if (_settings.Dropout > 0)
        {
            DropOut(count);
        }

        Transpose(padded);
        var scores = new BlockScores
        {
            Rows = count,
            PaddedRows = padded,
            Negatives = negatives,
            Targets = _ofRows.Pointer,
            Weights = _ofRows.Pointer + SequencePlan.MostBlockRows,
            Values = _ofRows.Pointer + (2 * SequencePlan.MostBlockRows),
            Scores = _scores.Pointer,
            Offsets = _offsets.Pointer,
        };
        Matrices<TVector, TLanes>.Multiply(
            negatives,
            padded,
            Length,
            _items.Vectors,
            Length,
            1,
            _transposed.Pointer,
            padded,
            scores.Scores,
            padded,
            add: false
        );
        for (var row = 0; row < padded; row++)
        {
            var isRow = row < count;
            scores.Weights[row] = isRow ? set.WeightOf(_requests.EventOf(from + row)) : 0;
            scores.Values[row] = isRow ? set.TargetOf(_requests.EventOf(from + row)) : 0;
            scores.Targets[row] = 0;
            if (!isRow)
            {
                continue;
            }

            var slot = _targetSlots[row];
            scores.Targets[row] =
                _items.Constants[slot]
                + Vectors<TVector, TLanes>.Dot(_queries.Pointer + ((nint)row * Length), _items.Vectors + ((nint)slot * Length), Length);
            if (slot < negatives)
            {
                scores.Scores[((nint)slot * padded) + row] = BlockScores.Never;
            }
        }

        var losses = BlockLoss<TVector, TLanes>.Slopes(_settings.Loss, scores);
        BackItems(count, scores, tables);
        BackQueries(from, count, scores, tables);
        _items.Backward(_itemSums, tables);
        _itemSums.Step<TVector, TLanes, TSolver>(tables, context, default);
        _itemSums.Clear();
        return losses;
    }

    /// <summary>Takes the negatives and the targets of a block; returns the number of different negatives.</summary>
    private int TakeItems(int from, int count)
    {
        if (_negatives.Sampled > 0 || _items.Count == 0)
        {
            _items.Clear();
            TakeNegatives();
        }

        var negatives = _negatives.Sampled > 0 ? _items.Count : _negatives.Items.Length;
        for (var n = 0; n < negatives; n++)
        {
            _offsets.Pointer[n] = _negatives.Sampled == 0 ? 0 : _offsets.Pointer[n] + MathF.Log(_multiplicities[n]);
        }

        for (var row = 0; row < count; row++)
        {
            _targetSlots[row] = _items.Add(_data.Set.ItemOf[_requests.EventOf(from + row)]);
        }

        return negatives;
    }

    private void TakeNegatives()
    {
        if (_negatives.Draw is not { } draw)
        {
            foreach (var item in _negatives.Items)
            {
                _items.Add(item);
            }

            return;
        }

        for (var n = 0; n < _negatives.Sampled; n++)
        {
            var (drawn, known) = (draw.Next(_random), _items.Count);
            var slot = _items.Add(_negatives.Items[drawn]);
            if (slot == known)
            {
                (_multiplicities[slot], _offsets.Pointer[slot]) = (0, _negatives.Corrections![drawn]);
            }

            _multiplicities[slot]++;
        }
    }

    private void Transpose(int padded)
    {
        for (var row = 0; row < padded; row++)
        {
            for (var d = 0; d < Length; d++)
            {
                _transposed.Pointer[((nint)d * padded) + row] = _queries.Pointer[((nint)row * Length) + d];
            }
        }
    }

    private void DropOut(int count)
    {
        var threshold = (uint)(_settings.Dropout * 65536);
        var kept = 1 / (1 - (threshold / 65536f));
        for (var at = 0; at < count * Length; at += 4)
        {
            var bits = _random.Next();
            for (var lane = 0; lane < 4; lane++, bits >>= 16)
            {
                var mask = (bits & 0xFFFF) < threshold ? 0 : kept;
                _masks.Pointer[at + lane] = mask;
                _queries.Pointer[at + lane] *= mask;
            }
        }
    }

    /// <summary>Gradients of z and c of the block's items.</summary>
    private void BackItems(int count, in BlockScores scores, in ParameterTables tables)
    {
        var gradients = _items.Gradients(_itemSums);
        Matrices<TVector, TLanes>.Multiply(
            scores.Negatives,
            Length,
            count,
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

        for (var row = 0; row < count; row++)
        {
            var slot = _targetSlots[row];
            _items.Slopes[slot] += scores.Targets[row];
            Vectors<TVector, TLanes>.Add(
                gradients + ((nint)slot * Length),
                _queries.Pointer + ((nint)row * Length),
                scores.Targets[row],
                Length
            );
        }
    }

    /// <summary>Gradients of the pooled vectors of the block's rows, and of the weights with which their fields cross with those of items.</summary>
    private void BackQueries(int from, int count, in BlockScores scores, in ParameterTables tables)
    {
        var slopes = _weighted ? _querySlopes.Pointer : _requests.SlopesFrom(from);
        Matrices<TVector, TLanes>.Multiply(
            count,
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
        for (var row = 0; row < count; row++)
        {
            var slope = slopes + ((nint)row * Length);
            Vectors<TVector, TLanes>.Add(slope, _items.Vectors + ((nint)_targetSlots[row] * Length), scores.Targets[row], Length);
            if (_settings.Dropout > 0)
            {
                for (var d = 0; d < Length; d += TLanes.Width)
                {
                    TLanes.Store(TLanes.Multiply(TLanes.Load(slope + d), TLanes.Load(_masks.Pointer + ((nint)row * Length) + d)), slope + d);
                }
            }
        }

        _requests.BackQueries(from, count, slopes, _batchSums, tables);
    }
}
