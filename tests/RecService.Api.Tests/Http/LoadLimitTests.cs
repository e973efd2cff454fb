using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using RecService.Api.Http.Limits;
using RecService.Api.Storage;
using RecService.Api.Tests.Fixtures;

namespace RecService.Api.Tests.Http;

public sealed class LoadLimitTests(LoadLimitTests.Service service) : IClassFixture<LoadLimitTests.Service>
{
    private static readonly object Batch = new
    {
        interactions = new[]
        {
            new
            {
                userId = "u",
                itemId = "i",
                type = "view",
            },
        },
    };

    [Fact]
    public void A_limit_out_of_range_is_named()
    {
        LoadOptions options = new() { BodyMebibytes = 1 };
        options.Imports.PerKey = 0;
        var result = new LoadOptionsValidation().Validate(null, options);
        result.Failures.ShouldBe(["Load:Imports:PerKey must be from 1 to 1000.", "Load:BodyMebibytes must be from 64 to 1000000."]);
        new LoadOptionsValidation().Validate(null, new()).Succeeded.ShouldBeTrue();
    }

    [Fact]
    public async Task What_can_be_neither_worked_on_nor_queued_is_turned_away_until_there_is_room()
    {
        await using var connection = await service.Database.OpenConnectionAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        await connection.ExecuteAsync("LOCK TABLE interactions IN EXCLUSIVE MODE", CancellationToken.None);
        var requests = Enumerable
            .Range(0, 5)
            .Select(_ => service.Client.PostAsync(new Uri("/v1/interactions", UriKind.Relative), JsonContent.Create(Batch)))
            .ToList();
        for (var i = 0; i < 3; i++)
        {
            // One request is worked on and one waits for it, until the table is free.
            var first = await Task.WhenAny(requests);
            requests.Remove(first);
            using var refused = await first;
            refused.StatusCode.ShouldBe(HttpStatusCode.ServiceUnavailable);
            refused.Headers.RetryAfter.ShouldNotBeNull();
            (await refused.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("type").GetString().ShouldBe("/problems/overloaded");
        }

        // It is turned away at once, without its body.
        using (var early = new TcpClient())
        {
            await SendAsync(early, length: 1000, sent: 1);
            using var reader = new StreamReader(early.GetStream());
            (await reader.ReadLineAsync()).ShouldStartWith("HTTP/1.1 503 ");
        }

        // Ingestion that stands still is no concern of scoring, probes and operators.
        await service.Client.PostJsonAsync("/v1/recommendations", new { count = 1 });
        await service.Client.GetJsonAsync("/health/ready");
        await service.Client.GetJsonAsync("/v1/models");

        await transaction.RollbackAsync();
        foreach (var taken in await Task.WhenAll(requests))
        {
            taken.StatusCode.ShouldBe(HttpStatusCode.OK);
            taken.Dispose();
        }

        await service.Client.PostJsonAsync("/v1/interactions", Batch);
    }

    [Fact]
    public async Task Large_bodies_are_turned_away_while_others_take_the_memory_for_them_and_small_ones_are_not()
    {
        using (var half = new TcpClient())
        {
            await SendAsync(half, length: 9_000_000, sent: 7_000_000);
            await UntilLargeBodyAsync(HttpStatusCode.ServiceUnavailable);
            await service.Client.PostJsonAsync("/v1/interactions", Batch);
        }

        await UntilLargeBodyAsync(HttpStatusCode.OK);
    }

    [Theory]
    [InlineData("0,")]
    [InlineData("[],")]
    public async Task A_body_that_takes_more_memory_than_one_key_may_is_too_large_and_says_so(string value)
    {
        var body = new StringBuilder().Append("{\"interactions\":[").Insert(17, value, 1_000_000).Append("0]}").ToString();
        var problem = await service.Client.SendTextAsync(HttpMethod.Post, "/v1/interactions", body, expected: HttpStatusCode.RequestEntityTooLarge);
        problem
            .Errors()
            .ShouldHaveSingleItem()
            .ShouldSatisfyAllConditions(
                error => error.Key.ShouldBe("$"),
                error => error.Value.ShouldBe(["holds values that take more memory than there is for the bodies of one key; split it"])
            );
    }

    private async Task SendAsync(TcpClient client, int length, int sent)
    {
        var address = service.Client.BaseAddress!;
        await client.ConnectAsync(address.Host, address.Port);
        await client
            .GetStream()
            .WriteAsync(
                Encoding.ASCII.GetBytes(
                    $"POST /v1/interactions HTTP/1.1\r\nHost: {address.Authority}\r\n{TestKey.Header}: {TestKey.Text}\r\nContent-Type: application/json\r\n"
                        + $"Content-Length: {length}\r\n\r\n{new string(' ', sent)}"
                )
            );
    }

    private async Task UntilLargeBodyAsync(HttpStatusCode expected)
    {
        var body = new string(' ', 5_000_000) + JsonSerializer.Serialize(Batch);
        for (var attempt = 0; attempt < 500; attempt++)
        {
            using var content = new StringContent(body, Encoding.UTF8, "application/json");
            using var answer = await service.Client.PostAsync(HttpClientExtensions.Address(service.Client, "/v1/interactions"), content);
            if (answer.StatusCode == expected)
            {
                answer.Headers.Contains("Retry-After").ShouldBe(expected == HttpStatusCode.ServiceUnavailable);
                return;
            }

            await Task.Delay(20);
        }

        throw new TimeoutException($"No large body was answered by {expected}.");
    }

    public sealed class Service(DatabaseServer server) : ServiceFixture(server)
    {
        protected override IReadOnlyDictionary<string, string> Settings { get; } =
            new Dictionary<string, string>(StringComparer.Ordinal)
            {
                ["Training:Enabled"] = "false",
                ["Load:Ingest:Concurrent"] = "1",
                ["Load:Ingest:Queue"] = "1",
                ["Load:BodyMebibytes"] = "64",
            };
    }
}
