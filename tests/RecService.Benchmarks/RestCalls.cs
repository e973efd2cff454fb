using System.Diagnostics;
using System.Net.Http.Json;
using System.Text.Json;

namespace RecService.Benchmarks;

/// <summary>A model made by a training run.</summary>
/// <param name="Version">Its number.</param>
/// <param name="Time">From the start of the run to its end.</param>
/// <param name="Epochs">Of the model that is served.</param>
internal sealed record TrainedModel(long Version, TimeSpan Time, int Epochs);

/// <summary>What benchmarks ask of a service over REST.</summary>
internal static class RestCalls
{
    /// <summary>The type of what is posted, a positive: with a single one, its weight does not matter.</summary>
    public const string Type = "purchase";

    private const int BatchSize = 1_000;

    private static readonly TimeSpan ModelLimit = TimeSpan.FromMinutes(30);
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(200);

    /// <summary>Posts interactions of one type, all of which have to be accepted.</summary>
    public static async Task PostRowsAsync(this HttpClient client, IReadOnlyList<SequenceRow> rows)
    {
        foreach (var batch in rows.Chunk(BatchSize))
        {
            var interactions = batch.Select(row => new
            {
                userId = row.User,
                itemId = row.Item,
                type = Type,
                occurredAt = row.Time,
            });
            using var answer = await client.PostAsJsonAsync("/v1/interactions", new { interactions });
            var accepted = (await ReadAsync(answer)).GetProperty("accepted").GetInt32();
            if (accepted != batch.Length)
            {
                throw new InvalidOperationException($"{accepted} of {batch.Length} interactions were accepted.");
            }
        }
    }

    /// <summary>Trains, and waits until the model ranks.</summary>
    public static async Task<TrainedModel> TrainAsync(this HttpClient client)
    {
        using var started = await client.PostAsync("/v1/training-runs", content: null);
        var run = (await ReadAsync(started)).GetProperty("runId").GetInt64();
        var start = Stopwatch.GetTimestamp();
        JsonElement state;
        while ((state = await client.GetFromJsonAsync<JsonElement>($"/v1/training-runs/{run}")).GetProperty("status").GetString() == "running")
        {
            await WaitAsync(start);
        }

        if (state.GetProperty("modelVersion") is not { ValueKind: JsonValueKind.Number } version)
        {
            throw new InvalidOperationException($"There is no model: {state}");
        }

        while (await client.ModelAsync() != version.GetInt64())
        {
            await WaitAsync(start);
        }

        var took = state.GetProperty("finishedAt").GetDateTimeOffset() - state.GetProperty("startedAt").GetDateTimeOffset();
        return new(version.GetInt64(), took, state.GetProperty("bestEpoch").GetInt32());
    }

    /// <summary>The model that ranks; null for none.</summary>
    public static async Task<long?> ModelAsync(this HttpClient client)
    {
        using var answer = await client.PostAsJsonAsync("/v1/recommendations", new { count = 1 });
        return (await ReadAsync(answer)).GetProperty("modelVersion") is { ValueKind: JsonValueKind.Number } version ? version.GetInt64() : null;
    }

    /// <summary>Waits a while, unless it is too long since the start.</summary>
    public static Task WaitAsync(long start) => WaitAsync(start, PollInterval);

    /// <inheritdoc cref="WaitAsync(long)"/>
    public static async Task WaitAsync(long start, TimeSpan interval)
    {
        if (Stopwatch.GetElapsedTime(start) > ModelLimit)
        {
            throw new InvalidOperationException($"It has not come after {ModelLimit}.");
        }

        await Task.Delay(interval);
    }

    public static string[] ItemsOf(JsonElement answer) =>
        [.. answer.GetProperty("items").EnumerateArray().Select(item => item.GetProperty("itemId").GetString()!)];

    public static async Task<JsonElement> ReadAsync(HttpResponseMessage answer) =>
        answer.IsSuccessStatusCode
            ? await answer.Content.ReadFromJsonAsync<JsonElement>()
            : throw new InvalidOperationException($"The answer is {(int)answer.StatusCode}: {await answer.Content.ReadAsStringAsync()}");
}
