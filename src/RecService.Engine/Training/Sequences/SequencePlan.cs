using RecService.Engine.Data.Histories;
using RecService.Engine.Numerics;

namespace RecService.Engine.Training.Sequences;

/// <summary>Consecutive events of a user that are learned from together.</summary>
/// <param name="Sequence">The user's sequence.</param>
/// <param name="From">First event.</param>
/// <param name="To">Behind the last event.</param>
/// <param name="Rows">Events of these that are to be predicted.</param>
internal readonly record struct Segment(int Sequence, int From, int To, int Rows);

/// <summary>
/// Deals out sequences to batches of about as many rows as a block of a matrix product has: long sequences in segments, short ones several together.
/// </summary>
internal sealed class SequencePlan
{
    /// <summary>Rows of a block.</summary>
    public const int BlockRows = 64;

    /// <summary>Rows of a block at most: what is over in a batch is dealt out to its blocks.</summary>
    public const int MostBlockRows = 96;

    private readonly Segment[] _all;
    private readonly int[] _firsts;
    private readonly int[] _order;
    private readonly List<Segment> _segments = [];
    private readonly List<int> _starts = [];

    /// <param name="set">The sequences.</param>
    /// <param name="historyLength">Positives of a history.</param>
    /// <param name="segmentEvents">Events of a segment at most.</param>
    public SequencePlan(SequenceSet set, int historyLength, int segmentEvents)
    {
        var (all, firsts) = (new List<Segment>(), new List<int>());
        for (var sequence = 0; sequence < set.SequenceCount; sequence++)
        {
            // Without order, histories are within a segment.
            var most = set.IsUnordered(sequence) ? Math.Min(segmentEvents, historyLength + 1) : segmentEvents;
            var first = all.Count;
            var (from, rows) = (set.Starts[sequence], 0);
            for (var e = from; e < set.Starts[sequence + 1]; e++)
            {
                rows += set.WeightOf(e) > 0 ? 1 : 0;
                if (e + 1 - from == most || e + 1 == set.Starts[sequence + 1])
                {
                    if (rows > 0)
                    {
                        all.Add(new(sequence, from, e + 1, rows));
                        Rows += rows;
                        MostRows = Math.Max(MostRows, rows);
                    }

                    (from, rows) = (e + 1, 0);
                }
            }

            if (all.Count > first)
            {
                firsts.Add(first);
            }
        }

        _all = [.. all];
        _firsts = [.. firsts, all.Count];
        _order = [.. Enumerable.Range(0, firsts.Count)];
        MostRows += BlockRows;
    }

    /// <summary>Rows of all segments.</summary>
    public long Rows { get; }

    /// <summary>Rows of a batch at most.</summary>
    public int MostRows { get; }

    /// <summary>Number of batches.</summary>
    public int Count => _starts.Count - 1;

    /// <summary>The segments of a batch.</summary>
    public ReadOnlySpan<Segment> this[int batch] =>
        System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_segments)[_starts[batch].._starts[batch + 1]];

    /// <summary>Makes batches of all segments, in a random order or, without <paramref name="random"/>, in their own.</summary>
    public void Deal(RandomSource? random)
    {
        random?.Shuffle<int>(_order);
        _segments.Clear();
        _starts.Clear();
        _starts.Add(0);
        var rows = 0;
        foreach (var sequence in _order)
        {
            foreach (var segment in _all.AsSpan(_firsts[sequence].._firsts[sequence + 1]))
            {
                _segments.Add(segment);
                rows += segment.Rows;
                if (rows >= BlockRows)
                {
                    _starts.Add(_segments.Count);
                    rows = 0;
                }
            }
        }

        if (rows > 0)
        {
            _starts.Add(_segments.Count);
        }
    }
}
