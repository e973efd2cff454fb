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
