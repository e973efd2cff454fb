using System.Globalization;
using System.Net.ServerSentEvents;
using System.Runtime.CompilerServices;
using System.Text.Json;

namespace RecService.Client;

/// <summary>What a training run tells of itself: an epoch, or at last its end.</summary>
/// <param name="Epoch">An epoch that has ended.</param>
/// <param name="Finished">The run, when it has succeeded, failed or been cancelled.</param>
public sealed record TrainingProgress(TrainingEpoch? Epoch, TrainingRunResponse? Finished);

/// <summary>Training runs to their end.</summary>
public static class Training
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    /// <summary>Starts a training run, or joins the one that is going on.</summary>
    /// <param name="client">The client.</param>
    /// <param name="cancellationToken">Ends the waiting, not the run.</param>
    /// <returns>The number of the run, and whether this call has started it.</returns>
    public static async Task<(long RunId, bool Started)> StartOrJoinTrainingRunAsync(this IRecServiceClient client, CancellationToken cancellationToken = default)
    {
        try
        {
            return ((await client.StartTrainingRunAsync(cancellationToken).ConfigureAwait(false)).RunId, true);
        }
        catch (RecServiceException other) when (IdOf(other.Location) is { } running)
        {
            return (running, false);
        }
    }

    /// <summary>
    /// Each epoch of a run as it ends, also those that have ended before, and the run when it has finished. A connection that breaks is made anew, without
    /// telling an epoch twice.
    /// </summary>
    /// <param name="client">The client.</param>
    /// <param name="runId">The number of the run.</param>
    /// <param name="cancellationToken">Ends the watching, not the run.</param>
    public static async IAsyncEnumerable<TrainingProgress> FollowTrainingRunAsync(
        this IRecServiceClient client,
        long runId,
        [EnumeratorCancellation] CancellationToken cancellationToken = default
    )
    {
        var told = new HashSet<TrainingEpoch>();
        while (true)
        {
            using (var answer = await client.WatchTrainingRunAsync(runId, cancellationToken).ConfigureAwait(false))
            {
                var events = SseParser.Create(answer.Stream).EnumerateAsync(cancellationToken).GetAsyncEnumerator(cancellationToken);
                await using (events.ConfigureAwait(false))
                {
                    while (await MoveNextAsync(events).ConfigureAwait(false))
                    {
                        var (kind, data) = (events.Current.EventType, events.Current.Data);
                        if (kind is "epoch" && Read<TrainingEpoch>(data) is var epoch && told.Add(epoch))
                        {
                            yield return new(epoch, null);
                        }
                        else if (kind is "finished")
                        {
                            yield return new(null, Read<TrainingRunResponse>(data));
                            yield break;
                        }
                    }
                }
            }

            await Task.Delay(Pause, cancellationToken).ConfigureAwait(false);
        }
    }

    private static long? IdOf(Uri? run) => long.TryParse(run?.OriginalString.Split('/')[^1], NumberStyles.None, CultureInfo.InvariantCulture, out var id) ? id : null;

    private static T Read<T>(string data) =>
        JsonSerializer.Deserialize<T>(data, RecServiceClient.Json) ?? throw new JsonException("An event of the training run is null.");

    /// <summary>Whether there is another event; a connection that breaks has none.</summary>
    private static async ValueTask<bool> MoveNextAsync(IAsyncEnumerator<SseItem<string>> events)
    {
        try
        {
            return await events.MoveNextAsync().ConfigureAwait(false);
        }
        catch (Exception broken) when (broken is IOException or HttpRequestException)
        {
            return false;
        }
    }
}
