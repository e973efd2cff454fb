using System.Collections.Concurrent;
using System.Net.Sockets;
using System.Text;
using System.Text.RegularExpressions;
using RecService.Api.Tests.Access;
using RecService.Api.Tests.Fixtures;
using RecService.Api.Tests.Training;

namespace RecService.Api.Tests.Http;

[Trait("Category", "Faults")]
public sealed partial class HostileRequestTests(KeyedService service, ITestOutputHelper output) : IClassFixture<KeyedService>
{
    private const int Connections = 4;

    [Fact]
    public async Task No_hostile_request_is_answered_by_an_error_of_ours_or_learns_of_our_insides()
    {
        await service.Client.PostRatingsAsync(users: 5, items: 5);
        var count = FaultScale.Of(brief: 1_000, full: 20_000);
        var seed = FaultScale.Seed(output);
        var requests = new HostileRequests(await service.Client.GetJsonAsync("/openapi/v1.json"), seed);
        var statuses = new ConcurrentDictionary<string, int>();
        var mistakes = new ConcurrentQueue<string>();
        await Parallel.ForEachAsync(
            Enumerable.Range(0, count).Select(_ => requests.Next()),
            new ParallelOptions { MaxDegreeOfParallelism = Connections },
            async (request, _) =>
            {
                var answer = await SendAsync(request);
                var status = answer.Length > 12 ? answer[9..12] : "none";
                statuses.AddOrUpdate(status, 1, (_, former) => former + 1);
                // 505 is what a request line without HTTP's version deserves.
                if ((status[0] is '5' && status is not "505") || Insides().IsMatch(answer))
                {
                    mistakes.Enqueue($"{Shortened(Encoding.UTF8.GetString(request))}\n=> {Shortened(answer)}");
                }
            }
        );

        output.WriteLine(
            $"{count} hostile requests, by status: "
                + string.Join(", ", statuses.OrderBy(status => status.Key, StringComparer.Ordinal).Select(status => $"{status.Key}: {status.Value}"))
        );
        mistakes.Take(10).ShouldBeEmpty();
        statuses.GetValueOrDefault("none").ShouldBeLessThan(count / 100);
        // A run on what has been stored meanwhile may well have failed.
        var parts = (await service.Client.GetJsonAsync("/health/ready"))
            .GetProperty("checks")
            .EnumerateObject()
            .Where(part => part.Name != "training");
        parts.ShouldAllBe(part => part.Value.GetProperty("status").GetString() == "Healthy");
        await service.Client.PostRatingsAsync(users: 2, items: 2);
    }

    private static string Shortened(string text) => text.Length > 1500 ? text[..1500] + " …" : text;

    private async Task<string> SendAsync(byte[] request)
    {
        using var limit = new CancellationTokenSource(Backstop.Limit);
        using var socket = new TcpClient();
        await socket.ConnectAsync(service.Client.BaseAddress!.Host, service.Client.BaseAddress.Port, limit.Token);
        var stream = socket.GetStream();
        var answer = new MemoryStream();
        try
        {
            // The server may answer, and close, before it has read everything.
            var writing = stream.WriteAsync(request, limit.Token).AsTask();
            await stream.CopyToAsync(answer, limit.Token);
            await writing;
        }
        catch (IOException)
        {
            // What has come before the connection was cut is the answer.
        }

        return Encoding.UTF8.GetString(answer.ToArray());
    }

    [GeneratedRegex(@"\n   at |System\.|Npgsql|Microsoft\.|Exception|RecService\.Api|\.cs\b|postgres|pg_", RegexOptions.IgnoreCase)]
    private static partial Regex Insides();
}
