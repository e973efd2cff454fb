using RecService.Api.Scoring;
using RecService.Api.Tests.Fixtures;
using RecService.Engine.Data;
using RecService.Engine.Losses;
using RecService.Engine.Model;
using RecService.Engine.Scoring;

namespace RecService.Api.Tests.Scoring;

public sealed class JoinedRankingTests : IDisposable
{
    private const int Users = 40;
    private const int Items = 3_000;
    private const int Factors = 16;

    private readonly Gate _first = new();
    private readonly Gate _second = new();
    private readonly JoinedRanking _joined = new(passesAtOnce: 1, smallCatalogue: 1);
    private readonly ItemRanker _ranker;

    public JoinedRankingTests() => _ranker = Ranker(_second);

    [Fact]
    public async Task Those_who_come_during_a_pass_share_the_next_one_and_get_what_each_would_get_alone()
    {
        var (first, others) = await DuringAPassAsync(() => [.. Enumerable.Range(1, 12).Select(user => AskAsync(user))]);
        _joined.ExpectedWait(0).ShouldBe(TimeSpan.Zero, "no pass has ended yet, so nobody knows what one takes");
        _second.Close();
        _first.Open();
        await _second.EnteredAsync();

        // In the second pass, by all.
        _joined.ExpectedWait(0).ShouldBe(TimeSpan.Zero);
        _joined.ExpectedWait(1).ShouldBeGreaterThan(TimeSpan.Zero);
        _second.Open();
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
        _second.Close();
        _first.Open();
        await _second.EnteredAsync();

        // Four wait for one more pass, whom twelve can join; a thirteenth waits for another.
        var wait = _joined.ExpectedWait(0);
        wait.ShouldBeGreaterThan(TimeSpan.Zero);
        _joined.ExpectedWait(12).ShouldBe(wait);
        _joined.ExpectedWait(13).ShouldBeGreaterThan(wait);
        _second.Open();
        await Task.WhenAll([first, .. others]);
    }

    [Fact]
    public async Task Whoever_leaves_and_whose_request_fails_disturbs_nobody()
    {
        using var gone = new CancellationTokenSource();
        var (first, others) = await DuringAPassAsync(() =>
            [
                AskAsync(1),
                AskAsync(2, cancellationToken: gone.Token),
                AskAsync(3, allowed: new ItemSet(Items - 1)),
                AskAsync(4),
            ]
        );
        await gone.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(() => others[1]);
        _first.Open();

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
        _first.Open();

        await first;
        (await others[0]).ShouldBe([.. ExpectedOf(1)]);
        (await others[1]).ShouldBe([.. Enumerable.Range(Items - 5, 5).Reverse()]);
        (await others[2]).ShouldBe([.. ExpectedOf(2)]);
    }

    public void Dispose()
    {
        _first.Dispose();
        _second.Dispose();
    }

    /// <summary>Begins a pass of user 0, and has others come while it goes on.</summary>
    private async Task<(Task<int[]> First, Task<int[]>[] Others)> DuringAPassAsync(Func<Task<int[]>[]> come)
    {
        _first.Close();
        var first = Task.Run(() => AskAsync(0, ranker: Ranker(_first)));
        await _first.EnteredAsync();
        return (first, come());
    }

    private async Task<int[]> AskAsync(int user, ItemSet? allowed = null, ItemRanker? ranker = null, CancellationToken cancellationToken = default)
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

    /// <summary>An order of items; the next one who asks for it stands still once it is closed.</summary>
    private sealed class Gate : IComparer<int>, IDisposable
    {
        private readonly SemaphoreSlim _entered = new(0);
        private readonly SemaphoreSlim _left = new(0);
        private int _closed;

        public void Close() => Volatile.Write(ref _closed, 1);

        public async Task EnteredAsync() => (await _entered.WaitAsync(Backstop.Limit)).ShouldBeTrue();

        public void Open() => _left.Release();

        public int Compare(int x, int y)
        {
            if (Interlocked.Exchange(ref _closed, 0) == 1)
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
