using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using RecService.Api.Publishing;
using RecService.Api.Storage;
using RecService.Api.Tests.Fixtures;
using RecService.Api.Tests.Training;
using RecService.Engine.Model;

namespace RecService.Api.Tests.Catalog;

/// <summary>A user that is erased is gone from everything, and comes back by nothing but new interactions.</summary>
public sealed class ErasureTests(DatabaseServer server)
{
    private const string User = "erase-me-7f3a";

    [Fact]
    public async Task The_receipt_counts_what_was_removed_and_names_the_replicas()
    {
        await using var service = await StartAsync();
        using var second = Replica(service);
        using var other = second.CreateClient();
        await TrainAsync(service);
        await UntilAsync(async () => await service.ScalarAsync<long>("SELECT count(*) FROM replicas") == 2);
        await RefreshAsync(second.Services);
        foreach (var replica in new[] { service.Factory.Services, second.Services })
        {
            Knows(replica).ShouldBeTrue();
        }

        var receipt = await service.Client.DeleteJsonAsync($"/v1/users/{User}");

        receipt.GetProperty("interactions").GetInt64().ShouldBe(15);
        receipt.GetProperty("erasedAt").GetDateTimeOffset().ShouldBe(DateTimeOffset.UtcNow, TimeSpan.FromMinutes(1));
        var replicas = receipt.GetProperty("replicas").EnumerateArray().ToList();
        replicas.Count.ShouldBe(2);
        replicas.ShouldAllBe(replica => replica.GetProperty("confirmed").GetBoolean());
        foreach (var replica in new[] { service.Factory.Services, second.Services })
        {
            Knows(replica).ShouldBeFalse();
        }

        await service.Client.GetJsonAsync($"/v1/users/{User}", HttpStatusCode.NotFound);
        (
            await service.ScalarAsync<long>("SELECT count(*) FROM interactions AS i LEFT JOIN users AS u USING (user_key) WHERE u.user_id IS NULL")
        ).ShouldBe(0);
    }

    [Fact]
    public async Task A_replica_that_does_not_answer_is_named_and_one_that_has_long_been_silent_is_not()
    {
        await using var service = await StartAsync();
        await UntilAsync(async () => await service.ScalarAsync<long>("SELECT count(*) FROM replicas") == 1);
        await service.ScalarAsync<string>("INSERT INTO replicas VALUES ('stuck', now(), now() + interval '1 hour', 0) RETURNING replica_id");
        await service.ScalarAsync<string>("INSERT INTO replicas VALUES ('dead', now(), now() - interval '1 minute', 0) RETURNING replica_id");

        var receipt = await service.Client.DeleteJsonAsync($"/v1/users/{User}");

        receipt
            .GetProperty("replicas")
            .EnumerateArray()
            .ToDictionary(r => r.GetProperty("id").GetString()!, r => r.GetProperty("confirmed").GetBoolean())
            .ShouldSatisfyAllConditions(r => r.Count.ShouldBe(2), r => r["stuck"].ShouldBeFalse(), r => r.Values.ShouldContain(true));
    }

    [Fact]
    public async Task A_replica_that_stops_says_so()
    {
        await using var service = await StartAsync();
        using (var second = Replica(service))
        using (second.CreateClient())
        {
            await UntilAsync(async () => await service.ScalarAsync<long>("SELECT count(*) FROM replicas") == 2);
        }

        (await service.ScalarAsync<long>("SELECT count(*) FROM replicas")).ShouldBe(1);
    }

    [Theory]
    [InlineData("UPDATE OF cutoff_at ON training_runs", "after the run has read the store")]
    [InlineData("INSERT ON models", "while the run stores its model")]
    public async Task A_run_in_flight_does_not_bring_the_user_back(string step, string when)
    {
        await using var service = await StartAsync();
        await TrainAsync(service);
        long runId;
        await using (var connection = await service.Database.OpenConnectionAsync())
        {
            // The run waits at this step.
            await connection.ExecuteAsync(
                $"""
                CREATE FUNCTION wait_for_test() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_advisory_xact_lock(4711); RETURN NEW; END';
                CREATE TRIGGER wait_for_test BEFORE {step} FOR EACH ROW EXECUTE FUNCTION wait_for_test();
                SELECT pg_advisory_lock(4711)
                """,
                CancellationToken.None
            );
            runId = (await service.Client.PostJsonAsync("/v1/training-runs", new JsonObject(), HttpStatusCode.Accepted))
                .GetProperty("runId")
                .GetInt64();
            await UntilAsync(async () =>
                await service.ScalarAsync<bool>("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND locktype = 'advisory' AND objid = 4711)")
            );

            var receipt = await service.Client.DeleteJsonAsync($"/v1/users/{User}");

            receipt.GetProperty("interactions").GetInt64().ShouldBe(15, when);
            await connection.ExecuteAsync("SELECT pg_advisory_unlock(4711)", CancellationToken.None);
        }

        var run = await service.Client.EndOfRunAsync(runId);
        run.GetProperty("status").GetString().ShouldBe("succeeded", run.ToString());
        await RefreshAsync(service.Factory.Services);
        service.Publisher.Current.Model!.Version.ShouldBe(run.GetProperty("modelVersion").GetInt64());
        Knows(service.Factory.Services).ShouldBeFalse();
        (await ExportedUsersAsync(service, run.GetProperty("modelVersion").GetInt64())).ShouldNotContain(User);
        await UntilNothingIsStoredAsync(service);

        // The next run starts warm from a state that does not know the user either.
        await TrainAsync(service);
        Knows(service.Factory.Services).ShouldBeFalse();
    }

    [Fact]
    public async Task An_old_model_that_is_activated_or_exported_does_not_bring_the_user_back()
    {
        await using var service = await StartAsync();
        var old = await TrainAsync(service);
        await service.Client.SendTextAsync(HttpMethod.Put, $"/v1/models/{old}/pin", "", expected: HttpStatusCode.NoContent);
        await service.Client.PostRatingsAsync(users: 3, items: 3, type: "view");
        await TrainAsync(service);
        var before = (await service.Client.GetJsonAsync($"/v1/models/{old}")).GetProperty("sha256").GetString();

        await service.Client.DeleteJsonAsync($"/v1/users/{User}");

        (await ExportedUsersAsync(service, old)).ShouldNotContain(User);
        await service.Client.PostJsonAsync($"/v1/models/{old}/activate", new JsonObject());
        service.Publisher.Current.Model!.Version.ShouldBe(old);
        Knows(service.Factory.Services).ShouldBeFalse();
        using (var restarted = Replica(service))
        using (restarted.CreateClient())
        {
            Knows(restarted.Services).ShouldBeFalse();
        }

        await UntilNothingIsStoredAsync(service);
        var after = await service.Client.GetJsonAsync($"/v1/models/{old}");
        after.GetProperty("sha256").GetString().ShouldNotBe(before);
        after.GetProperty("pinned").GetBoolean().ShouldBeTrue();
        var file = await service.Client.GetByteArrayAsync(new Uri($"/v1/models/{old}/export", UriKind.Relative));
        after.GetProperty("sha256").GetString().ShouldBe(Convert.ToHexStringLower(SHA256.HashData(file)));
        after.GetProperty("sizeBytes").GetInt64().ShouldBe(file.Length);
    }

    [Fact]
    public async Task A_user_who_comes_back_is_a_new_one()
    {
        await using var service = await StartAsync();
        var old = await TrainAsync(service);
        await service.Client.SendTextAsync(HttpMethod.Put, $"/v1/models/{old}/pin", "", expected: HttpStatusCode.NoContent);
        var pinned = new JsonObject
        {
            ["modelVersion"] = old,
            ["userId"] = User,
            ["itemIds"] = new JsonArray("i1", "i2"),
        };
        var known = await ScoresAsync(service, pinned);
        await service.Client.DeleteJsonAsync($"/v1/users/{User}");
        await service.Client.PutJsonAsync($"/v1/users/{User}", new { }, HttpStatusCode.Created);

        // Neither the model that is served nor one in memory remembers the former one.
        var stranger = await ScoresAsync(
            service,
            new JsonObject
            {
                ["modelVersion"] = old,
                ["userId"] = "nobody",
                ["itemIds"] = new JsonArray("i1", "i2"),
            }
        );
        (await ScoresAsync(service, pinned)).ShouldBe(stranger);
        known.ShouldNotBe(stranger);

        await RateAsync(service);
        var next = await TrainAsync(service);
        Knows(service.Factory.Services).ShouldBeTrue();
        (await ExportedUsersAsync(service, next)).ShouldContain(User);
        await service.Client.PostJsonAsync($"/v1/models/{old}/activate", new JsonObject());
        Knows(service.Factory.Services).ShouldBeFalse();
        await service.Client.PostJsonAsync($"/v1/models/{next}/activate", new JsonObject());
        using (var restarted = Replica(service))
        using (restarted.CreateClient())
        {
            Knows(restarted.Services).ShouldBeTrue();
        }

        // Another erasure of the same id holds for the newer models, too.
        await service.Client.DeleteJsonAsync($"/v1/users/{User}");
        Knows(service.Factory.Services).ShouldBeFalse();
        await UntilNothingIsStoredAsync(service);
    }

    [Fact]
    public async Task Erasures_at_a_time_all_hold()
    {
        await using var service = await StartAsync();
        await TrainAsync(service);

        await Task.WhenAll(Enumerable.Range(0, 10).Select(u => service.Client.DeleteJsonAsync($"/v1/users/u{u}")));

        service.Publisher.Current.Model!.Index.UserIds.ShouldBe([User, "u10", "u11"], ignoreOrder: true);
        (await service.ScalarAsync<long>("SELECT max(erasure_id) FROM erased_users")).ShouldBe(10);
    }

    [Fact]
    public async Task A_damaged_model_is_not_given_out_once_somebody_was_erased()
    {
        await using var service = await StartAsync();
        var version = await TrainAsync(service);
        await service.ScalarAsync<int>("UPDATE model_chunks SET data = set_byte(data, 60, get_byte(data, 60) # 1) RETURNING 1");
        await service.Client.DeleteJsonAsync($"/v1/users/{User}");

        var problem = await service.Client.GetJsonAsync($"/v1/models/{version}/export", HttpStatusCode.Conflict);

        problem.GetProperty("type").GetString().ShouldBe("/problems/model-unusable");
        Knows(service.Factory.Services).ShouldBeFalse();
    }

    private async Task<Service> StartAsync()
    {
        var service = new Service(server);
        await service.InitializeAsync();
        await service.Client.PostRatingsAsync(users: 12, items: 15);
        await RateAsync(service);
        return service;
    }

    private static Task<JsonElement> RateAsync(Service service) =>
        service.Client.PostJsonAsync(
            "/v1/interactions",
            new JsonObject
            {
                ["interactions"] = new JsonArray([
                    .. Enumerable
                        .Range(0, 15)
                        .Select(i => new JsonObject
                        {
                            ["userId"] = User,
                            ["itemId"] = $"i{i}",
                            ["type"] = "rating",
                            ["value"] = 1 + (i * i % 5),
                        }),
                ]),
            }
        );

    private static RecServiceFactory Replica(Service service) => new(service.ConnectionString, Service.Options);

    private static async Task<long> TrainAsync(Service service)
    {
        var run = await service.Client.TrainAsync();
        run.GetProperty("status").GetString().ShouldBe("succeeded", run.ToString());
        await RefreshAsync(service.Factory.Services);
        return run.GetProperty("modelVersion").GetInt64();
    }

    private static Task RefreshAsync(IServiceProvider services) =>
        services.GetRequiredService<Publisher>().RefreshAsync(retryRefused: true, CancellationToken.None);

    private static bool Knows(IServiceProvider services) => services.GetRequiredService<Publisher>().Current.Model!.Index.UserIds.Contains(User);

    private static async Task<string> ScoresAsync(Service service, JsonObject request) =>
        string.Join(
            ' ',
            (await service.Client.PostJsonAsync("/v1/scores", request))
                .GetProperty("items")
                .EnumerateArray()
                .Select(item => $"{item.GetProperty("itemId")} {item.GetProperty("score")}")
        );

    /// <summary>The users of an exported file, in which the bytes of their ids are looked for, too.</summary>
    private static async Task<IReadOnlyList<string>> ExportedUsersAsync(Service service, long version)
    {
        var file = await service.Client.GetByteArrayAsync(new Uri($"/v1/models/{version}/export", UriKind.Relative));
        var users = ModelFile.Load(new MemoryStream(file)).Features!.UserIds;
        (file.AsSpan().IndexOf(Encoding.UTF8.GetBytes(User)) >= 0).ShouldBe(users.Contains(User));
        return users;
    }

    private static async Task UntilNothingIsStoredAsync(Service service)
    {
        await UntilAsync(async () =>
            await service.ScalarAsync<long>(
                """
                SELECT (SELECT count(*) FROM model_chunks WHERE position($1 IN data) > 0) + (SELECT count(*) FROM training_state_chunks WHERE position($1 IN data) > 0)
                """,
                Encoding.UTF8.GetBytes(User)
            ) == 0
        );
        (await service.ScalarAsync<long>("SELECT count(*) FROM training_state_chunks")).ShouldBeGreaterThan(0);
    }

    private static async Task UntilAsync(Func<Task<bool>> condition)
    {
        for (var attempt = 0; !await condition(); attempt++)
        {
            attempt.ShouldBeLessThan(600);
            await Task.Delay(50);
        }
    }

    private sealed class Service(DatabaseServer server) : ServiceFixture(server)
    {
        public static Dictionary<string, string> Options { get; } =
            new(StringComparer.Ordinal)
            {
                ["Training:Enabled"] = "false",
                ["Training:Objective"] = "rating",
                ["Training:Epochs"] = "3",
                ["Training:WarmStart"] = "true",
            };

        public Publisher Publisher => Factory.Services.GetRequiredService<Publisher>();

        protected override IReadOnlyDictionary<string, string> Settings => Options;
    }
}
