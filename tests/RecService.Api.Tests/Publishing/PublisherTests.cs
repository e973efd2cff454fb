using System.Net;
using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;
using RecService.Api.Publishing;
using RecService.Api.Storage;
using RecService.Api.Tests.Fixtures;
using RecService.Api.Tests.Training;
using RecService.Engine.Model;

namespace RecService.Api.Tests.Publishing;

public sealed class PublisherTests(PublisherTests.Service service) : IClassFixture<PublisherTests.Service>
{
    [Fact]
    public async Task After_a_silence_that_the_log_of_changes_may_not_span_the_catalogue_is_read_anew()
    {
        var clock = new FakeTimeProvider();
        using var publisher = ActivatorUtilities.CreateInstance<Publisher>(service.Factory.Services, clock);
        await publisher.RefreshAsync(retryRefused: true, CancellationToken.None);
        await service.Client.PutJsonAsync("/v1/items/forgotten", new { }, HttpStatusCode.Created);
        await service.ScalarAsync<long>("WITH forgotten AS (DELETE FROM changes RETURNING 1) SELECT count(*) FROM forgotten");

        clock.Advance(ChangeLog.Kept / 4);
        await publisher.RefreshAsync(retryRefused: false, CancellationToken.None);
        publisher.Current.Catalog.IndexOf("forgotten").ShouldBeNull("the log is believed while it is sure to hold what happened");

        clock.Advance(ChangeLog.Kept);
        await publisher.RefreshAsync(retryRefused: false, CancellationToken.None);
        publisher.Current.Catalog.IndexOf("forgotten").ShouldNotBeNull();
    }

    [Fact]
    public async Task A_model_whose_scores_are_not_finite_is_never_served()
    {
        await service.Client.PostRatingsAsync(users: 12, items: 10);
        var overflowing = await TrainAsync();
        var served = await TrainAsync();
        await OverflowAsync(overflowing);

        var problem = await service.Client.PostJsonAsync($"/v1/models/{overflowing}/activate", new JsonObject(), HttpStatusCode.Conflict);
        problem.GetProperty("type").GetString().ShouldBe("/problems/model-unusable");

        // Another process may activate it all the same: the old snapshot stays.
        await service.ScalarAsync<long>("UPDATE active_model SET version = $1 RETURNING version", overflowing);
        await RefreshAsync();
        var answer = await service.Client.PostJsonAsync("/v1/recommendations", new JsonObject { ["userId"] = "nobody" });
        answer.GetProperty("modelVersion").GetInt64().ShouldBe(served);
        answer.GetProperty("items").GetArrayLength().ShouldBeGreaterThan(0);
        (await SnapshotStatusAsync()).ShouldBe("Degraded");

        await service.Client.PostJsonAsync($"/v1/models/{served}/activate", new JsonObject());
        await RefreshAsync();
        (await SnapshotStatusAsync()).ShouldBe("Healthy");
    }

    /// <summary>Gives a stored model numbers that are finite one by one, and not in sum.</summary>
    private async Task OverflowAsync(long version)
    {
        FactorizationModel model;
        await using (var file = await service.Client.GetStreamAsync(new Uri($"/v1/models/{version}/export", UriKind.Relative)))
        {
            using var whole = new MemoryStream();
            await file.CopyToAsync(whole);
            whole.Position = 0;
            model = ModelFile.Load(whole);
        }

        var weights = new float[model.Space.ColumnCount];
        Array.Fill(weights, float.MaxValue);
        using var overflowing = new MemoryStream();
        ModelFile.Save(
            overflowing,
            new FactorizationModel(
                model.Space,
                model.Crossing,
                model.Loss,
                model.Factors,
                bias: float.MaxValue,
                weights,
                new float[model.Space.FactorCount * model.Stride],
                model.TargetMinimum,
                model.TargetMaximum,
                model.Features
            )
        );
        (
            await service.ScalarAsync<long>(
                "WITH replaced AS (UPDATE model_chunks SET data = $2 WHERE version = $1 RETURNING 1) SELECT count(*) FROM replaced",
                version,
                overflowing.ToArray()
            )
        ).ShouldBe(1);
    }

    private async Task<long> TrainAsync()
    {
        var run = await service.Client.TrainAsync();
        run.GetProperty("status").GetString().ShouldBe("succeeded", run.ToString());
        await RefreshAsync();
        return run.GetProperty("modelVersion").GetInt64();
    }

    private async Task<string?> SnapshotStatusAsync() =>
        (await service.Client.GetJsonAsync("/health/ready")).GetProperty("checks").GetProperty("snapshot").GetProperty("status").GetString();

    private Task RefreshAsync() => service.Factory.Services.GetRequiredService<Publisher>().RefreshAsync(retryRefused: true, CancellationToken.None);

    public sealed class Service(DatabaseServer server) : ServiceFixture(server)
    {
        protected override IReadOnlyDictionary<string, string> Settings { get; } =
            new Dictionary<string, string>(StringComparer.Ordinal)
            {
                ["Training:Enabled"] = "false",
                ["Training:Objective"] = "rating",
                ["Training:Epochs"] = "3",
            };
    }
}
