using System.Diagnostics;

namespace RecService.Engine.Training.Passes;

/// <summary>
/// Finds out by trial whether it pays to fetch parameters early: it does when rare features come from far caches, and costs where most entries are of
/// features that
/// are at hand anyway. What is learned does not depend on it.
/// </summary>
internal sealed class FetchTrial
{
    /// <summary>Batches that are not timed, while code and caches warm up.</summary>
    private const int WarmUp = 8;

    private const int Trials = 48;

    private readonly double[] _best = [double.PositiveInfinity, double.PositiveInfinity];
    private int _batches;
    private long _start;

    /// <summary>Whether to fetch in the next batch.</summary>
    public bool Begin()
    {
        if (_batches >= WarmUp + Trials)
        {
            return _best[1] < _best[0];
        }

        _start = Stopwatch.GetTimestamp();
        return _batches % 2 == 1;
    }

    /// <summary>Tells that the batch is done.</summary>
    public void End(int rows)
    {
        if (_batches >= WarmUp + Trials)
        {
            return;
        }

        if (_batches >= WarmUp && rows > 0)
        {
            // The least time, which is what other programs on the machine disturb least.
            ref var best = ref _best[_batches % 2];
            best = Math.Min(best, (double)(Stopwatch.GetTimestamp() - _start) / rows);
        }

        _batches++;
    }
}
