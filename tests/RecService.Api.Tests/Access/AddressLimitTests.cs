using System.Net;
using RecService.Api.Tests.Fixtures;

namespace RecService.Api.Tests.Access;

/// <summary>Which callers without a key share a limit.</summary>
public sealed class AddressLimitTests(AddressLimitTests.Service service) : IClassFixture<AddressLimitTests.Service>
{
    [Fact]
    public async Task The_addresses_of_an_IPv6_network_of_64_bits_share_a_limit()
    {
        for (var i = 1; i <= Service.Burst; i++)
        {
            (await AskAsync($"2001:db8:1:2:{i}::{i}")).ShouldBe(HttpStatusCode.Unauthorized);
        }

        (await AskAsync("2001:db8:1:2:ffff:ffff:ffff:ffff")).ShouldBe(HttpStatusCode.TooManyRequests);
        (await AskAsync("2001:db8:1:3::1")).ShouldBe(HttpStatusCode.Unauthorized, "the last bit of the network is another one");
    }

    [Fact]
    public async Task Every_IPv4_address_has_a_limit_of_its_own_also_where_it_is_written_as_IPv6()
    {
        for (var i = 1; i <= Service.Burst; i++)
        {
            (await AskAsync("::ffff:192.0.2.1")).ShouldBe(HttpStatusCode.Unauthorized);
        }

        (await AskAsync("::ffff:192.0.2.1")).ShouldBe(HttpStatusCode.TooManyRequests);
        (await AskAsync("::ffff:192.0.2.2")).ShouldBe(HttpStatusCode.Unauthorized);
    }

    private async Task<HttpStatusCode> AskAsync(string address)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/v1/users") { Headers = { { "X-Forwarded-For", address } } };
        using var answer = await service.Stranger.SendAsync(request);
        return answer.StatusCode;
    }

    public sealed class Service(DatabaseServer server) : KeyedService(server)
    {
        public const int Burst = 3;

        protected override IReadOnlyDictionary<string, string> Settings { get; } =
            new Dictionary<string, string>(StringComparer.Ordinal)
            {
                ["Training:Enabled"] = "false",
                ["Access:AnonymousLimit:PerSecond"] = "0.01",
                ["Access:AnonymousLimit:Burst"] = "3",
                ["Proxy:Trusted:0"] = "127.0.0.0/8",
                ["Proxy:Trusted:1"] = "::1",
            };
    }
}
