using System.Globalization;
using System.Threading.RateLimiting;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Http.Timeouts;
using Microsoft.Extensions.Options;
using RecService.Api.Http.Errors;

namespace RecService.Api.Http.Limits;

/// <summary>
/// Turns requests away when more come than are done, so that those that are taken are answered soon and memory does not grow. Requests that take as
/// long as they take
/// (<see cref="RequestLimits.WithoutTimeLimit"/>) and those of operators do not count here.
/// </summary>
internal sealed class LoadLimits(IOptions<LoadOptions> options, ChargeKey charge, ExpectedWait expectedWait) : IDisposable
{
    // Requests that come as one are spared what each costs by itself, and are worked on by one thread.
    private const int RequestsPerPlace = 50;

    private const string RetrySeconds = "1";

    private readonly (ConcurrencyLimiter Limiter, int Queue) _scoring = Limiter(options.Value.Scoring);
    private readonly (ConcurrencyLimiter Limiter, int Queue) _ingest = Limiter(options.Value.Ingest);
    private readonly BodyMemory _bodies = new(options.Value.BodyMebibytes * 1024L * 1024);

    public async Task InvokeAsync(HttpContext context, RequestDelegate next)
    {
        if (LimiterOf(context.GetEndpoint()) is not var (limiter, queue))
        {
            await next(context);
            return;
        }

        using var body = new BufferedBody(_bodies, context.User.Identity?.Name ?? "");
        // A body that cannot even wait is not taken in. That may have changed when it has come, so the lease decides.
        var now = limiter.GetStatistics()!;
        var full = (now.CurrentAvailablePermits == 0 && now.CurrentQueuedCount >= queue) || WaitsTooLong(context, (int)now.CurrentQueuedCount);
        var refusal = full ? Problems.Overloaded() : await body.ReadAsync(context.Request.Body, context.RequestAborted);
        if (refusal is null)
        {
            // What it weighs is known when its body has been read.
            using var lease = IsLarge(context) ? null : await limiter.AcquireAsync(cancellationToken: context.RequestAborted);
            if (lease is not { IsAcquired: false })
            {
                context.Request.Body = body.Stream;
                await next(context);
                return;
            }

            refusal = Problems.Overloaded();
        }

        await RefuseAsync(context, refusal);
    }

    /// <summary>
    /// Waits for the turn of a request that <see cref="RequestLimits.CountsAsSeveral"/>, until its end, and counts it against the limit of its key; says
    /// why not when there are too many.
    /// </summary>
    /// <param name="context">The request.</param>
    /// <param name="requests">As how many it counts.</param>
    public async Task<ProblemHttpResult?> EnterAsync(HttpContext context, int requests)
    {
        if (charge(context, requests) is { } wait)
        {
            context.Response.Headers.RetryAfter = wait.TotalSeconds.ToString(CultureInfo.InvariantCulture);
            return Problems.TooMany();
        }

        var (limiter, _) = LimiterOf(context.GetEndpoint())!.Value;
        var places = Math.Min((requests + RequestsPerPlace - 1) / RequestsPerPlace, options.Value.Scoring.Concurrent);
        var lease = await limiter.AcquireAsync(places, context.RequestAborted);
        context.Response.RegisterForDispose(lease);
        if (lease.IsAcquired)
        {
            return null;
        }

        context.Response.Headers.RetryAfter = RetrySeconds;
        return Problems.Overloaded();
    }

    public void Dispose()
    {
        _scoring.Limiter.Dispose();
        _ingest.Limiter.Dispose();
    }

    // Those who wait for their turn are taken to wait for a ranking then.
    private bool WaitsTooLong(HttpContext context, int others) =>
        context.GetEndpoint()?.Metadata.GetMetadata<WaitsForRankingMetadata>() is not null && expectedWait(others) > options.Value.Scoring.LongestWait;

    private static bool IsLarge(HttpContext context) => context.GetEndpoint()?.Metadata.GetMetadata<SeveralRequestsMetadata>() is not null;

    private static Task RefuseAsync(HttpContext context, ProblemHttpResult refusal)
    {
        if (refusal.StatusCode == StatusCodes.Status503ServiceUnavailable)
        {
            context.Response.Headers.RetryAfter = RetrySeconds;
        }

        return refusal.ExecuteAsync(context);
    }

    private static (ConcurrencyLimiter Limiter, int Queue) Limiter(LoadLimit limit) =>
        (
            new(
                new()
                {
                    PermitLimit = limit.Concurrent,
                    QueueLimit = limit.Queue,
                    QueueProcessingOrder = QueueProcessingOrder.OldestFirst,
                }
            ),
            limit.Queue
        );

    private (ConcurrencyLimiter Limiter, int Queue)? LimiterOf(Endpoint? endpoint) =>
        endpoint?.Metadata.GetMetadata<DisableRequestTimeoutAttribute>() is not null
            ? null
            : endpoint?.Metadata.GetMetadata<IAuthorizeData>()?.Policy switch
            {
                Roles.Score => _scoring,
                Roles.Ingest => _ingest,
                _ => null,
            };
}
