using RecService.Api.Scoring;
using RecService.Api.Tests.Fixtures;
using RecService.Engine.Data;
using RecService.Engine.Model;
using RecService.Engine.Losses;
using RecService.Engine.Scoring;

namespace RecService.Api.Tests.Scoring;

public sealed class JoinedRankingTests : IDisposable
{
    private const int Users = 40;
    private const int Items = 3_000;
    private const int Factors = 4;

    private readonly Gate _gate = new();
    private readonly JoinedRanking _joined = new(passesAtOnce: 1, smallCatalogue: 1);
    private readonly ItemRanker _ranker;

    public JoinedRankingTests() => _ranker = Ranker(_gate);

    [Fact]
    public async Task Those_who_come_during_a_pass_share_the_next_one_and_get_what_each_would_get_alone()
    {
        var (first, others) = await DuringAPassAsync(() => [.. Enumerable.Range(1, 12).Select(user => AskAsync(user))]);
        _joined.ExpectedWait(0).ShouldBe(TimeSpan.Zero, "no pass has ended yet, so nobody knows what one takes");
        _gate.Next();
        await _gate.EnteredAsync();

        // In the second pass, by all.
        _joined.ExpectedWait(0).ShouldBe(TimeSpan.Zero);
        _joined.ExpectedWait(1).ShouldBeGreaterThan(TimeSpan.Zero);
        _gate.Open();
        (await first).ShouldBe([.. ExpectedOf(0)]);
        for (var i = 0; i < others.Length; i++)
        {
            (await others[i]).ShouldBe([.. ExpectedOf(i + 1)]);
        }
    }

    [Fact]
    public async Task No_more_than_16_share_a_pass_and_what_waits_is_reckoned_in_passes()
    {
        var (first, others) = await DuringAPassAsync(() => [.. Enumerable.Range(1, 20).Select(user => AskAsync(user))]);
        _gate.Next();
        await _gate.EnteredAsync();

        // Four wait for one more pass, whom twelve can join; a thirteenth waits for another.
        var wait = _joined.ExpectedWait(0);
        wait.ShouldBeGreaterThan(TimeSpan.Zero);
        _joined.ExpectedWait(12).ShouldBe(wait);
        _joined.ExpectedWait(13).ShouldBeGreaterThan(wait);
        _gate.Open();
        await Task.WhenAll([first, .. others]);
    }

    [Fact]
    public async Task Whoever_leaves_and_whose_request_fails_disturbs_nobody()
    {
        using var gone = new CancellationTokenSource();
        var (first, others) = await DuringAPassAsync(() =>
            [
                AskAsync(1),
                AskAsync(2, gone.Token),
                AskAsync(3, allowed: new ItemSet(Items - 1)),
                AskAsync(4),
            ]
        );
        await gone.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(() => others[1]);
        _gate.Open();

        (await first).ShouldBe([.. ExpectedOf(0)]);
        (await others[0]).ShouldBe([.. ExpectedOf(1)]);
        await Should.ThrowAsync<ArgumentException>(() => others[2]);
        (await others[3]).ShouldBe([.. ExpectedOf(4)]);
        // All has been put in order again.
        (await AskAsync(5)).ShouldBe([.. ExpectedOf(5)]);
        _joined.ExpectedWait(0).ShouldBe(TimeSpan.Zero);
    }

    [Fact]
    public async Task Those_of_different_catalogues_rank_each_by_its_own()
    {
        var other = Ranker(Comparer<int>.Create((x, y) => y.CompareTo(x)));
        var (first, others) = await DuringAPassAsync(() => [AskAsync(1), AskAsync(1, ranker: other), AskAsync(2)]);
        _gate.Open();

        await first;
        (await others[0]).ShouldBe([.. ExpectedOf(1)]);
        (await others[1]).ShouldBe([.. Enumerable.Range(Items - 5, 5).Reverse()]);
        (await others[2]).ShouldBe([.. ExpectedOf(2)]);
    }

    public void Dispose() => _gate.Dispose();

    /// <summary>Begins a pass of user 0, and has others come while it goes on.</summary>
    private async Task<(Task<int[]> First, Task<int[]>[] Others)> DuringAPassAsync(Func<Task<int[]>[]> come)
    {
        _gate.Close();
        var first = Task.Run(() => AskAsync(0));
        await _gate.EnteredAsync();
        return (first, come());
    }

    private async Task<int[]> AskAsync(int user, CancellationToken cancellationToken = default, ItemSet? allowed = null, ItemRanker? ranker = null)
    {
        var row = new RowBuffer();
        row.Add(user);
        var ranked = await _joined.TopManyAsync(ranker ?? _ranker, [new(row, 5, allowed ?? Allowed(user))], cancellationToken);
        return [.. ranked.ShouldHaveSingleItem().Select(item => item.Item)];
    }

    /// <summary>All items score alike, and each user may get those from some item on.</summary>
    private static IEnumerable<int> ExpectedOf(int user) => Enumerable.Range(user * 10, 5);

    private static ItemSet? Allowed(int user)
    {
        var allowed = new ItemSet(Items);
        for (var item = user * 10; item < Items; item++)
        {
            allowed[item] = true;
        }

        return allowed;
    }

    private static ItemRanker Ranker(IComparer<int> order)
    {
        var space = new FeatureSpace(["user", "item"], [.. Enumerable.Repeat(0, Users), .. Enumerable.Repeat(1, Items)]);
        var model = new FactorizationModel(space, Crossing.FieldPooled, Loss.Squared, Factors, 0, new float[space.ColumnCount], new float[space.FactorCount * Factors]);
        var rows = new SparseRowsBuilder();
        for (var item = 0; item < Items; item++)
        {
            rows.Add(Users + item);
            rows.EndRow();
        }

        return new(model, rows.Build(), order: order);
    }

    /// <summary>An order of items that a pass stands still in, as long as it is closed.</summary>
    private sealed class Gate : IComparer<int>, IDisposable
    {
        private readonly SemaphoreSlim _entered = new(0);
        private readonly SemaphoreSlim _left = new(0);
        private volatile bool _closed;
        private volatile int _standing = -1;

        public void Close() => _closed = true;

        public Task EnteredAsync() => _entered.WaitAsync(Backstop.Limit).ContinueWith(entered => entered.Result.ShouldBeTrue(), TaskScheduler.Default);

        /// <summary>Lets the pass go that stands still; the next one stands still again.</summary>
        public void Next() => _left.Release();

        public void Open()
        {
            _closed = false;
            _left.Release();
        }

        public int Compare(int x, int y)
        {
            // A pass is a thread's from beginning to end.
            if (_closed && Interlocked.Exchange(ref _standing, Environment.CurrentManagedThreadId) != Environment.CurrentManagedThreadId)
            {
                _entered.Release();
                _left.Wait(Backstop.Limit).ShouldBeTrue();
            }

            return x.CompareTo(y);
        }

        public void Dispose()
        {
            _entered.Dispose();
            _left.Dispose();
        }
    }
}
