using System.Text.Json.Nodes;
using RecService.Api.Storage;
using RecService.Api.Tests.Fixtures;
using RecService.Api.Training;
using RecService.Engine.Data;
using RecService.Engine.Training;

namespace RecService.Api.Tests.Training;

/// <summary>What the record of a run says that diverged, and of whom.</summary>
public sealed class DivergedRunTests(DatabaseServer server)
{
    [Theory]
    [InlineData("Rating")]
    [InlineData("Next")]
    public async Task The_record_names_user_item_and_value_until_the_user_is_erased(string objective)
    {
        await using var service = new Service(server, objective);
        await service.InitializeAsync();
        var interactions = new JsonArray();
        for (var n = 0; n < 200; n++)
        {
            interactions.Add(
                new JsonObject
                {
                    ["userId"] = $"u{n % 20}",
                    ["itemId"] = $"i{n % 11}",
                    ["type"] = "rating",
                    ["value"] = n == 33 ? 2e30 : 4 + (n % 2),
                    ["occurredAt"] = DateTimeOffset.UnixEpoch.AddDays(n),
                }
            );
        }

        await service.Client.PostJsonAsync("/v1/interactions", new JsonObject { ["interactions"] = interactions });
        var run = await service.Client.TrainAsync();

        run.GetProperty("status").GetString().ShouldBe("failed", run.ToString());
        var error = run.GetProperty("error").GetString()!;
        error.ShouldStartWith("Training diverged in epoch 1");
        if (objective == "Rating")
        {
            error.ShouldContain("Far from the others: user 'u13' and item 'i0' with the target 2E+30, ");
        }
        else
        {
            // A target is no number there, and entries of rows are of one size.
            error.ShouldNotContain("target");
        }

        await service.Client.DeleteJsonAsync("/v1/users/u13");
        var left = (await service.Client.GetJsonAsync($"/v1/training-runs/{run.GetProperty("runId").GetInt64()}")).GetProperty("error").GetString()!;
        left.ShouldBe(error.Replace("user 'u13'", "an erased user", StringComparison.Ordinal));
    }

    [Fact]
    public void Who_was_erased_while_the_run_went_on_is_not_named_and_the_log_names_nobody()
    {
        var diverged = new TrainingDivergedException(
            2,
            [new(0, IsHeldOut: false, Column: null, 1e30f, 1e29), new(1, IsHeldOut: true, Column: 1, 1e9f, 1e18)]
        );
        var cutoff = new Cutoff
        {
            Users = [EntityFeatures.Named("anna"), EntityFeatures.Named("bob")],
            Items = [EntityFeatures.Named("film")],
            Contexts = [EntityFeatures.None],
            Rows = [],
            Dropped = new Dictionary<string, long>(),
            At = DateTimeOffset.UnixEpoch,
            DatabaseSnapshot = "",
            DatabaseId = "",
        };
        var exception = new DivergedRunException(diverged, cutoff, new(["user", "context.size"], [0, 1]), far => (far.Index, 0));

        exception
            .ErrorWithout(new(1, new HashSet<UserHash> { UserHash.Read(Erasures.HashOf("bob")) }))
            .ShouldEndWith(
                "Far from the others: user 'anna' and item 'film' with the target 1E+30, 1E+29 times the median; "
                    + "an erased user and item 'film' with the entry 1E+09 of 'context.size', which makes its squares 1E+18 times the median."
            );
        exception.Message.ShouldNotContain("anna");
    }

    private sealed class Service(DatabaseServer server, string objective) : ServiceFixture(server)
    {
        protected override IReadOnlyDictionary<string, string> Settings { get; } =
            new Dictionary<string, string>(StringComparer.Ordinal)
            {
                ["Training:Enabled"] = "false",
                ["Training:Objective"] = objective,
                ["Training:LearningRate"] = "1e30",
                ["Training:Types:rating:Minimum"] = "0",
                ["Training:Types:rating:Maximum"] = "1e35",
            };
    }
}
