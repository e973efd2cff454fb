using System.Net.Sockets;
using System.Text;
using RecService.Api.Tests.Fixtures;

namespace RecService.Api.Tests.Faults;

[Trait("Category", "Faults")]
public sealed class SlowClientTests(SlowClientTests.Service service) : IClassFixture<SlowClientTests.Service>
{
    [Fact]
    public async Task Callers_whose_bodies_do_not_come_hold_up_nobody_and_are_cut_off()
    {
        var address = service.Client.BaseAddress!;
        var slow = new List<TcpClient>();
        for (var i = 0; i < FaultScale.Of(brief: 20, full: 500); i++)
        {
            var client = new TcpClient();
            slow.Add(client);
            await client.ConnectAsync(address.Host, address.Port);
            await client
                .GetStream()
                .WriteAsync(
                    Encoding.ASCII.GetBytes(
                        $"POST /v1/{(i % 2 == 0 ? "interactions" : "recommendations")} HTTP/1.1\r\nHost: {address.Authority}\r\n{TestKey.Header}: {TestKey.Text}\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{{"
                    )
                );
        }

        for (var i = 0; i < 20; i++)
        {
            await service.Client.PostJsonAsync(
                "/v1/interactions",
                new
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
                }
            );
            await service.Client.PostJsonAsync("/v1/recommendations", new { count = 1 });
        }

        foreach (var client in slow)
        {
            using (client)
            using (var limit = new CancellationTokenSource(Backstop.Limit))
            {
                using var reader = new StreamReader(client.GetStream());
                (await reader.ReadToEndAsync(limit.Token)).ShouldStartWith("HTTP/1.1 408 ");
            }
        }
    }

    [Fact]
    public async Task Callers_whose_large_bodies_come_slowly_hold_up_nobody()
    {
        var address = service.Client.BaseAddress!;
        var slow = new List<TcpClient>();
        for (var i = 0; i < FaultScale.Of(brief: 20, full: 200); i++)
        {
            var client = new TcpClient();
            slow.Add(client);
            await client.ConnectAsync(address.Host, address.Port);
            await client
                .GetStream()
                .WriteAsync(
                    Encoding.ASCII.GetBytes(
                        $"POST /v1/{(i % 2 == 0 ? "interactions" : "recommendations")} HTTP/1.1\r\nHost: {address.Authority}\r\n{TestKey.Header}: {TestKey.Text}\r\nContent-Type: application/json\r\n"
                            + $"Content-Length: 30000000\r\n\r\n{new string(' ', 100_000)}"
                    )
                );
        }

        for (var i = 0; i < 20; i++)
        {
            await service.Client.PostJsonAsync(
                "/v1/interactions",
                new
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
                }
            );
            await service.Client.PostJsonAsync("/v1/recommendations", new { count = 1 });
        }

        slow.ForEach(client => client.Dispose());
    }

    public sealed class Service(DatabaseServer server) : ServiceFixture(server)
    {
        protected override IReadOnlyDictionary<string, string> Settings { get; } =
            new Dictionary<string, string>(StringComparer.Ordinal)
            {
                ["Training:Enabled"] = "false",
                ["Load:Ingest:Concurrent"] = "2",
                ["Load:Ingest:Queue"] = "2",
                ["Load:Scoring:Concurrent"] = "2",
                ["Load:Scoring:Queue"] = "2",
            };
    }
}
