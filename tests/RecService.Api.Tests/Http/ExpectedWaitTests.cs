using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.AspNetCore.TestHost;
using Microsoft.Extensions.DependencyInjection;
using RecService.Api.Http;
using RecService.Api.Tests.Fixtures;

namespace RecService.Api.Tests.Http;

/// <summary>Who would wait too long is told so before anything is done.</summary>
public sealed class ExpectedWaitTests(ServiceFixture service) : IClassFixture<ServiceFixture>
{
    [Fact]
    public async Task What_ranks_is_turned_away_while_the_wait_is_longer_than_the_setting()
    {
        var wait = TimeSpan.FromMilliseconds(200);
        await using var factory = new RecServiceFactory(
            service.ConnectionString,
            new Dictionary<string, string> { ["Load:Scoring:LongestWait"] = "00:00:00.2", ["Training:Enabled"] = "false" },
            inMemory: true
        );
        await using var host = factory.WithWebHostBuilder(builder =>
            builder.ConfigureTestServices(services => services.AddSingleton<ExpectedWait>(_ => wait))
        );
        using var client = host.CreateClient();
        (string Path, object Body)[] ranking =
        [
            ("/v1/recommendations", new { count = 1 }),
            ("/v1/recommendations/batch", new { requests = new[] { new { count = 1 } } }),
        ];
        foreach (var (path, body) in ranking)
        {
            await client.PostJsonAsync(path, body);
        }

        wait += TimeSpan.FromMilliseconds(1);
        foreach (var (path, body) in ranking)
        {
            using var refused = await client.PostAsync(HttpClientExtensions.Address(client, path), JsonContent.Create(body));
            refused.StatusCode.ShouldBe(HttpStatusCode.ServiceUnavailable);
            refused.Headers.RetryAfter.ShouldNotBeNull();
            (await refused.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("type").GetString().ShouldBe("/problems/overloaded");
        }

        await client.GetJsonAsync("/v1/recommendations/popular");
        await client.GetJsonAsync("/v1/models");
    }
}
