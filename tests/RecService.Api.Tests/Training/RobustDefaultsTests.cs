using System.Text.Json;
using System.Text.Json.Nodes;
using RecService.Api.Tests.Fixtures;

namespace RecService.Api.Tests.Training;

/// <summary>
/// Data as applications send them: a little of it is wrong, and does not spoil the rest. Values out of range are in <see cref="OutOfRangeRatingTests"/>;
/// likes that are taken back, and types that nobody configured, in <see cref="Scoring.FeedbackTests"/>.
/// </summary>
public sealed class RobustDefaultsTests(DatabaseServer server)
{
    /// <summary>The one pair of user and item is learned, the other one is held out and measured by.</summary>
    [Theory]
    [InlineData("i20")]
    [InlineData("i30")]
    public async Task Purchases_without_ids_that_a_loop_repeats_do_not_spoil_the_model_for_the_others(string item)
    {
        await using var service = new Service(server, ("Training:Objective", "implicit"));
        await service.InitializeAsync();
        // Two groups of users with a taste for one half of the items each.
        var random = new Random(5);
        await PostAsync(
            service,
            Enumerable
                .Range(0, 150)
                .SelectMany(u =>
                    Enumerable
                        .Range(0, 60)
                        .Where(i => i % 2 == u % 2)
                        .OrderBy(_ => random.Next())
                        .Take(12)
                        .Select(i => Interaction($"u{u}", $"i{i}", "view"))
                )
        );
        var before = await TrainAsync();

        await PostAsync(service, Enumerable.Range(0, 5_000).Select(_ => Interaction("u0", item, "purchase")));
        var after = await TrainAsync();

        before.Auc.ShouldBeGreaterThan(0.7);
        after.Auc.ShouldBe(before.Auc, tolerance: 0.02);
        // Half of the others with the same taste have it behind this many items.
        before.Position.ShouldBeGreaterThanOrEqualTo(5);
        after.Position.ShouldBeGreaterThanOrEqualTo(before.Position - 2);

        async Task<(double Auc, int Position)> TrainAsync()
        {
            var run = await service.Client.TrainAsync();
            run.GetProperty("status").GetString().ShouldBe("succeeded", run.ToString());
            await service.Client.UntilServedAsync(run.GetProperty("modelVersion").GetInt64());
            var positions = new List<int>();
            for (var u = 2; u < 150; u += 2)
            {
                var ids = new JsonArray([.. Enumerable.Range(0, 60).Select(i => (JsonNode)$"i{i}")]);
                var scores = await service.Client.PostJsonAsync("/v1/scores", new JsonObject { ["userId"] = $"u{u}", ["itemIds"] = ids });
                positions.Add(
                    scores.GetProperty("items").EnumerateArray().ToList().FindIndex(scored => scored.GetProperty("itemId").GetString() == item)
                );
            }

            return (run.GetProperty("metrics").GetProperty("auc").GetDouble(), positions.Order().ElementAt(positions.Count / 2));
        }
    }

    [Fact]
    public async Task One_age_that_is_a_date_leaves_the_young_apart_from_the_old()
    {
        // No histories: what is known of users is their age.
        await using var service = new Service(server, ("Training:HistoryLength", "0"), ("Training:UserIds", "false"));
        await service.InitializeAsync();
        var random = new Random(7);
        for (var u = 0; u < 100; u++)
        {
            await PutUserAsync(service, $"u{u}", u % 2 == 0 ? 20 : 60);
        }

        await PutUserAsync(service, "u2", 19_700_101);
        // The young take the even items, the old the odd ones.
        await PostAsync(
            service,
            Enumerable
                .Range(0, 100)
                .SelectMany(u =>
                    Enumerable.Range(0, 8).Select(n => Interaction($"u{u}", $"i{(2 * random.Next(20)) + (u % 2):D2}", "view", minute: n))
                )
        );

        var run = await service.Client.TrainAsync();

        run.GetProperty("status").GetString().ShouldBe("succeeded", run.ToString());
        var clipped = run.GetProperty("metrics").GetProperty("clipped").EnumerateObject().ShouldHaveSingleItem();
        clipped.Name.ShouldBe("user.attributes.age");
        clipped.Value.GetInt32().ShouldBe(1);
        await service.Client.UntilServedAsync(run.GetProperty("modelVersion").GetInt64());
        foreach (var (age, odd) in new[] { (20, 0), (60, 1) })
        {
            await PutUserAsync(service, $"new-{age}", age);
            var answer = await service.Client.PostJsonAsync("/v1/recommendations", new JsonObject { ["userId"] = $"new-{age}", ["count"] = 10 });
            answer
                .GetProperty("items")
                .EnumerateArray()
                .Count(item => int.Parse(item.GetProperty("itemId").GetString()!.AsSpan(1), provider: null) % 2 == odd)
                .ShouldBe(10, answer.ToString());
        }
    }

    [Fact]
    public async Task An_attribute_that_comes_as_a_number_and_as_a_text_is_told_by_the_run_and_by_health()
    {
        await using var service = new Service(server, ("Training:Holdout", "none"), ("Training:Epochs", "1"));
        await service.InitializeAsync();
        await PutUserAsync(service, "a", 20);
        await PutUserAsync(service, "b", "20");
        await service.Client.SendTextAsync(
            HttpMethod.Post,
            "/v1/interactions/import",
            "userId,itemId,type,context.hour\na,i,view,7\nb,i,view,8\n",
            "text/csv"
        );
        await service.Client.SendTextAsync(
            HttpMethod.Post,
            "/v1/interactions/import",
            "userId,itemId,type,context.hour:number,context.day:number\na,j,view,7,1\nb,j,view,,2\n",
            "text/csv"
        );

        var run = await service.Client.TrainAsync();

        run.GetProperty("status").GetString().ShouldBe("succeeded", run.ToString());
        var metrics = run.GetProperty("metrics");
        metrics.GetProperty("mixedAttributes").Deserialize<string[]>().ShouldBe(["context.hour", "user.attributes.age"]);
        metrics.GetProperty("holdoutRows").GetInt32().ShouldBe(0);
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        JsonElement health;
        while (
            !(health = await service.Client.GetJsonAsync("/health/ready"))
                .ToString()
                .Contains("numbers in one place and texts in another, and so are two features: 2", StringComparison.Ordinal)
        )
        {
            await Task.Delay(100, limit.Token);
        }

        health.GetProperty("status").GetString().ShouldBe("Degraded");
        health.ToString().ShouldNotContain("hour");

        await PutUserAsync(service, "b", 21);
        await service.Client.DeleteJsonAsync("/v1/interactions?itemId=i");
        (await service.Client.TrainAsync()).GetProperty("metrics").ValueKind.ShouldBe(JsonValueKind.Null);
        while ((await service.Client.GetJsonAsync("/health/ready")).GetProperty("status").GetString() != "Healthy")
        {
            await Task.Delay(100, limit.Token);
        }
    }

    private static JsonObject Interaction(string user, string item, string type, int minute = 0) =>
        new()
        {
            ["userId"] = user,
            ["itemId"] = item,
            ["type"] = type,
            ["occurredAt"] = $"2026-01-01T10:{minute:D2}:00Z",
        };

    private static Task PostAsync(Service service, IEnumerable<JsonObject> interactions) =>
        service.Client.PostJsonAsync("/v1/interactions", new JsonObject { ["interactions"] = new JsonArray([.. interactions]) });

    private static Task PutUserAsync(Service service, string user, JsonNode age) =>
        service.Client.SendTextAsync(
            HttpMethod.Post,
            "/v1/users/import",
            new JsonObject
            {
                ["userId"] = user,
                ["attributes"] = new JsonObject { ["age"] = age },
            }.ToJsonString(),
            "application/x-ndjson"
        );

    private sealed class Service(DatabaseServer server, params (string Name, string Value)[] settings) : ServiceFixture(server)
    {
        protected override IReadOnlyDictionary<string, string> Settings { get; } =
            settings
                .Append((Name: "Training:Enabled", Value: "false"))
                .ToDictionary(setting => setting.Name, setting => setting.Value, StringComparer.Ordinal);
    }
}
