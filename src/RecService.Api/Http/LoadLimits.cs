using System.Threading.RateLimiting;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Http.Timeouts;
using Microsoft.Extensions.Options;

namespace RecService.Api.Http;

/// <summary>
/// Turns requests away when more come than are done, so that those that are taken are answered soon and memory does not grow. Requests that take as long as they take
/// (<see cref="RequestLimits.WithoutTimeLimit"/>) and those of operators do not count here.
/// </summary>
internal sealed class LoadLimits(IOptions<LoadOptions> options) : IDisposable
{
    private readonly ConcurrencyLimiter _scoring = Limiter(options.Value.Scoring);
    private readonly ConcurrencyLimiter _ingest = Limiter(options.Value.Ingest);
    private readonly BodyMemory _bodies = new(options.Value.BodyMebibytes * 1024L * 1024);

    public async Task InvokeAsync(HttpContext context, RequestDelegate next)
    {
        if (LimiterOf(context.GetEndpoint()) is not { } limiter)
        {
            await next(context);
            return;
        }

        using var body = new BufferedBody(_bodies);
        if (await body.ReadAsync(context.Request.Body, context.RequestAborted))
        {
            using var lease = await limiter.AcquireAsync(cancellationToken: context.RequestAborted);
            if (lease.IsAcquired)
            {
                context.Request.Body = body.Stream;
                await next(context);
                return;
            }
        }

        context.Response.Headers.RetryAfter = "1";
        await Problems.Of(StatusCodes.Status503ServiceUnavailable, "More requests come than can be answered; Retry-After says when to try again.", "Overloaded.", "/problems/overloaded")
            .ExecuteAsync(context);
    }

    public void Dispose()
    {
        _scoring.Dispose();
        _ingest.Dispose();
    }

    private static ConcurrencyLimiter Limiter(LoadLimit limit) =>
        new(new() { PermitLimit = limit.Concurrent, QueueLimit = limit.Queue, QueueProcessingOrder = QueueProcessingOrder.OldestFirst });

    private ConcurrencyLimiter? LimiterOf(Endpoint? endpoint) =>
        endpoint?.Metadata.GetMetadata<DisableRequestTimeoutAttribute>() is not null ? null : endpoint?.Metadata.GetMetadata<IAuthorizeData>()?.Policy switch
        {
            Roles.Score => _scoring,
            Roles.Ingest => _ingest,
            _ => null,
        };
}
