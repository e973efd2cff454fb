using System.Net;
using Microsoft.AspNetCore.TestHost;
using Microsoft.Extensions.DependencyInjection;
using RecService.Api.Access;
using RecService.Api.Http;
using RecService.Api.Tests.Fixtures;

namespace RecService.Api.Tests.Access;

public sealed class RevocationTests(KeyedService service) : IClassFixture<KeyedService>
{
    [Fact]
    public async Task An_admin_key_that_has_expired_does_not_make_up_for_the_last_one()
    {
        var (key, prefix) = await service.NewKeyAsync("the last admin", Roles.Admin);
        var (_, expired) = await service.NewKeyAsync("an admin of former times", Roles.Admin);
        await service.ScalarAsync<long>("UPDATE api_keys SET expires_at = now() - interval '1 hour' WHERE prefix = $1 RETURNING key_id", expired);
        await using var factory = new RecServiceFactory(service.ConnectionString, inMemory: true);
        await using var withoutBootstrap = factory.WithWebHostBuilder(builder =>
            builder.ConfigureTestServices(services => services.PostConfigure<AccessOptions>(access => access.BootstrapKey = null))
        );
        using var client = withoutBootstrap.CreateClient();
        client.DefaultRequestHeaders.Remove(TestKey.Header);
        client.DefaultRequestHeaders.Add(TestKey.Header, key);

        var problem = await client.DeleteJsonAsync($"/v1/api-keys/{prefix}", HttpStatusCode.Conflict);

        problem.GetProperty("type").GetString().ShouldBe("/problems/last-admin-key");
        await client.DeleteJsonAsync($"/v1/api-keys/{expired}", HttpStatusCode.NoContent);
    }

    [Fact]
    public async Task A_key_that_is_revoked_twice_was_revoked_the_first_time()
    {
        var (_, prefix) = await service.NewKeyAsync("twice", Roles.Score);
        await service.Client.DeleteJsonAsync($"/v1/api-keys/{prefix}", HttpStatusCode.NoContent);
        var first = (await service.Client.GetJsonAsync($"/v1/api-keys/{prefix}")).GetProperty("revokedAt").GetDateTimeOffset();

        await service.Client.DeleteJsonAsync($"/v1/api-keys/{prefix}", HttpStatusCode.NoContent);

        (await service.Client.GetJsonAsync($"/v1/api-keys/{prefix}")).GetProperty("revokedAt").GetDateTimeOffset().ShouldBe(first);
    }
}
