using System.Net;
using RecService.Api.Http;
using RecService.Api.Tests.Fixtures;

namespace RecService.Api.Tests.Access;

public sealed class DatabaseAwayTests(DatabaseServer server)
{
    [Fact]
    public async Task While_the_database_is_away_known_keys_hold_and_others_do_not()
    {
        await using var service = new KeyedService(server);
        await service.InitializeAsync();
        var (key, _) = await service.NewKeyAsync("known", Roles.Ingest);
        await server.DropDatabaseAsync(service.ConnectionString);

        // Some looks at the store fail meanwhile.
        await Task.Delay(1500);

        (await PostAsync(key)).ShouldBe(HttpStatusCode.BadRequest);
        (await PostAsync(TestKey.Text)).ShouldBe(HttpStatusCode.BadRequest);
        (await PostAsync(TestKey.Text.Replace("testsadmin", "nobodyhere", StringComparison.Ordinal))).ShouldBe(HttpStatusCode.Unauthorized);

        // A request that is refused for its body, after access and before the database.
        async Task<HttpStatusCode> PostAsync(string sent)
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/interactions")
            {
                Content = new StringContent("{}", new System.Net.Http.Headers.MediaTypeHeaderValue("application/json")),
                Headers = { { TestKey.Header, sent } },
            };
            using var answer = await service.Stranger.SendAsync(request);
            return answer.StatusCode;
        }
    }
}
