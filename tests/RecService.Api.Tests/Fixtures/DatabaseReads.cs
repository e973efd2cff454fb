using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json;

namespace RecService.Api.Tests.Fixtures;

/// <summary>Which round trips to the database a request takes.</summary>
public static class DatabaseReads
{
    /// <summary>Posts a request; tells the answer, and the statements, or batches of them, that were sent for it.</summary>
    public static async Task<(JsonElement Answer, IReadOnlyCollection<string> Reads)> OfAsync(HttpClient client, string path, object body)
    {
        var trace = ActivityTraceId.CreateRandom();
        var reads = new ConcurrentBag<string>();
        using var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name is "Npgsql" or "Microsoft.AspNetCore",
            Sample = (ref _) => ActivitySamplingResult.AllData,
            ActivityStopped = activity =>
            {
                if (activity.TraceId == trace && activity.Source.Name == "Npgsql")
                {
                    reads.Add(activity.DisplayName);
                }
            },
        };
        ActivitySource.AddActivityListener(listener);
        using var request = new HttpRequestMessage(HttpMethod.Post, HttpClientExtensions.Address(client, path))
        {
            Content = JsonContent.Create(body),
            Headers = { { "traceparent", $"00-{trace}-{ActivitySpanId.CreateRandom()}-01" } },
        };
        using var answer = await client.SendAsync(request);
        answer.StatusCode.ShouldBe(HttpStatusCode.OK);
        return (await answer.Content.ReadFromJsonAsync<JsonElement>(), reads);
    }
}
