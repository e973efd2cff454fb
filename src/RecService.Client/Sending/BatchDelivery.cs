using System.Globalization;
using System.Net;
using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.Extensions.Logging;

namespace RecService.Client.Sending;

/// <summary>Sends a batch until each of its interactions has been taken or rejected.</summary>
internal sealed partial class BatchDelivery(
    IRecServiceClient client,
    InteractionSenderOptions options,
    SenderMetrics metrics,
    ILogger logger,
    TimeProvider clock
)
{
    private static readonly TimeSpan FirstPause = TimeSpan.FromSeconds(0.25);

    /// <summary>Returns when all have been answered, or when it is told to give up.</summary>
    public async Task SendAsync(IReadOnlyList<InteractionInput> batch, CancellationToken givenUp)
    {
        if (batch.Count == 0)
        {
            return;
        }

        try
        {
            await SendUntilAnsweredAsync(batch, givenUp).ConfigureAwait(false);
        }
        catch (Exception) when (givenUp.IsCancellationRequested)
        {
            metrics.Drop(batch.Count);
        }
    }

    private async Task SendUntilAnsweredAsync(IReadOnlyList<InteractionInput> batch, CancellationToken givenUp)
    {
        var key = Guid.CreateVersion7(clock.GetUtcNow()).ToString("N");
        for (var pause = FirstPause; ; pause = Shorter(pause * 2, options.LongestPause))
        {
            givenUp.ThrowIfCancellationRequested();
            try
            {
                var answer = await client.PostInteractionsAsync(new() { Interactions = batch }, key, givenUp).ConfigureAwait(false);
                metrics.Accept(answer.Accepted);
                metrics.FindDuplicates(answer.Duplicates);
                Reject(batch, answer.Errors.ToLookup(error => error.Index, error => (error.Field, error.Reason)));
                return;
            }
            catch (Exception refusal) when (IsRefusal(refusal))
            {
                await RefusedAsync(batch, refusal, givenUp).ConfigureAwait(false);
                return;
            }
            catch (Exception failure) when (!givenUp.IsCancellationRequested)
            {
                // Not all whose service was away come back in the same moment.
                var wait = (failure as RecServiceException)?.RetryAfter ?? (Shorter(pause, options.LongestPause) * (0.75 + (Random.Shared.NextDouble() / 2)));
                Say(batch.Count, failure, wait);
                await Task.Delay(wait, clock, givenUp).ConfigureAwait(false);
                metrics.Retry();
            }
        }
    }

    /// <summary>Nothing of a batch was stored: those that are named are to blame; if not all are, halves find them.</summary>
    private async Task RefusedAsync(IReadOnlyList<InteractionInput> batch, Exception refusal, CancellationToken givenUp)
    {
        var named = Named(refusal);
        if (named.Count == batch.Count)
        {
            Reject(batch, named);
        }
        else if (batch.Count == 1)
        {
            Reject(batch, new[] { refusal }.ToLookup(_ => 0, failure => ("$", failure.Message)));
        }
        else
        {
            await SendAsync([.. batch.Take(batch.Count / 2)], givenUp).ConfigureAwait(false);
            await SendAsync([.. batch.Skip(batch.Count / 2)], givenUp).ConfigureAwait(false);
        }
    }

    private void Reject(IReadOnlyList<InteractionInput> batch, ILookup<int, (string Field, string Reason)> reasons)
    {
        metrics.Reject(reasons.Count);
        foreach (var interaction in reasons)
        {
            var rejected = new RejectedInteraction(batch[interaction.Key], [.. interaction]);
            if (options.OnRejected is null)
            {
                var text = string.Join("; ", rejected.Reasons.Select(reason => $"{reason.Field} {reason.Reason}"));
                SenderLog.Rejected(logger, rejected.Interaction.Type, text);
                continue;
            }

            try
            {
                options.OnRejected(rejected);
            }
            catch (Exception failure)
            {
                // The others have to get through.
                SenderLog.CallbackFailed(logger, failure);
            }
        }
    }

    private void Say(int count, Exception failure, TimeSpan wait)
    {
        if (failure is RecServiceException { IsTemporary: false, StatusCode: < HttpStatusCode.InternalServerError })
        {
            SenderLog.NotAllowed(logger, count, failure.Message, wait.TotalSeconds);
        }
        else
        {
            SenderLog.Away(logger, count, failure.Message, wait.TotalSeconds);
        }
    }

    private static TimeSpan Shorter(TimeSpan one, TimeSpan other) => one < other ? one : other;

    /// <summary>Whether it is the interactions that are wrong; a wrong key or address can be mended while they wait.</summary>
    private static bool IsRefusal(Exception failure) =>
        failure
            is RecServiceException
            {
                StatusCode: HttpStatusCode.BadRequest or HttpStatusCode.RequestEntityTooLarge or HttpStatusCode.UnprocessableEntity
            }
                or JsonException
                or NotSupportedException
                or ArgumentException;

    /// <summary>The interactions that the problem names, by their index.</summary>
    private static ILookup<int, (string Field, string Reason)> Named(Exception refusal) =>
        ((refusal as RecServiceException)?.Problem?.Errors ?? new Dictionary<string, IReadOnlyList<string>>(StringComparer.Ordinal))
            .Select(error => (Path: Element.Match(error.Key), Reasons: error.Value))
            .Where(error => error.Path.Success)
            .SelectMany(error =>
                error.Reasons.Select(reason =>
                    (
                        Index: int.Parse(error.Path.Groups["index"].ValueSpan, CultureInfo.InvariantCulture),
                        Field: error.Path.Groups["field"] is { Success: true, Value: var field } ? field : "$",
                        Reason: reason
                    )
                )
            )
            .ToLookup(error => error.Index, error => (error.Field, error.Reason));

    [GeneratedRegex(@"^interactions\[(?<index>[0-9]{1,6})\](\.(?<field>.+))?$", RegexOptions.ExplicitCapture | RegexOptions.NonBacktracking)]
    private static partial Regex Element { get; }
}
