using System.Diagnostics;
using RecService.Engine.Scoring;

namespace RecService.Api.Scoring;

/// <summary>
/// Ranks for all callers. As many passes over the items go on at a time as there are cores; those who come meanwhile wait and then share one, as the vectors
/// of a large catalogue take longer to come from memory than to be multiplied. Nobody waits for others to come.
/// </summary>
/// <param name="passesAtOnce">How many passes go on at a time.</param>
/// <param name="smallCatalogue">Below so many items each ranks by itself, at once.</param>
internal sealed class JoinedRanking(int passesAtOnce, int smallCatalogue)
{
    /// <summary>Requests that share a pass: each has a set of a bit an item meanwhile.</summary>
    public const int AtOnce = 16;

    /// <summary>From so many items on a pass is worth a second thread, where nobody else needs it.</summary>
    private const int LargeCatalogue = 200_000;

    /// <summary>What the last pass counts for in the mean.</summary>
    private const double Newest = 0.2;

    private readonly Lock _lock = new();
    private readonly LinkedList<Turn> _waiting = new();
    private int _passes;
    private int _requestsWaiting;
    private double _passSeconds;

    /// <summary>As many passes as there are cores.</summary>
    public JoinedRanking()
        : this(Environment.ProcessorCount, smallCatalogue: 20_000) { }

    /// <summary>The first items of each request; what <see cref="ItemRanker.TopMany"/> says of them.</summary>
    /// <param name="ranker">The items.</param>
    /// <param name="requests">At most <see cref="AtOnce"/>. Nothing of them may change until the end.</param>
    /// <param name="cancellationToken">Ends the waiting for a pass; one that has begun is soon over.</param>
    public async Task<RankedItem[][]> TopManyAsync(ItemRanker ranker, IReadOnlyList<RankingRequest> requests, CancellationToken cancellationToken)
    {
        if (ranker.Count < smallCatalogue)
        {
            return ranker.TopMany(requests);
        }

        var turn = new Turn(ranker, requests);
        var (begins, alone) = Enter(turn);
        if (begins)
        {
            // Nobody waits while there is room for another pass, so this one is its own.
            Pass([turn], threads: alone && ranker.Count >= LargeCatalogue ? Math.Min(2, passesAtOnce) : 1);
            return await turn.Task;
        }

        await using var registration = cancellationToken.UnsafeRegister((_, token) => Leave(turn, token), state: null);
        return await turn.Task;
    }

    /// <summary>How long somebody would wait for a pass to begin who comes behind those that wait already, and some others.</summary>
    public TimeSpan ExpectedWait(int others)
    {
        lock (_lock)
        {
            var blocks = (_requestsWaiting + others + AtOnce - 1) / AtOnce;
            return TimeSpan.FromSeconds(blocks * _passSeconds / passesAtOnce);
        }
    }

    private (bool Begins, bool Alone) Enter(Turn turn)
    {
        lock (_lock)
        {
            if (_passes < passesAtOnce)
            {
                _passes++;
                return (true, _passes == 1);
            }

            _waiting.AddLast(turn.Place);
            _requestsWaiting += turn.Requests.Count;
            return (false, false);
        }
    }

    private void Leave(Turn turn, CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            if (turn.Place.List is null)
            {
                return;
            }

            Remove(turn);
        }

        turn.Cancel(cancellationToken);
    }

    private void Remove(Turn turn)
    {
        _waiting.Remove(turn.Place);
        _requestsWaiting -= turn.Requests.Count;
    }

    private void Pass(List<Turn> turns, int threads)
    {
        var start = Stopwatch.GetTimestamp();
        Rank(turns, threads);
        var next = Leave(Stopwatch.GetElapsedTime(start).TotalSeconds);
        if (next.Count > 0)
        {
            // By somebody else, as those of this pass are to be answered.
            _ = Task.Run(() => Pass(next, threads: 1));
        }
    }

    /// <summary>Ends a pass: takes those who go on in the place of it, or nobody.</summary>
    private List<Turn> Leave(double seconds)
    {
        lock (_lock)
        {
            _passSeconds += (_passSeconds == 0 ? 1 : Newest) * (seconds - _passSeconds);
            var together = new List<Turn>();
            var room = AtOnce;
            for (var place = _waiting.First; place is not null;)
            {
                var turn = place.Value;
                place = place.Next;
                if (turn.Requests.Count <= room && (together.Count == 0 || ReferenceEquals(turn.Ranker, together[0].Ranker)))
                {
                    Remove(turn);
                    together.Add(turn);
                    room -= turn.Requests.Count;
                }
            }

            _passes -= together.Count == 0 ? 1 : 0;
            return together;
        }
    }

    private static void Rank(List<Turn> turns, int threads)
    {
        try
        {
            var ranked = turns[0].Ranker.TopMany([.. turns.SelectMany(turn => turn.Requests)], threads);
            var first = 0;
            foreach (var turn in turns)
            {
                turn.End(ranked[first..(first += turn.Requests.Count)]);
            }
        }
        catch (Exception exception)
        {
            if (turns.Count == 1)
            {
                turns[0].Fail(exception);
                return;
            }

            // Whoever is to blame shall fail alone.
            foreach (var turn in turns)
            {
                Rank([turn], threads);
            }
        }
    }

    private sealed class Turn
    {
        private readonly TaskCompletionSource<RankedItem[][]> _end = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Turn(ItemRanker ranker, IReadOnlyList<RankingRequest> requests)
        {
            (Ranker, Requests) = (ranker, requests);
            Place = new(this);
        }

        public ItemRanker Ranker { get; }

        public IReadOnlyList<RankingRequest> Requests { get; }

        /// <summary>Among those who wait; in no list once it has been taken.</summary>
        public LinkedListNode<Turn> Place { get; }

        public Task<RankedItem[][]> Task => _end.Task;

        public void End(RankedItem[][] ranked) => _end.SetResult(ranked);

        public void Fail(Exception exception) => _end.SetException(exception);

        public void Cancel(CancellationToken cancellationToken) => _end.SetCanceled(cancellationToken);
    }
}
