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

    /// <summary>Imports, of users, items and interactions. Each holds a connection to the database.</summary>
    public ImportLimit Imports { get; set; } = new() { Concurrent = 8, PerKey = 4 };

    /// <summary>Memory for bodies of both roles that are larger than 64 KiB, in MiB. The most expensive one that may come takes all of the default.</summary>
    public int BodyMebibytes { get; set; } = 768;

    /// <summary>Whether all numbers are in their ranges.</summary>
    public bool IsValid => new[] { Scoring, Ingest }.All(limit => limit is { Concurrent: >= 1 and <= 10_000, Queue: >= 0 and <= 100_000 })
        && Imports is { Concurrent: >= 1 and <= 1_000, PerKey: >= 1 } && Imports.PerKey <= Imports.Concurrent && BodyMebibytes is >= 64 and <= 1_000_000;
}

internal sealed class LoadLimit
{
    /// <summary>Requests that are worked on.</summary>
    public int Concurrent { get; set; }

    /// <summary>Requests that wait for that; all beyond are turned away.</summary>
    public int Queue { get; set; }
}

internal sealed class ImportLimit
{
    /// <summary>Imports that go on at a time.</summary>
    public int Concurrent { get; set; }

    /// <summary>Of these, imports of one API key.</summary>
    public int PerKey { get; set; }
}

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
