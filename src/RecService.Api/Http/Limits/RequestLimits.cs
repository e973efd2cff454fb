using Microsoft.AspNetCore.Http.Timeouts;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using RecService.Api.Http.Errors;

namespace RecService.Api.Http.Limits;

/// <summary>
/// How large and how slow a request may be. Together in one place, and said even where they are the server's defaults, which may change.
/// </summary>
internal static class RequestLimits
{
    /// <summary>Of bodies other than imports, also after decompression.</summary>
    public const long BodyBytes = 32 * 1024 * 1024;

    /// <summary>Of requests that do not say that they may take as long as they take (<see cref="WithoutTimeLimit"/>).</summary>
    public static readonly TimeSpan Time = TimeSpan.FromMinutes(1);

    /// <summary>How slow a body may come.</summary>
    public static readonly MinDataRate BodyRate = new(bytesPerSecond: 240, gracePeriod: TimeSpan.FromSeconds(5));

    /// <summary>How slow an answer may be taken.</summary>
    public static readonly MinDataRate AnswerRate = new(bytesPerSecond: 240, gracePeriod: TimeSpan.FromSeconds(5));

    public static void Configure(KestrelServerOptions server)
    {
        server.AddServerHeader = false;
        var limits = server.Limits;
        limits.MaxRequestBodySize = BodyBytes;
        limits.MaxRequestLineSize = 8 * 1024;
        limits.MaxRequestHeadersTotalSize = 32 * 1024;
        limits.MaxRequestHeaderCount = 100;
        limits.RequestHeadersTimeout = TimeSpan.FromSeconds(15);
        limits.KeepAliveTimeout = TimeSpan.FromSeconds(130);
        limits.MinRequestBodyDataRate = BodyRate;
        limits.MinResponseDataRate = AnswerRate;
        limits.Http2.MaxStreamsPerConnection = 100;
    }

    /// <summary>For what takes as long as there are data.</summary>
    public static TBuilder WithoutTimeLimit<TBuilder>(this TBuilder endpoint)
        where TBuilder : IEndpointConventionBuilder => endpoint.WithMetadata(new DisableRequestTimeoutAttribute());

    /// <summary>For what may ask for as much as many requests: it waits for its turn by <see cref="LoadLimits.EnterAsync"/>, when it knows for how much.</summary>
    public static TBuilder CountsAsSeveral<TBuilder>(this TBuilder endpoint)
        where TBuilder : IEndpointConventionBuilder => endpoint.WithMetadata(new SeveralRequestsMetadata());

    /// <summary>For what ranks items: it is turned away at once when it would wait for that longer than <see cref="ScoringLimit.LongestWait"/>.</summary>
    public static TBuilder WaitsForRanking<TBuilder>(this TBuilder endpoint)
        where TBuilder : IEndpointConventionBuilder => endpoint.WithMetadata(new WaitsForRankingMetadata());

    public static void Configure(RequestTimeoutOptions timeouts) =>
        timeouts.DefaultPolicy = new()
        {
            Timeout = Time,
            TimeoutStatusCode = StatusCodes.Status504GatewayTimeout,
            WriteTimeoutResponse = context =>
            {
                context.Response.Headers.RetryAfter = "5";
                return Problems.TimedOut().ExecuteAsync(context);
            },
        };
}

internal sealed record SeveralRequestsMetadata;

internal sealed record WaitsForRankingMetadata;
