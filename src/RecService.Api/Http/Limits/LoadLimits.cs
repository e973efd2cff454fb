using System.Threading.RateLimiting;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Http.Timeouts;
using Microsoft.Extensions.Options;
using RecService.Api.Http.Errors;

namespace RecService.Api.Http.Limits;

/// <summary>
/// Turns requests away when more come than are done, so that those that are taken are answered soon and memory does not grow. Requests that take as
/// long as they take
/// (<see cref="RequestLimits.WithoutTimeLimit"/>) and those of operators do not count here.
/// </summary>
internal sealed class LoadLimits(IOptions<LoadOptions> options) : IDisposable
{
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
        var full = limiter.GetStatistics() is { CurrentAvailablePermits: 0 } now && now.CurrentQueuedCount >= queue;
        var refusal = full ? Problems.Overloaded() : await body.ReadAsync(context.Request.Body, context.RequestAborted);
        if (refusal is null)
        {
            using var lease = await limiter.AcquireAsync(cancellationToken: context.RequestAborted);
            if (lease.IsAcquired)
            {
                context.Request.Body = body.Stream;
                await next(context);
                return;
            }

            refusal = Problems.Overloaded();
        }

        if (refusal.StatusCode == StatusCodes.Status503ServiceUnavailable)
        {
            context.Response.Headers.RetryAfter = "1";
        }

        await refusal.ExecuteAsync(context);
    }

    public void Dispose()
    {
        _scoring.Limiter.Dispose();
        _ingest.Limiter.Dispose();
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
