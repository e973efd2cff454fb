using Microsoft.Extensions.Time.Testing;
using Npgsql;
using RecService.Api.Storage;

namespace RecService.Api.Tests.Storage;

public sealed class ReadCircuitBreakerTests
{
    private readonly FakeTimeProvider _clock = new();
    private readonly ReadCircuitBreaker _reads;
    private bool _isAway;
    private int _asked;

    public ReadCircuitBreakerTests() => _reads = new(new(new DatabaseOptions { ScoringTimeout = TimeSpan.FromMinutes(5) }, "", Embedded: null), _clock);

    [Fact]
    public async Task While_the_database_is_away_one_read_a_second_finds_out_whether_it_is_back()
    {
        await ShouldAnswerAsync(asked: 1);
        _isAway = true;
        await ShouldBeRefusedAsync(asked: 2);
        await ShouldBeRefusedAsync(asked: 2);

        _clock.Advance(TimeSpan.FromSeconds(1) - TimeSpan.FromMilliseconds(1));
        await ShouldBeRefusedAsync(asked: 2);
        _clock.Advance(TimeSpan.FromMilliseconds(1));
        await ShouldBeRefusedAsync(asked: 3);
        await ShouldBeRefusedAsync(asked: 3);
    }

    [Fact]
    public async Task Once_the_database_is_back_all_reads_go_through_again()
    {
        _isAway = true;
        await ShouldBeRefusedAsync(asked: 1);
        _isAway = false;
        _clock.Advance(TimeSpan.FromSeconds(1));

        await ShouldAnswerAsync(asked: 2);
        await ShouldAnswerAsync(asked: 3);
        await ShouldAnswerAsync(asked: 4);
    }

    [Fact]
    public async Task Reads_that_share_their_time_have_it_once_and_leave_others_theirs()
    {
        var shared = _reads.ShareTime();
        await _reads.ReadAsync(AfterMinutes(3), CancellationToken.None, shared);
        _clock.Advance(TimeSpan.FromMinutes(10));
        shared.Left.ShouldBe(TimeSpan.FromMinutes(2));
        await _reads.ReadAsync(AfterMinutes(2), CancellationToken.None, shared);
        await Should.ThrowAsync<DatabaseAwayException>(() => _reads.ReadAsync(ReadAsync, CancellationToken.None, shared));
        _asked.ShouldBe(0);

        await ShouldAnswerAsync(asked: 1);
    }

    [Fact]
    public async Task A_large_read_that_takes_too_long_keeps_no_other_from_the_database_and_one_that_fails_does()
    {
        var reads = new ReadCircuitBreaker(new(new DatabaseOptions { ScoringTimeout = TimeSpan.FromMilliseconds(1) }, "", Embedded: null), _clock);
        async Task<string> ReadForeverAsync(CancellationToken cancellationToken)
        {
            await Task.Delay(Timeout.Infinite, cancellationToken);
            return "";
        }

        await Should.ThrowAsync<DatabaseAwayException>(() => reads.ReadAsync(ReadForeverAsync, CancellationToken.None, reads.ShareTime()));
        (await reads.ReadAsync(ReadAsync, CancellationToken.None)).ShouldBe("answer");

        _isAway = true;
        await Should.ThrowAsync<DatabaseAwayException>(() => reads.ReadAsync(ReadAsync, CancellationToken.None, reads.ShareTime()));
        await Should.ThrowAsync<DatabaseAwayException>(() => reads.ReadAsync(ReadAsync, CancellationToken.None));
        _asked.ShouldBe(2);
    }

    private Func<CancellationToken, Task<string>> AfterMinutes(int minutes) =>
        _ =>
        {
            _clock.Advance(TimeSpan.FromMinutes(minutes));
            return Task.FromResult("answer");
        };

    private async Task ShouldAnswerAsync(int asked)
    {
        (await _reads.ReadAsync(ReadAsync, CancellationToken.None)).ShouldBe("answer");
        _asked.ShouldBe(asked);
    }

    private async Task ShouldBeRefusedAsync(int asked)
    {
        await Should.ThrowAsync<DatabaseAwayException>(() => _reads.ReadAsync(ReadAsync, CancellationToken.None));
        _asked.ShouldBe(asked);
    }

    private Task<string> ReadAsync(CancellationToken cancellationToken)
    {
        _asked++;
        return _isAway ? throw new NpgsqlException("The database is away.", new IOException()) : Task.FromResult("answer");
    }
}
