using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using RecService.Api.Models;
using RecService.Api.Publishing;
using RecService.Api.Storage;
using RecService.Api.Tests.Fixtures;
using RecService.Api.Tests.Training;

namespace RecService.Api.Tests.Models;

/// <summary>The steps that the end of a run and activation by hand are made of.</summary>
public sealed class ModelStoreTests(ModelStoreTests.Service service) : IClassFixture<ModelStoreTests.Service>
{
    [Fact]
    public async Task A_stored_model_is_not_served_before_it_is_activated()
    {
        var served = await TrainAsync();
        var stored = await StoreAgainAsync(served);

        (await ServedAfterRefreshAsync()).ShouldBe(served);
        var record = await service.Client.GetJsonAsync($"/v1/models/{stored}");
        record.GetProperty("active").GetBoolean().ShouldBeFalse();
        record
            .GetProperty("sha256")
            .GetString()
            .ShouldBe((await service.Client.GetJsonAsync($"/v1/models/{served}")).GetProperty("sha256").GetString());

        await service.Client.PostJsonAsync($"/v1/models/{stored}/activate", new JsonObject());
        (await ServedAfterRefreshAsync()).ShouldBe(stored);
    }

    [Fact]
    public async Task Who_activates_a_model_that_a_run_removes_waits_for_the_run_and_finds_it_gone()
    {
        var former = await TrainAsync();
        var next = await StoreAgainAsync(former);
        await using var ofRun = await service.Database.OpenConnectionAsync();
        await using var end = await ofRun.BeginTransactionAsync();
        (await ModelStore.ActivateAsync(ofRun, next, DateTimeOffset.UtcNow, CancellationToken.None)).ShouldBeTrue();

        await using var byHand = await service.Database.OpenConnectionAsync();
        await using var activation = await byHand.BeginTransactionAsync();
        var activated = ModelStore.ActivateAsync(byHand, former, DateTimeOffset.UtcNow, CancellationToken.None);
        using var limit = new CancellationTokenSource(Backstop.Limit);
        while (!await ofRun.ScalarAsync<bool>("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND pid = $1)", limit.Token, byHand.ProcessID))
        {
            await Task.Delay(20, limit.Token);
        }

        // If the other had locked the row of its model by now, each would wait for the other.
        (await ModelStore.PruneAsync(ofRun, keep: 1, DateTimeOffset.UtcNow, CancellationToken.None)).ShouldBeGreaterThan(0);
        await end.CommitAsync();

        (await activated).ShouldBeFalse();
    }

    /// <summary>Stores the model of a version once more; returns the new version.</summary>
    private async Task<long> StoreAgainAsync(long version)
    {
        var loaded = await service.Factory.Services.GetRequiredService<ModelLoader>().LoadAsync(version, CancellationToken.None);
        await using var context = await service
            .Factory.Services.GetRequiredService<IDbContextFactory<RecServiceDbContext>>()
            .CreateDbContextAsync(CancellationToken.None);
        var run = await context.TrainingRuns.SingleAsync(run => run.ModelVersion == version);
        await using var connection = await service.Database.OpenConnectionAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        var (stored, _) = await ModelStore.InsertAsync(
            connection,
            run,
            run.Metrics,
            loaded.Model,
            loaded.ErasureHorizon,
            DateTimeOffset.UtcNow,
            CancellationToken.None
        );
        await transaction.CommitAsync();
        return stored;
    }

    private async Task<long> TrainAsync()
    {
        await service.Client.PostRatingsAsync(users: 5, items: 5);
        var run = await service.Client.TrainAsync();
        run.GetProperty("status").GetString().ShouldBe("succeeded", run.ToString());
        return run.GetProperty("modelVersion").GetInt64();
    }

    private async Task<long?> ServedAfterRefreshAsync()
    {
        await service.Factory.Services.GetRequiredService<Publisher>().RefreshAsync(retryRefused: true, CancellationToken.None);
        var answer = await service.Client.PostJsonAsync("/v1/recommendations", new JsonObject());
        return answer.GetProperty("modelVersion") is { ValueKind: JsonValueKind.Number } version ? version.GetInt64() : null;
    }

    public sealed class Service(DatabaseServer server) : ServiceFixture(server)
    {
        protected override IReadOnlyDictionary<string, string> Settings { get; } =
            new Dictionary<string, string>(StringComparer.Ordinal)
            {
                ["Training:Enabled"] = "false",
                ["Training:Objective"] = "rating",
                ["Training:Epochs"] = "2",
            };
    }
}
