using System.Net;
using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting.Internal;
using Microsoft.Extensions.Logging.Abstractions;
using RecService.Api.Tests.Fixtures;
using RecService.Api.Training;

namespace RecService.Api.Tests.Training;

/// <summary>Runs that are cancelled, or lose the right to train, at the last moment.</summary>
public sealed class StoppedRunTests(StoppedRunTests.Service service) : IClassFixture<StoppedRunTests.Service>
{
    [Fact]
    public async Task A_run_is_cancelled_through_whichever_process_is_asked()
    {
        await using var other = new RecServiceFactory(service.ConnectionString, Service.TrainingSettings);
        using var client = other.CreateClient();
        await using var run = await HeldRun.StartAsync(service.ConnectionString, service.Client);

        var asked = await client.PostJsonAsync($"/v1/training-runs/{run.RunId}/cancel", new JsonObject(), HttpStatusCode.Accepted);
        asked.GetProperty("runId").GetInt64().ShouldBe(run.RunId);
        var ended = await client.EndOfRunAsync(run.RunId);

        ended.GetProperty("status").GetString().ShouldBe("cancelled");
        ended.GetProperty("error").GetString().ShouldBe("The run was cancelled.");
        (await client.PostJsonAsync($"/v1/training-runs/{run.RunId}/cancel", new JsonObject())).ToString().ShouldBe(ended.ToString());
        await ShouldHaveNoModelAsync(run.RunId);
    }

    [Fact]
    public async Task A_run_that_is_cancelled_before_its_model_is_active_does_not_activate_it_however_soon_it_could()
    {
        await using var run = await HeldRun.StartAsync(service.ConnectionString, service.Client);

        await service.Client.PostJsonAsync($"/v1/training-runs/{run.RunId}/cancel", new JsonObject(), HttpStatusCode.Accepted);
        await run.LetGoAsync();

        (await service.Client.EndOfRunAsync(run.RunId)).GetProperty("status").GetString().ShouldBe("cancelled");
        await ShouldHaveNoModelAsync(run.RunId);
    }

    [Fact]
    public async Task A_run_whose_lock_is_lost_stops_and_says_why_and_the_next_one_can_begin()
    {
        await using (var run = await HeldRun.StartAsync(service.ConnectionString, service.Client))
        {
            await run.BreakLockAsync();

            var ended = await service.Client.EndOfRunAsync(run.RunId);
            ended.GetProperty("status").GetString().ShouldBe("failed");
            ended.GetProperty("error").GetString()!.ShouldContain("right to train was lost");
            await ShouldHaveNoModelAsync(run.RunId);
        }

        (await service.Client.TrainAsync()).GetProperty("status").GetString().ShouldBe("succeeded");
    }

    [Fact]
    public async Task A_run_whose_lock_another_process_has_taken_stores_nothing_however_soon_it_could()
    {
        await using var run = await HeldRun.StartAsync(service.ConnectionString, service.Client);
        await run.BreakLockAsync();

        // What every process does that takes the lock.
        await service.Factory.Services.GetRequiredService<RunStore>().FailOrphansAsync(CancellationToken.None);
        await run.LetGoAsync();

        var ended = await service.Client.EndOfRunAsync(run.RunId);
        ended.GetProperty("status").GetString().ShouldBe("failed");
        // Whichever was first: the other process, or this one, which looks at its lock every second.
        ended.GetProperty("error").GetString()!.ShouldMatch("process ended|right to train was lost");
        (await service.Client.TrainAsync()).GetProperty("status").GetString().ShouldBe("succeeded", "this process waits for its former run to end");
        await ShouldHaveNoModelAsync(run.RunId);
    }

    [Fact]
    public async Task A_run_that_begins_when_the_service_has_been_told_to_stop_ends_at_once()
    {
        await service.Client.PostRatingsAsync(users: 10, items: 10);
        var lifetime = new ApplicationLifetime(NullLogger<ApplicationLifetime>.Instance);
        lifetime.StopApplication();
        var supervisor = ActivatorUtilities.CreateInstance<RunSupervisor>(service.Factory.Services, lifetime);
        using var starter = ActivatorUtilities.CreateInstance<RunStarter>(service.Factory.Services, supervisor);

        var (run, _) = await starter.StartAsync(CancellationToken.None);

        var ended = await service.Client.EndOfRunAsync(run.RunId);
        ended.GetProperty("status").GetString().ShouldBe("cancelled");
        ended.GetProperty("error").GetString()!.ShouldContain("service was stopped");
        await ShouldHaveNoModelAsync(run.RunId);
    }

    private async Task ShouldHaveNoModelAsync(long runId) =>
        (await service.Client.GetJsonAsync("/v1/models"))
            .GetProperty("models")
            .EnumerateArray()
            .ShouldNotContain(model => model.GetProperty("runId").GetInt64() == runId);

    public sealed class Service(DatabaseServer server) : ServiceFixture(server)
    {
        public static IReadOnlyDictionary<string, string> TrainingSettings { get; } =
            new Dictionary<string, string>(StringComparer.Ordinal)
            {
                ["Training:Enabled"] = "false",
                ["Training:Objective"] = "rating",
                ["Training:Epochs"] = "2",
                // What a run stores waits for its test, however busy the machine is.
                ["Database:CommandTimeout"] = "00:05:00",
            };

        protected override IReadOnlyDictionary<string, string> Settings => TrainingSettings;
    }
}
