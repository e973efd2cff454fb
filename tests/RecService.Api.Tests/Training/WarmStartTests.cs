using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using RecService.Api.Models;
using RecService.Api.Tests.Fixtures;
using RecService.Api.Training;
using RecService.Engine.Data;
using RecService.Engine.Training;

namespace RecService.Api.Tests.Training;

public sealed class WarmStartTests(WarmStartTests.Service service) : IClassFixture<WarmStartTests.Service>
{
    [Fact]
    public async Task A_run_starts_where_the_last_one_stood_and_says_so()
    {
        var first = await FirstRunAsync();
        var second = await service.Client.TrainAsync();

        first.GetProperty("warmStartedFrom").ValueKind.ShouldBe(JsonValueKind.Null);
        first.GetProperty("startHoldoutLoss").ValueKind.ShouldBe(JsonValueKind.Null);
        FormerRun(second).ShouldBe(first.GetProperty("runId").GetInt64());
        var best = first.GetProperty("epochs")[first.GetProperty("bestEpoch").GetInt32() - 1];
        second.GetProperty("startHoldoutLoss").GetDouble().ShouldBe(best.GetProperty("holdoutLoss").GetDouble(), 1e-4);
        second
            .GetProperty("epochs")
            .EnumerateArray()
            .Count(epoch => epoch.GetProperty("phase").GetString() == "refit")
            .ShouldBe(Math.Max(1, second.GetProperty("bestEpoch").GetInt32()));
        FormerRun(await service.Client.TrainAsync()).ShouldBe(second.GetProperty("runId").GetInt64());
    }

    [Theory]
    [InlineData("HoldoutShare", "0.15")]
    [InlineData("Holdout", "newest")]
    [InlineData("Factors", "5")]
    [InlineData("L2Factors", "0.3")]
    [InlineData("Types:rating:Weight", "2")]
    public async Task A_run_of_another_holdout_or_model_starts_cold_and_so_does_the_one_after_it(string setting, string value)
    {
        await FirstRunAsync();

        FormerRun(await TrainAsync((setting, value))).ShouldBeNull();
        FormerRun(await service.Client.TrainAsync()).ShouldBeNull();
    }

    [Fact]
    public async Task Settings_of_how_long_and_how_fast_do_not_hinder_a_warm_start()
    {
        var first = await FirstRunAsync();

        var second = await TrainAsync(("Epochs", "5"), ("Patience", "2"), ("Threads", "2"), ("Seed", "7"), ("MinimumFeatureCount", "2"));

        FormerRun(second).ShouldBe(first.GetProperty("runId").GetInt64());
        second.GetProperty("settings").GetProperty("threads").GetInt32().ShouldBe(2);
        second.GetProperty("settings").GetProperty("solver").GetString().ShouldBe("adaGrad");
    }

    [Fact]
    public async Task A_failed_run_leaves_the_state_of_the_last_one_that_succeeded()
    {
        var first = await FirstRunAsync();
        await service.Client.DeleteJsonAsync("/v1/interactions?type=rating");
        (await service.Client.TrainAsync()).GetProperty("status").GetString().ShouldBe("failed");

        await service.Client.PostRatingsAsync(users: 20, items: 15);
        FormerRun(await service.Client.TrainAsync()).ShouldBe(first.GetProperty("runId").GetInt64());
    }

    [Fact]
    public async Task A_damaged_state_makes_a_cold_start()
    {
        await FirstRunAsync();
        (await service.ScalarAsync<int>("UPDATE training_state_chunks SET data = set_byte(data, 60, get_byte(data, 60) # 1) RETURNING 1")).ShouldBe(
            1
        );

        FormerRun(await service.Client.TrainAsync()).ShouldBeNull();
    }

    [Fact]
    public async Task A_state_that_training_cannot_go_on_from_makes_a_cold_start()
    {
        var first = await FirstRunAsync();
        var set = EncodedRows.Create(Data(heldOutTarget: 3), new());
        var other = new Trainer(new() { Factors = 3, Epochs = 1 }) { KeepsState = true }
            .Train(set.Space, set.Examples(set.AllRows), features: set.Index)
            .State!;
        await using (var connection = await service.Database.OpenConnectionAsync())
        {
            await StateStore.ReplaceAsync(connection, first.GetProperty("runId").GetInt64(), other, CancellationToken.None);
        }

        FormerRun(await service.Client.TrainAsync()).ShouldBeNull();
    }

    [Fact]
    public async Task Without_warm_start_no_state_is_kept()
    {
        await FirstRunAsync();
        (await service.ScalarAsync<long>("SELECT count(DISTINCT run_id) FROM training_state_chunks")).ShouldBe(1);

        FormerRun(await TrainAsync(("WarmStart", "false"))).ShouldBeNull();

        (await service.ScalarAsync<long>("SELECT count(*) FROM training_state_chunks")).ShouldBe(0);
    }

    [Fact]
    public async Task An_erased_user_is_gone_from_the_next_state()
    {
        var first = await FirstRunAsync();
        (await StateAsync(first)).Model.Features!.Features.ShouldContain(feature => feature.Group == "user.id" && feature.Category == "u3");

        await service.Client.DeleteAsync(new Uri("/v1/users/u3", UriKind.Relative));
        var second = await service.Client.TrainAsync();

        FormerRun(second).ShouldNotBeNull();
        var features = (await StateAsync(second)).Model.Features!.Features;
        features.ShouldContain(feature => feature.Group == "user.id" && feature.Category == "u4");
        features.ShouldNotContain(feature => feature.Category == "u3");
    }

    [Fact]
    public void A_chain_of_runs_has_never_learned_from_the_rows_that_are_held_out()
    {
        // Targets that differ by so little do not change which epoch is best.
        var options = new TrainingOptions
        {
            Objective = TrainingObjective.Rating,
            WarmStart = true,
            Holdout = HoldoutKind.Hash,
            HoldoutShare = 0.3,
            Epochs = 2,
            Factors = 4,
        };
        var chain = Chain(options, heldOutTarget: 3);
        var other = Chain(options, heldOutTarget: 3.01f);

        for (var run = 0; run < chain.Count; run++)
        {
            chain[run].BestEpoch.ShouldBe(other[run].BestEpoch);
            Saved(chain[run].State!).ShouldBe(Saved(other[run].State!));
            chain[run].Model.Weights.SequenceEqual(other[run].Model.Weights).ShouldBeFalse("the refit learns from all rows");
        }
    }

    private static List<FitOutcome> Chain(TrainingOptions options, float heldOutTarget)
    {
        var set = EncodedRows.Create(Data(heldOutTarget), options);
        var outcomes = new List<FitOutcome>();
        for (var run = 0; run < 3; run++)
        {
            outcomes.Add(FitAndRefit.Run(set, options, outcomes.LastOrDefault()?.State, served: null, _ => { }, CancellationToken.None));
            (outcomes[run].StartHoldoutLoss is not null).ShouldBe(run > 0);
        }

        return outcomes;
    }

    private static Cutoff Data(float heldOutTarget)
    {
        CutoffRow[] rows =
        [
            .. Enumerable.Range(0, 300).Select(row => new CutoffRow(row / 15, row % 15, 0, 1 + (((row / 15) + (row % 15)) % 5), 1, row)),
        ];
        var held = Holdout.Choose(Data(rows), new() { Holdout = HoldoutKind.Hash, HoldoutShare = 0.3 });
        return Data([.. rows.Select((row, r) => held[r] ? row with { Target = heldOutTarget } : row)]);
    }

    private static Cutoff Data(CutoffRow[] rows) =>
        new()
        {
            Users = [.. Enumerable.Range(0, 20).Select(u => EntityFeatures.Named($"u{u}"))],
            Items = [.. Enumerable.Range(0, 15).Select(i => EntityFeatures.Named($"i{i}"))],
            Contexts = [EntityFeatures.None],
            Rows = [.. rows],
            Dropped = new Dictionary<string, long>(),
            At = default,
            DatabaseSnapshot = "",
            DatabaseId = "",
        };

    private static byte[] Saved(TrainingState state)
    {
        using var file = new MemoryStream();
        state.Save(file);
        return file.ToArray();
    }

    private static long? FormerRun(JsonElement run)
    {
        run.GetProperty("status").GetString().ShouldBe("succeeded", run.ToString());
        return run.GetProperty("warmStartedFrom") is { ValueKind: JsonValueKind.Number } former ? former.GetInt64() : null;
    }

    /// <summary>A run as if there had been none before it.</summary>
    private async Task<JsonElement> FirstRunAsync()
    {
        await service.Client.PostRatingsAsync(users: 20, items: 15);
        await service.ScalarAsync<long>("WITH gone AS (DELETE FROM training_state_chunks RETURNING 1) SELECT count(*) FROM gone");
        return await service.Client.TrainAsync();
    }

    /// <summary>A run in a process with some settings of its own.</summary>
    private async Task<JsonElement> TrainAsync(params (string Key, string Value)[] changes)
    {
        var settings = new Dictionary<string, string>(Service.Shared, StringComparer.Ordinal);
        foreach (var (key, value) in changes)
        {
            settings[$"Training:{key}"] = value;
        }

        await using var factory = new RecServiceFactory(service.ConnectionString, settings);
        using var client = factory.CreateClient();
        return await client.TrainAsync();
    }

    private async Task<TrainingState> StateAsync(JsonElement run)
    {
        await using var connection = await service.Factory.Services.GetRequiredService<NpgsqlDataSource>().OpenConnectionAsync();
        await using var artifact = await Artifacts.OfTrainingStates.OpenReadAsync(
            connection,
            run.GetProperty("runId").GetInt64(),
            CancellationToken.None
        );
        return TrainingState.Load(artifact);
    }

    public sealed class Service(DatabaseServer server) : ServiceFixture(server)
    {
        public static readonly IReadOnlyDictionary<string, string> Shared = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["Training:Enabled"] = "false",
            ["Training:Objective"] = "rating",
            ["Training:WarmStart"] = "true",
            ["Training:Epochs"] = "4",
        };

        protected override IReadOnlyDictionary<string, string> Settings => Shared;
    }
}
