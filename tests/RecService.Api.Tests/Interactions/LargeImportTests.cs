using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using RecService.Api.Tests.Fixtures;

namespace RecService.Api.Tests.Interactions;

// Alone, as other tests' memory would count.
[Collection(nameof(Alone))]
public sealed class LargeImportTests(ServiceFixture service) : IClassFixture<ServiceFixture>
{
    private const string Path = "/v1/interactions/import";
    private const string NdJson = "application/x-ndjson";

    private HttpClient Client => service.Client;

    [Fact]
    public async Task A_hundred_thousand_lines_are_imported_in_bounded_memory()
    {
        const int count = 100_000;
        static string Line(int i) =>
            $$"""{"interactionId":"{{i}}","userId":"big-u{{i % 6000}}","itemId":"big-i{{i * 7919L % 3000}}","type":"view","value":{{i % 5}},"occurredAt":"2024-01-01T00:00:{{i % 60:00}}Z","tags":["t{{i % 10}}"],"context":{"device":"d{{i % 3}}"} }"""
            + "\n";

        // Bytes that live while the body is under way; client and service share the process.
        var live = new List<long>();
        var result = await SendAsync(Generated(count, i =>
            {
                if (i % 10_000 == 0)
                {
                    live.Add(GC.GetTotalMemory(forceFullCollection: true));
                }

                return Line(i);
            }));

        Counts(result).ShouldBe((count, 0, 0));
        (await service.ScalarAsync<long>("SELECT count(*) FROM interactions JOIN users USING (user_key) WHERE user_id LIKE 'big-u%'")).ShouldBe(
            count
        );
        (await service.ScalarAsync<long>("SELECT count(*) FROM items WHERE item_id LIKE 'big-i%'")).ShouldBe(3000);

        // Half of the body is about 10 MB. The least of several values, as each counts what is in the making at that moment, too.
        (live[6..].Min() - live[1..5].Min()).ShouldBeLessThan(4_000_000, string.Join(" ", live));

        // The whole again, with some lines changed, finds each line under its interactionId.
        var again = await SendAsync(Generated(count, i => i % 25_000 == 1 ? Line(i).Replace("view", "click", StringComparison.Ordinal) : Line(i)));
        Counts(again).ShouldBe((0, count - 4, 4));
        again.GetProperty("errors").EnumerateArray().Select(error => error.GetProperty("line").GetInt64()).ShouldBe([2, 25_002, 50_002, 75_002]);
    }

    private async Task<JsonElement> SendAsync(Func<Stream, Task> body)
    {
        using var content = new StreamedContent(body);
        content.Headers.ContentType = new MediaTypeHeaderValue(NdJson);
        using var response = await Client.PostAsync(HttpClientExtensions.Address(Client, Path), content);
        var text = await response.Content.ReadAsStringAsync();
        response.StatusCode.ShouldBe(HttpStatusCode.OK, text);
        return JsonDocument.Parse(text).RootElement;
    }

    private static Func<Stream, Task> Generated(int count, Func<int, string> line) =>
        async stream =>
        {
            var buffer = new byte[1024];
            for (var i = 0; i < count; i++)
            {
                await stream.WriteAsync(buffer.AsMemory(0, Encoding.UTF8.GetBytes(line(i), buffer)));
            }
        };

    private static (long Accepted, long Duplicates, long Rejected) Counts(JsonElement result) =>
        (result.GetProperty("accepted").GetInt64(), result.GetProperty("duplicates").GetInt64(), result.GetProperty("rejected").GetInt64());

    /// <summary>A body that is written while it is sent.</summary>
    private sealed class StreamedContent(Func<Stream, Task> write) : HttpContent
    {
        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) => write(stream);

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return false;
        }
    }
}
