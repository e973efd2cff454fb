using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using Npgsql;
using RecService.Api.Storage;
using RecService.Api.Tests.Fixtures;

namespace RecService.Api.Tests.Training;

/// <summary>Words for tests that watch training runs.</summary>
internal static class RunsFixture
{
    /// <summary>Posts a rating of each of some items by each of some users.</summary>
    public static async Task PostRatingsAsync(this HttpClient client, int users, int items, string type = "rating")
    {
        var interactions = new JsonArray();
        for (var u = 0; u < users; u++)
        {
            for (var i = 0; i < items; i++)
            {
                interactions.Add(
                    new JsonObject
                    {
                        ["userId"] = $"u{u}",
                        ["itemId"] = $"i{i}",
                        ["type"] = type,
                        ["value"] = 1 + ((u + i) % 5),
                    }
                );
            }
        }

        await client.PostJsonAsync("/v1/interactions", new JsonObject { ["interactions"] = interactions });
    }

    /// <summary>Starts a run and returns it when it has ended.</summary>
    public static async Task<JsonElement> TrainAsync(this HttpClient client)
    {
        var run = await client.PostJsonAsync("/v1/training-runs", new JsonObject(), HttpStatusCode.Accepted);
        return await client.EndOfRunAsync(run.GetProperty("runId").GetInt64());
    }

    public static async Task<JsonElement> EndOfRunAsync(this HttpClient client, long runId)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(3));
        while (true)
        {
            var run = await client.GetJsonAsync($"/v1/training-runs/{runId}");
            if (run.GetProperty("status").GetString() != "running")
            {
                return run;
            }

            await Task.Delay(50, limit.Token);
        }
    }

    /// <summary>Waits until recommendations come from a model or from a newer one.</summary>
    public static async Task UntilServedAsync(this HttpClient client, long version)
    {
        using var limit = new CancellationTokenSource(Backstop.Limit);
        while (
            await client.PostJsonAsync("/v1/recommendations", new JsonObject()) is var answer
            && (answer.GetProperty("modelVersion") is not { ValueKind: JsonValueKind.Number } served || served.GetInt64() < version)
        )
        {
            await Task.Delay(50, limit.Token);
        }
    }

    /// <summary>Waits until somebody waits for a table that this connection has locked.</summary>
    public static async Task UntilAwaitedAsync(this NpgsqlConnection holder, string table)
    {
        using var limit = new CancellationTokenSource(Backstop.Limit);
        while (
            !await holder.ScalarAsync<bool>("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND relation = $1::regclass)", limit.Token, table)
        )
        {
            await Task.Delay(20, limit.Token);
        }
    }

    public static async Task<List<JsonElement>> RunsAsync(this HttpClient client) =>
        [.. (await client.GetJsonAsync("/v1/training-runs")).GetProperty("trainingRuns").EnumerateArray()];
}
