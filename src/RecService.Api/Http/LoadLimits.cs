using System.Threading.RateLimiting;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Http.Timeouts;
using Microsoft.Extensions.Options;

namespace RecService.Api.Http;

/// <summary>Section <c>Load</c>: how much one process works on at a time.</summary>
internal sealed class LoadOptions
{
    public const string Section = "Load";

    /// <summary>Requests of the role <c>score</c>.</summary>
    public LoadLimit Scoring { get; set; } = new() { Concurrent = 64, Queue = 256 };

    /// <summary>Requests of the role <c>ingest</c>, other than imports. Each holds a connection to the database.</summary>
    public LoadLimit Ingest { get; set; } = new() { Concurrent = 32, Queue = 128 };

    /// <summary>Whether all numbers are in their ranges.</summary>
    public bool IsValid => new[] { Scoring, Ingest }.All(limit => limit is { Concurrent: >= 1 and <= 10_000, Queue: >= 0 and <= 100_000 });
}

internal sealed class LoadLimit
{
    /// <summary>Requests that are worked on.</summary>
    public int Concurrent { get; set; }

    /// <summary>Requests that wait for that; all beyond are turned away.</summary>
    public int Queue { get; set; }
}

/// <summary>
/// Turns requests away when more come than are done, so that those that are taken are answered soon and memory does not grow. Requests that take as long as they take
/// (<see cref="RequestLimits.WithoutTimeLimit"/>) and those of operators do not count here.
/// </summary>
internal sealed class LoadLimits(IOptions<LoadOptions> options) : IDisposable
{
    private const long MostBytesTakenEarly = 64 * 1024;

    private readonly ConcurrencyLimiter _scoring = Limiter(options.Value.Scoring);
    private readonly ConcurrencyLimiter _ingest = Limiter(options.Value.Ingest);

    public async Task InvokeAsync(HttpContext context, RequestDelegate next)
    {
        if (LimiterOf(context.GetEndpoint()) is not { } limiter)
        {
            await next(context);
            return;
        }

        await TakeSmallBodyAsync(context.Request, context.RequestAborted);
        using var lease = await limiter.AcquireAsync(cancellationToken: context.RequestAborted);
        if (lease.IsAcquired)
        {
            await next(context);
            return;
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

    /// <summary>Takes a body in before it is its turn, so that slow callers hold up nobody. Larger ones come in when there is room for them.</summary>
    private static async Task TakeSmallBodyAsync(HttpRequest request, CancellationToken cancellationToken)
    {
        if (request.ContentLength is > 0 and <= MostBytesTakenEarly)
        {
            var body = new byte[request.ContentLength.Value];
            await request.Body.ReadExactlyAsync(body, cancellationToken);
            request.Body = new MemoryStream(body, writable: false);
        }
    }

    private ConcurrencyLimiter? LimiterOf(Endpoint? endpoint) =>
        endpoint?.Metadata.GetMetadata<DisableRequestTimeoutAttribute>() is not null ? null : endpoint?.Metadata.GetMetadata<IAuthorizeData>()?.Policy switch
        {
            Roles.Score => _scoring,
            Roles.Ingest => _ingest,
            _ => null,
        };
}
