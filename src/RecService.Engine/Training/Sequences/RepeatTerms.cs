using RecService.Engine.Data.Histories;
using RecService.Engine.Kernels.Rows;
using RecService.Engine.Losses;
using RecService.Engine.Numerics;

namespace RecService.Engine.Training.Sequences;

/// <summary>
/// What coming again adds to the scores of a block: (ρ + ρ_i) ln(1 + c) for each row and each of its target and its negatives that its history has. Counts
/// slide along the rows with the window, so that a row costs as much as the block has items of its history.
/// </summary>
internal sealed unsafe class RepeatTerms<TVector, TLanes>(SequenceData data) : IDisposable
    where TLanes : ILanes<TVector>
{
    private readonly NativeArray<float> _counts = new((nuint)data.Items.Count);
    private readonly List<(int Row, int Slot, int Item, float Value)> _terms = [];
    private readonly List<int> _slots = [];
    private HistoryWindow<TVector, TLanes>? _window;
    private (int From, int To) _range;

    /// <summary>Finds the terms of a block's rows, and adds them to the scores.</summary>
    /// <param name="requests">The rows of the batch, in whose order blocks come.</param>
    /// <param name="from">First row of the block.</param>
    /// <param name="items">The items of the block.</param>
    /// <param name="targetSlots">The target of each row among them.</param>
    /// <param name="tables">The parameters.</param>
    /// <param name="scores">The scores.</param>
    public void Forward(
        RequestRows<TVector, TLanes> requests,
        int from,
        ItemBlock<TVector, TLanes> items,
        ReadOnlySpan<int> targetSlots,
        in ParameterTables tables,
        in BlockScores scores
    )
    {
        _terms.Clear();
        for (var row = 0; row < scores.Rows; row++)
        {
            var (window, place) = requests.WindowOf(from + row);
            var isFirst = row == 0;
            if (window != _window)
            {
                Leave();
                (_window, isFirst) = (window, true);
            }

            Slide(window.RangeOf(place), items, isFirst ? int.MaxValue : scores.Negatives);
            if (isFirst)
            {
                TakeSlots(items, scores.Negatives);
            }

            var own = window.OwnOf(place);
            if (own >= 0)
            {
                _counts.Pointer[window.ItemAt(own)] -= window.WeightAt(own);
            }

            Add(row, -1, items.ItemAt(targetSlots[row]), tables, scores);
            foreach (var slot in _slots)
            {
                if (slot != targetSlots[row])
                {
                    Add(row, slot, items.ItemAt(slot), tables, scores);
                }
            }

            if (own >= 0)
            {
                _counts.Pointer[window.ItemAt(own)] += window.WeightAt(own);
            }
        }
    }

    /// <summary>Passes the slopes of the scores back to ρ and ρ_i.</summary>
    public void Backward(in BlockScores scores, GradientSums sums)
    {
        foreach (var (row, slot, item, value) in _terms)
        {
            var slope = slot < 0 ? scores.Targets[row] : scores.Scores[((nint)slot * scores.PaddedRows) + row];
            data.Repeat!.BackLinear(item, sums, slope * value);
        }
    }

    /// <summary>Forgets the batch.</summary>
    public void Leave()
    {
        if (_window is not null)
        {
            for (var p = _range.From; p < _range.To; p++)
            {
                _counts.Pointer[_window.ItemAt(p)] = 0;
            }
        }

        (_window, _range) = (null, default);
    }

    public void Dispose() => _counts.Dispose();

    private void Add(int row, int slot, int item, in ParameterTables tables, in BlockScores scores)
    {
        // Sums of what came and went may miss 0 by rounding.
        if (_counts.Pointer[item] > 1e-3f)
        {
            var value = HistorySettings.RepeatValueOf(_counts.Pointer[item]);
            _terms.Add((row, slot, item, value));
            *(slot < 0 ? scores.Targets + row : scores.Scores + ((nint)slot * scores.PaddedRows) + row) += data.Repeat!.Linear(item, tables) * value;
        }
    }

    private void Slide((int From, int To) range, ItemBlock<TVector, TLanes> items, int negatives)
    {
        for (var p = _range.To; p < range.To; p++)
        {
            var item = _window!.ItemAt(p);
            _counts.Pointer[item] += _window.WeightAt(p);
            if (items.Find(item) is >= 0 and var slot && slot < negatives && negatives != int.MaxValue && !_slots.Contains(slot))
            {
                _slots.Add(slot);
            }
        }

        for (var p = _range.From; p < range.From; p++)
        {
            _counts.Pointer[_window!.ItemAt(p)] -= _window.WeightAt(p);
        }

        _range = range;
    }

    /// <summary>The negatives that the history has at the first row of a block.</summary>
    private void TakeSlots(ItemBlock<TVector, TLanes> items, int negatives)
    {
        _slots.Clear();
        if (negatives <= _range.To - _range.From)
        {
            for (var slot = 0; slot < negatives; slot++)
            {
                if (_counts.Pointer[items.ItemAt(slot)] > 0)
                {
                    _slots.Add(slot);
                }
            }

            return;
        }

        for (var p = _range.From; p < _range.To; p++)
        {
            if (items.Find(_window!.ItemAt(p)) is >= 0 and var slot && slot < negatives)
            {
                _slots.Add(slot);
            }
        }

        _slots.Sort();
        var distinct = 0;
        for (var i = 0; i < _slots.Count; i++)
        {
            if (i == 0 || _slots[i] != _slots[i - 1])
            {
                _slots[distinct++] = _slots[i];
            }
        }

        _slots.RemoveRange(distinct, _slots.Count - distinct);
    }
}
