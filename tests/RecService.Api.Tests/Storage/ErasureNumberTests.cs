using RecService.Api.Storage;
using RecService.Api.Tests.Fixtures;
using RecService.Api.Tests.Training;

namespace RecService.Api.Tests.Storage;

public sealed class ErasureNumberTests(ServiceFixture service) : IClassFixture<ServiceFixture>
{
    [Fact]
    public async Task An_erasure_gets_its_number_when_those_before_it_have_been_committed()
    {
        await using var first = await service.Database.OpenConnectionAsync();
        await using var second = await service.Database.OpenConnectionAsync();
        await using var watcher = await service.Database.OpenConnectionAsync();
        var horizon = await Erasures.HorizonAsync(watcher, CancellationToken.None);
        await using var earlier = await first.BeginTransactionAsync();
        await using var later = await second.BeginTransactionAsync();

        var number = await Erasures.RecordAsync(first, "ann", DateTimeOffset.UtcNow, CancellationToken.None);
        var next = Erasures.RecordAsync(second, "bob", DateTimeOffset.UtcNow, CancellationToken.None);
        await watcher.UntilAwaitedAsync("erased_users");
        next.IsCompleted.ShouldBeFalse();
        await earlier.CommitAsync();

        number.ShouldBe(horizon + 1);
        (await next).ShouldBe(horizon + 2);
        await later.CommitAsync();
        (await Erasures.HorizonAsync(watcher, CancellationToken.None)).ShouldBe(horizon + 2);
    }
}
