using RecService.Engine.Data;
using RecService.Engine.Losses;
using RecService.Engine.Numerics;

namespace RecService.Engine.Training.Sequences;

/// <summary>Sizes of the negatives of blocks.</summary>
internal static class BlockNegatives
{
    /// <summary>Dislikes that a block has at most, but for those that are among its negatives anyway.</summary>
    public const int MostDislikes = 64;

    /// <summary>Dislikes of a user that a block has at most.</summary>
    public const int MostDislikesOfUser = 16;
}

/// <summary>The negatives of a block: those that all rows share, and what users dislike.</summary>
internal sealed unsafe class BlockNegatives<TVector, TLanes> : IDisposable
    where TLanes : ILanes<TVector>
{
    private readonly SequenceData _data;
    private readonly NegativeItems _negatives;
    private readonly bool _isSum;
    private readonly ItemBlock<TVector, TLanes> _items;
    private readonly NativeArray<float> _offsets;
    private readonly NativeArray<float> _shares;
    private readonly RowSets? _chosen;
    private readonly List<(int Slot, int From, int To)> _dislikes = [];
    private readonly List<(int Sequence, int From, int To)> _parts = [];
    private readonly bool[] _isOfDislike = new bool[SequencePlan.MostBlockRows];
    private int _shared;

    public BlockNegatives(SequenceData data, NegativeItems negatives, BlockTraits traits, ItemBlock<TVector, TLanes> items)
    {
        _data = data;
        _negatives = negatives;
        _isSum = traits.IsSum;
        _items = items;
        _chosen = traits.SparesChosen ? data.Chosen : null;
        var most = (nuint)(negatives.Most + BlockNegatives.MostDislikes);
        (_offsets, _shares) = (new(most), new(most));
    }

    /// <summary>Number of negatives: the first items of the block.</summary>
    public int Count { get; private set; }

    /// <summary>What is added to the scores of each.</summary>
    public float* Offsets => _offsets.Pointer;

    /// <summary>How often each counts, where the loss is a sum over them.</summary>
    public float* Shares => _shares.Pointer;

    /// <summary>Begins a block with its negatives.</summary>
    public void Take(ReadOnlySpan<Segment> batch, RequestRows<TVector, TLanes> requests, int from, int count, RandomSource random)
    {
        if (_negatives.Sampled > 0 || _negatives.Items.Length == 0 || _items.Count == 0)
        {
            _items.Clear();
            TakeShared(random);
        }

        Count = _shared;
        TakeParts(batch, requests, from, count);
        _dislikes.Clear();
        foreach (var (sequence, first, end) in _data.Set.Dislikes is null ? [] : _parts)
        {
            TakeDislikes(sequence, first, end, random);
        }
    }

    /// <summary>Takes out of the scores what is no negative of a row: its target, what other users dislike, and what its own user chose if the loss asks.</summary>
    public void Mask(in BlockScores scores, ReadOnlySpan<int> targetSlots)
    {
        foreach (var (slot, from, to) in _dislikes)
        {
            CountTwice(scores, slot, from, to);
        }

        for (var slot = _shared; slot < Count; slot++)
        {
            Array.Clear(_isOfDislike);
            foreach (var (disliked, from, to) in _dislikes)
            {
                _isOfDislike.AsSpan(from, disliked == slot ? to - from : 0).Fill(true);
            }

            for (var row = 0; row < scores.Rows; row++)
            {
                if (!_isOfDislike[row])
                {
                    scores.Scores[((nint)slot * scores.PaddedRows) + row] = BlockScores.Never;
                }
            }
        }

        foreach (var (sequence, from, to) in _chosen is null ? [] : _parts)
        {
            for (var slot = 0; slot < _shared; slot++)
            {
                if (_chosen!.Contains(sequence, _items.ItemAt(slot)))
                {
                    new Span<float>(scores.Scores + ((nint)slot * scores.PaddedRows) + from, to - from).Fill(BlockScores.Never);
                }
            }
        }

        for (var row = 0; row < scores.Rows; row++)
        {
            if (targetSlots[row] < Count)
            {
                scores.Scores[((nint)targetSlots[row] * scores.PaddedRows) + row] = BlockScores.Never;
            }
        }
    }

    public void Dispose()
    {
        _offsets.Dispose();
        _shares.Dispose();
    }

    private void TakeShared(RandomSource random)
    {
        if (_negatives.Draw is not { } draw)
        {
            foreach (var item in _negatives.Items)
            {
                _shares.Pointer[_items.Add(item)] = _negatives.Weight / _negatives.Items.Length;
            }

            _shared = _items.Count;
            return;
        }

        for (var n = 0; n < _negatives.Sampled; n++)
        {
            var (drawn, known) = (draw.Next(random), _items.Count);
            var slot = _items.Add(_negatives.Items[drawn]);
            if (slot == known)
            {
                (_shares.Pointer[slot], _offsets.Pointer[slot]) = (0, _negatives.Corrections![drawn]);
            }

            _shares.Pointer[slot]++;
        }

        _shared = _items.Count;
        for (var slot = 0; slot < _shared; slot++)
        {
            // What was drawn several times counts as often.
            _offsets.Pointer[slot] = _isSum ? 0 : _offsets.Pointer[slot] + MathF.Log(_shares.Pointer[slot]);
            _shares.Pointer[slot] *= _negatives.Weight / _negatives.Sampled;
        }
    }

    /// <summary>The rows of the block by user.</summary>
    private void TakeParts(ReadOnlySpan<Segment> batch, RequestRows<TVector, TLanes> requests, int from, int count)
    {
        _parts.Clear();
        if (_chosen is null && _data.Set.Dislikes is null)
        {
            return;
        }

        for (var row = 0; row < count;)
        {
            var (first, segment) = (row, requests.SegmentOf(from + row));
            while (row < count && requests.SegmentOf(from + row) == segment)
            {
                row++;
            }

            _parts.Add((batch[segment].Sequence, first, row));
        }
    }

    private void TakeDislikes(int sequence, int from, int to, RandomSource random)
    {
        var dislikes = _data.Set.Dislikes![sequence];
        for (var n = 0; n < Math.Min(dislikes.Length, BlockNegatives.MostDislikesOfUser); n++)
        {
            var item = dislikes[dislikes.Length <= BlockNegatives.MostDislikesOfUser ? n : random.Below(dislikes.Length)];
            var slot = _items.Find(item);
            if (slot < 0 && Count - _shared < BlockNegatives.MostDislikes)
            {
                slot = _items.Add(item);
                _offsets.Pointer[slot] = _isSum ? 0 : MathF.Log(_data.Set.DislikeWeight);
                _shares.Pointer[slot] = _data.Set.DislikeWeight;
                Count = _items.Count;
            }

            if (slot >= 0)
            {
                _dislikes.Add((slot, from, to));
            }
        }
    }

    /// <summary>What is a negative of all counts once more for those who dislike it.</summary>
    private void CountTwice(in BlockScores scores, int slot, int from, int to)
    {
        if (slot >= _shared || _isSum)
        {
            return;
        }

        var more = MathF.Log(1 + (_data.Set.DislikeWeight * MathF.Exp(-_offsets.Pointer[slot])));
        for (var row = from; row < to; row++)
        {
            scores.Scores[((nint)slot * scores.PaddedRows) + row] += more;
        }
    }
}
