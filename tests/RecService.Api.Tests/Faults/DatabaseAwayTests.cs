using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using RecService.Api.Tests.Fixtures;
using RecService.Api.Tests.Training;

namespace RecService.Api.Tests.Faults;

/// <summary>What can be told without the database is told, all else is 503 with Retry-After, and everything is well again when it is back.</summary>
[Collection(nameof(OneFaultAtATime)), Trait("Category", "Faults")]
public sealed class DatabaseAwayTests(CrashableDatabase database, DatabaseServer server) : IAsyncLifetime
{
    private static readonly Dictionary<string, string> Settings = new(StringComparer.Ordinal)
    {
        ["Training:Enabled"] = "false",
        ["Training:Objective"] = "Rating",
        ["Training:Epochs"] = "3",
        ["Database:ScoringTimeout"] = "00:00:01",
    };

    private static readonly object Question = new { userId = "u1", count = 3 };

    public async ValueTask InitializeAsync() => await database.EmptyAsync();

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    [Fact]
    public async Task Every_endpoint_answers_from_the_snapshot_or_asks_to_come_back()
    {
        await using var service = new Service(server);
        await service.InitializeAsync();
        var client = service.Client;
        await TrainAsync(client);
        var document = await client.GetJsonAsync("/openapi/v1.json");
        await server.AllowConnectionsAsync(service.ConnectionString, allow: false);
        try
        {
            var unavailable = 0;
            foreach (var (name, request) in Examples(client, document))
            {
                using (request)
                {
                    using var answer = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
                    var status = (int)answer.StatusCode;
                    status.ShouldBeOneOf([200, 404, 503], $"{name}: {await answer.Content.ReadAsStringAsync()}");
                    answer.Headers.Contains("Retry-After").ShouldBe(status == 503, name);
                    unavailable += status == 503 ? 1 : 0;
                }
            }

            unavailable.ShouldBeGreaterThan(20);
            var recommended = await client.PostJsonAsync("/v1/recommendations", Question);
            recommended.GetProperty("source").GetString().ShouldBe("model");
            recommended.GetProperty("items").GetArrayLength().ShouldBe(3);
            Degraded(recommended).ShouldBe(["userFeatures", "seenItems", "items"]);
            var batch = await client.PostJsonAsync("/v1/recommendations/batch", new { requests = new[] { Question, new { count = 1 } } });
            batch
                .GetProperty("answers")
                .EnumerateArray()
                .Select(answer => string.Join(',', Degraded(answer.GetProperty("recommendation"))))
                .ShouldBe(["userFeatures,seenItems,items", "items"]);
            Degraded(await client.PostJsonAsync("/v1/scores", new { userId = "u1", itemIds = new[] { "i1", "i2" } })).ShouldBe(["userFeatures"]);
            Degraded(await client.PostJsonAsync("/v1/scores", new { itemIds = new[] { "i1", "unheard-of" } })).ShouldBe(["items"]);
            Degraded(await client.PostJsonAsync("/v1/cross-features", new { rows = new[] { new { userId = "u1", itemId = "i1" } } }))
                .ShouldBe(["userFeatures"]);
            Degraded(await client.GetJsonAsync("/v1/recommendations/popular")).ShouldBe(["items"]);
            Degraded(await client.GetJsonAsync("/v1/recommendations/popular?since=2026-01-01T00:00:00Z&userId=u1"))
                .ShouldBe(["trend", "seenItems", "items"]);
            Degraded(await client.GetJsonAsync("/v1/items/i1/similar")).ShouldBe(["items"]);
            Degraded(await client.GetJsonAsync("/v1/items/i1/similar?userId=u1")).ShouldBe(["seenItems", "items"]);
        }
        finally
        {
            await server.AllowConnectionsAsync(service.ConnectionString, allow: true);
        }

        await WellAsync(client);
        await TrainAsync(client);
        await service.DisposeAsync();
    }

    [Fact]
    public async Task A_database_that_falls_silent_does_not_hold_up_who_wants_recommendations()
    {
        using var proxy = new SilentProxy(database.SocketFile);
        await using var service = new RecServiceFactory(ThroughProxy(proxy), Settings);
        using var client = service.CreateClient();
        await TrainAsync(client);
        var before = await client.PostJsonAsync("/v1/recommendations", new { userId = "u1", filter = new { excludeSeen = false } });
        proxy.Silent = true;
        var start = Stopwatch.GetTimestamp();
        for (var i = 0; i < 200; i++)
        {
            var silent = await client.PostJsonAsync("/v1/recommendations", new { userId = "u1", filter = new { excludeSeen = false } });

            // The user has neither tags nor attributes, so the ranking is the same.
            Items(silent).ShouldBe(Items(before));
            Degraded(silent).ShouldBe(["userFeatures", "seenItems", "items"]);
        }

        // Waited for each, the connection or the answer would take minutes.
        Stopwatch.GetElapsedTime(start).ShouldBeLessThan(TimeSpan.FromSeconds(30));
        proxy.Silent = false;
        await WellAsync(client);
    }

    [Fact]
    public async Task A_database_that_falls_silent_has_those_who_store_and_read_come_back_later()
    {
        using var proxy = new SilentProxy(database.SocketFile);
        await using var service = new RecServiceFactory(
            ThroughProxy(proxy),
            new Dictionary<string, string>(Settings, StringComparer.Ordinal) { ["Database:CommandTimeout"] = "00:00:02" }
        );
        using var client = service.CreateClient();
        // So that there are connections to fall silent.
        await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => client.PostRatingsAsync(users: 5, items: 5)));
        proxy.Silent = true;
        var interaction = new
        {
            userId = "u1",
            itemId = "i1",
            type = "view",
        };
        var answers = new List<Task<HttpResponseMessage>>
        {
            client.PostAsync(
                HttpClientExtensions.Address(client, "/v1/interactions"),
                JsonContent.Create(new { interactions = new[] { interaction } })
            ),
            client.GetAsync(HttpClientExtensions.Address(client, "/v1/interactions?userId=u1")),
            client.PostAsync(
                HttpClientExtensions.Address(client, "/v1/interactions/import"),
                new StringContent("""{"userId":"u","itemId":"i","type":"view"}""", Encoding.UTF8, "application/x-ndjson")
            ),
        };
        using var named = new HttpRequestMessage(HttpMethod.Post, HttpClientExtensions.Address(client, "/v1/interactions"))
        {
            Content = JsonContent.Create(new { interactions = new[] { interaction } }),
            Headers = { { "Idempotency-Key", "silent" } },
        };
        answers.Add(client.SendAsync(named));
        answers.Add(client.PostAsync(HttpClientExtensions.Address(client, "/v1/training-runs"), content: null));
        foreach (var kind in new[] { "users", "items" })
        {
            answers.Add(client.PutAsync(HttpClientExtensions.Address(client, $"/v1/{kind}/a"), JsonContent.Create(new { tags = new[] { "b" } })));
            answers.Add(client.GetAsync(HttpClientExtensions.Address(client, $"/v1/{kind}/a")));
            answers.Add(client.GetAsync(HttpClientExtensions.Address(client, $"/v1/{kind}")));
            answers.Add(client.DeleteAsync(HttpClientExtensions.Address(client, $"/v1/{kind}/a")));
            answers.Add(
                client.PostAsync(
                    HttpClientExtensions.Address(client, $"/v1/{kind}/import"),
                    new StringContent("{}", Encoding.UTF8, "application/x-ndjson")
                )
            );
        }

        // Probes are answered sooner than orchestrators give up.
        var health = await client.GetJsonAsync("/health/ready").WaitAsync(TimeSpan.FromSeconds(5));
        health.GetProperty("status").GetString().ShouldBe("Degraded");
        foreach (var answer in await Task.WhenAll(answers).WaitAsync(TimeSpan.FromSeconds(45)))
        {
            using (answer)
            {
                answer.StatusCode.ShouldBe(HttpStatusCode.ServiceUnavailable, $"{answer.RequestMessage?.Method} {answer.RequestMessage?.RequestUri}");
                answer.Headers.RetryAfter.ShouldNotBeNull();
            }
        }

        proxy.Silent = false;
        await WellAsync(client);
    }

    [Fact]
    public async Task When_another_machine_takes_the_place_of_one_that_is_gone_all_goes_on_by_new_connections()
    {
        using var proxy = new SilentProxy(database.SocketFile);
        await using var service = new RecServiceFactory(
            ThroughProxy(proxy),
            new Dictionary<string, string>(Settings, StringComparer.Ordinal) { ["Database:CommandTimeout"] = "00:00:02" }
        );
        using var client = service.CreateClient();
        await TrainAsync(client);
        await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => client.PostRatingsAsync(users: 5, items: 5)));
        proxy.FailOver();
        using var limit = new CancellationTokenSource(Backstop.Limit);

        // Everything that uses the database of its own accord finds the new one, too: the receipt is of the process that follows erasures.
        while (!await IsErasedAsync(client, limit.Token))
        {
            await Task.Delay(200, limit.Token);
        }

        await client.TrainAsync();
        await WellAsync(client);
    }

    private static async Task<bool> IsErasedAsync(HttpClient client, CancellationToken cancellationToken)
    {
        using var stored = await client.PutAsync(
            HttpClientExtensions.Address(client, "/v1/users/gone"),
            JsonContent.Create(new { tags = new[] { "b" } }),
            cancellationToken
        );
        using var erased = await client.DeleteAsync(HttpClientExtensions.Address(client, "/v1/users/gone"), cancellationToken);
        return erased.IsSuccessStatusCode
            && (await erased.Content.ReadFromJsonAsync<JsonElement>(cancellationToken))
                .GetProperty("replicas")
                .EnumerateArray()
                .Any(replica => replica.GetProperty("confirmed").GetBoolean());
    }

    private static string ThroughProxy(SilentProxy proxy) =>
        $"Host=127.0.0.1;Port={proxy.Port};Username=recservice;Database=faults;Ssl Mode=Disable;Gss Encryption Mode=Disable";

    private static async Task TrainAsync(HttpClient client)
    {
        await client.PostRatingsAsync(users: 20, items: 20);
        (await client.TrainAsync()).GetProperty("status").GetString().ShouldBe("succeeded");
        await UntilAsync(async () => (await client.PostJsonAsync("/v1/recommendations", Question)).GetProperty("source").GetString() == "model");
    }

    private static async Task WellAsync(HttpClient client)
    {
        await UntilAsync(async () => (await client.GetJsonAsync("/health/ready")).GetProperty("status").GetString() == "Healthy");
        await UntilAsync(async () => Degraded(await client.PostJsonAsync("/v1/recommendations", Question)).Count == 0);
        await client.PostRatingsAsync(users: 1, items: 1);
    }

    private static async Task UntilAsync(Func<Task<bool>> condition)
    {
        using var limit = new CancellationTokenSource(Backstop.Limit);
        while (!await condition())
        {
            await Task.Delay(50, limit.Token);
        }
    }

    private static List<string?> Degraded(JsonElement answer) =>
        [.. answer.GetProperty("degraded").EnumerateArray().Select(part => part.GetString())];

    private static List<string?> Items(JsonElement answer) =>
        [.. answer.GetProperty("items").EnumerateArray().Select(item => item.GetProperty("itemId").GetString())];

    /// <summary>A request for each operation below /v1, from the examples of the contract.</summary>
    private static IEnumerable<(string Name, HttpRequestMessage Request)> Examples(HttpClient client, JsonElement document)
    {
        foreach (var path in document.GetProperty("paths").EnumerateObject().Where(path => path.Name.StartsWith("/v1/", StringComparison.Ordinal)))
        {
            foreach (var operation in path.Value.EnumerateObject())
            {
                var address = path.Name;
                foreach (var parameter in operation.Value.TryGetProperty("parameters", out var parameters) ? parameters.EnumerateArray() : [])
                {
                    if (parameter.TryGetProperty("example", out var example))
                    {
                        var name = parameter.GetProperty("name").GetString();
                        address = parameter.GetProperty("in").GetString() switch
                        {
                            "path" => address.Replace($"{{{name}}}", example.ToString(), StringComparison.Ordinal),
                            "query" => $"{address}{(address.Contains('?', StringComparison.Ordinal) ? '&' : '?')}{name}={example}",
                            _ => address,
                        };
                    }
                }

                var request = new HttpRequestMessage(HttpMethod.Parse(operation.Name), HttpClientExtensions.Address(client, address));
                if (
                    operation.Value.TryGetProperty("requestBody", out var body)
                    && body.GetProperty("content").EnumerateObject().FirstOrDefault(content => content.Value.TryGetProperty("example", out _))
                        is { Value.ValueKind: JsonValueKind.Object } media
                )
                {
                    var text = media.Value.GetProperty("example");
                    request.Content = new ByteArrayContent(
                        Encoding.UTF8.GetBytes(text.ValueKind == JsonValueKind.String ? text.GetString()! : text.GetRawText())
                    );
                    request.Content.Headers.ContentType = new MediaTypeHeaderValue(media.Name);
                }

                yield return ($"{operation.Name} {address}", request);
            }
        }
    }

    private sealed class Service(DatabaseServer server) : ServiceFixture(server)
    {
        protected override IReadOnlyDictionary<string, string> Settings => DatabaseAwayTests.Settings;
    }
}
