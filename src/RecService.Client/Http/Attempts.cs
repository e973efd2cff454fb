using System.Net;
using Microsoft.Extensions.Http.Resilience;
using Polly;
using Polly.Retry;
using Polly.Timeout;

namespace RecService.Client.Http;

/// <summary>When a request is sent again, and how long it is waited for.</summary>
internal static class Attempts
{
    public static void Configure(ResiliencePipelineBuilder<HttpResponseMessage> pipeline, RecServiceClientOptions options)
    {
        if (options.Retries > 0)
        {
            pipeline.AddRetry(
                new HttpRetryStrategyOptions
                {
                    MaxRetryAttempts = options.Retries,
                    BackoffType = DelayBackoffType.Exponential,
                    UseJitter = true,
                    Delay = TimeSpan.FromMilliseconds(500),
                    MaxDelay = TimeSpan.FromSeconds(10),
                    ShouldHandle = attempt => ValueTask.FromResult(IsWorthTrying(attempt, options)),
                }
            );
        }

        pipeline.AddTimeout(
            new HttpTimeoutStrategyOptions
            {
                TimeoutGenerator = attempt =>
                    ValueTask.FromResult(
                        attempt.Context.GetRequestMessage() is { } request && Requests.TakesLong(request) ? Timeout.InfiniteTimeSpan : options.Timeout
                    ),
            }
        );
    }

    private static bool IsWorthTrying(RetryPredicateArguments<HttpResponseMessage> attempt, RecServiceClientOptions options)
    {
        if (attempt.Context.GetRequestMessage() is not { } request)
        {
            return false;
        }

        // What has found no service has done nothing.
        if (attempt.Outcome.Exception is HttpRequestException { HttpRequestError: HttpRequestError.ConnectionError or HttpRequestError.NameResolutionError })
        {
            return true;
        }

        return Requests.IsRepeatable(request)
            && attempt.Outcome switch
            {
                { Exception: HttpRequestException or TimeoutRejectedException } => true,
                { Result: { } answer } => IsTemporary(answer.StatusCode) && WaitOf(answer) <= options.LongestRetryAfter,
                _ => false,
            };
    }

    private static bool IsTemporary(HttpStatusCode status) =>
        status is HttpStatusCode.RequestTimeout or HttpStatusCode.TooManyRequests or >= HttpStatusCode.InternalServerError;

    private static TimeSpan WaitOf(HttpResponseMessage answer) =>
        answer.Headers.RetryAfter is { } after ? after.Delta ?? (after.Date - DateTimeOffset.UtcNow) ?? TimeSpan.Zero : TimeSpan.Zero;
}
