using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using RecService.Api.Http.Json;
using RecService.Api.Tests.Fixtures;
using RecService.Api.Training;

namespace RecService.Api.Tests.Training;

/// <summary>What a run will take is said before it, and one that would take too much is refused.</summary>
public sealed class RunPlanTests(ServiceFixture service) : IClassFixture<ServiceFixture>
{
    private const string Path = "/v1/training-runs";

    [Fact]
    public async Task A_plan_tells_what_a_run_would_read()
    {
        await service.Client.PostRatingsAsync(users: 12, items: 5);
        var runs = await RunsAsync(service.Client);
        // The statistics of the server tell it a moment later.
        using var limit = new CancellationTokenSource(Backstop.Limit);
        TrainingPlan plan;
        while ((plan = await PlanAsync(service.Client)) is not (60, 12, 5, _, _, _, _))
        {
            await Task.Delay(50, limit.Token);
        }

        plan.MemoryBytes.ShouldBeInRange(1, plan.LimitBytes);
        plan.ProcessBytes.ShouldBePositive();
        plan.Fits.ShouldBeTrue();
        (await RunsAsync(service.Client)).ShouldBe(runs);
    }

    [Fact]
    public async Task A_run_that_would_take_more_than_the_process_may_have_is_refused_with_the_figures()
    {
        await using var narrow = new RecServiceFactory(
            service.ConnectionString,
            new Dictionary<string, string> { ["Training:Enabled"] = "false", ["Training:MemoryMebibytes"] = "50" }
        );
        using var client = narrow.CreateClient();
        var runs = await RunsAsync(client);
        var plan = await PlanAsync(client);
        plan.LimitBytes.ShouldBe(50L << 20);
        plan.Fits.ShouldBeFalse();

        var problem = await client.PostJsonAsync(Path, new JsonObject(), HttpStatusCode.Conflict);

        problem.GetProperty("type").GetString().ShouldBe("/problems/training-run-too-large");
        problem.GetProperty("detail").GetString().ShouldNotBeNull().ShouldContain("it may have 50 MiB");
        (await RunsAsync(client)).ShouldBe(runs);

        // As the schedule starts it, which nobody can be told of but by its record.
        var (run, started) = await narrow.Services.GetRequiredService<RunStarter>().StartAsync(CancellationToken.None);
        started.ShouldBeTrue();
        var ended = await client.EndOfRunAsync(run.RunId);
        ended.GetProperty("status").GetString().ShouldBe("failed");
        ended.GetProperty("error").GetString().ShouldNotBeNull().ShouldContain("it may have 50 MiB");
    }

    private static async Task<TrainingPlan> PlanAsync(HttpClient client) =>
        (await client.GetJsonAsync($"{Path}/plan")).Deserialize<TrainingPlan>(ApiJson.Options).ShouldNotBeNull();

    private static async Task<int> RunsAsync(HttpClient client) => (await client.GetJsonAsync(Path)).GetProperty("trainingRuns").GetArrayLength();
}
