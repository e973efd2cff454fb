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

    private readonly Segment[][] _segmentsOf;
    private readonly List<Segment> _segments = [];
    private readonly List<int> _starts = [];

    /// <param name="set">The sequences.</param>
    /// <param name="historyLength">Positives of a history.</param>
    /// <param name="segmentEvents">Events of a segment at most.</param>
    public SequencePlan(SequenceSet set, int historyLength, int segmentEvents)
    {
        var segmentsOf = new List<Segment[]>();
        for (var sequence = 0; sequence < set.SequenceCount; sequence++)
        {
            // Without order, histories are within a segment.
            var most = set.IsUnordered(sequence) ? Math.Min(segmentEvents, historyLength + 1) : segmentEvents;
            var segments = new List<Segment>();
            var (from, rows) = (set.Starts[sequence], 0);
            for (var e = from; e < set.Starts[sequence + 1]; e++)
            {
                rows += set.WeightOf(e) > 0 ? 1 : 0;
                if (e + 1 - from == most || e + 1 == set.Starts[sequence + 1])
                {
                    if (rows > 0)
                    {
                        segments.Add(new(sequence, from, e + 1, rows));
                    }

                    (from, rows) = (e + 1, 0);
                }
            }

            if (segments.Count > 0)
            {
                segmentsOf.Add([.. segments]);
                Rows += segments.Sum(segment => (long)segment.Rows);
                MostRows = Math.Max(MostRows, segments.Max(segment => segment.Rows));
            }
        }

        _segmentsOf = [.. segmentsOf];
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
        random?.Shuffle<Segment[]>(_segmentsOf);
        _segments.Clear();
        _starts.Clear();
        _starts.Add(0);
        var rows = 0;
        foreach (var segments in _segmentsOf)
        {
            foreach (var segment in segments)
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
