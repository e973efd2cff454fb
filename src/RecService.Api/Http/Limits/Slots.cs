using System.Globalization;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.Options;
using RecService.Api.Http.Errors;
using RecService.Api.Storage;

namespace RecService.Api.Http.Limits;

/// <summary>What takes as long as it takes, and holds something all the while.</summary>
internal enum LongRequest
{
    /// <summary>Holds a connection and a transaction from its first byte to its last, however slowly those come.</summary>
    Import,

    /// <summary>Holds a connection for as long as its answer is read.</summary>
    Export,

    /// <summary>Holds a connection while rows are deleted, or locked by others.</summary>
    Deletion,

    /// <summary>Holds memory only, for as long as the caller likes.</summary>
    Watch,
}

/// <summary>
/// Lets a bounded number of requests of each kind of <see cref="LongRequest"/> go on at a time, and fewer of one key; those that hold a connection
/// have a part of all connections between them.
/// </summary>
internal sealed class Slots(IOptions<LoadOptions> options, BulkConnections connections)
{
    private readonly Dictionary<LongRequest, Kind> _kinds = new()
    {
        [LongRequest.Import] = new("imports", options.Value.Imports),
        [LongRequest.Export] = new("exports", options.Value.Exports),
        [LongRequest.Watch] = new("watchers", options.Value.Watchers),
    };

    public async Task InvokeAsync(HttpContext context, RequestDelegate next)
    {
        if (context.GetEndpoint()?.Metadata.GetMetadata<LongRequestMetadata>()?.Request is not { } request)
        {
            await next(context);
            return;
        }

        var key = context.User.Identity?.Name ?? "";
        var kind = _kinds.GetValueOrDefault(request);
        if (kind?.Take(key) is { } refusal)
        {
            await RefuseAsync(context, refusal);
            return;
        }

        try
        {
            if (request is LongRequest.Watch)
            {
                await next(context);
                return;
            }

            using var place = await connections.EnterAsync(context.RequestAborted);
            await (place is null ? RefuseAsync(context, Problems.Overloaded()) : next(context));
        }
        finally
        {
            kind?.Release(key);
        }
    }

    private static Task RefuseAsync(HttpContext context, ProblemHttpResult refusal)
    {
        context.Response.Headers.RetryAfter = "5";
        return refusal.ExecuteAsync(context);
    }

    private sealed class Kind(string name, SlotLimit limit)
    {
        private readonly Dictionary<string, int> _taken = new(StringComparer.Ordinal);

        public ProblemHttpResult? Take(string key)
        {
            lock (_taken)
            {
                var count = _taken.GetValueOrDefault(key);
                if (count >= limit.PerKey)
                {
                    return TooMany(StatusCodes.Status429TooManyRequests, $"{limit.PerKey} {name} of this key are going on");
                }

                if (_taken.Values.Sum() >= limit.Concurrent)
                {
                    return TooMany(StatusCodes.Status503ServiceUnavailable, $"{limit.Concurrent} {name} are going on");
                }

                _taken[key] = count + 1;
                return null;
            }
        }

        public void Release(string key)
        {
            lock (_taken)
            {
                if (--_taken[key] == 0)
                {
                    _taken.Remove(key);
                }
            }
        }

        private ProblemHttpResult TooMany(int status, FormattableString what) =>
            Problems.Of(
                status,
                $"{what.ToString(CultureInfo.InvariantCulture)}; try again when one of them has ended.",
                $"Too many {name}.",
                $"/problems/too-many-{name}"
            );
    }
}

internal sealed record LongRequestMetadata(LongRequest Request);

internal static class SlotExtensions
{
    /// <summary>The request takes as long as it takes, and a slot of its kind.</summary>
    public static RouteHandlerBuilder TakesLong(this RouteHandlerBuilder endpoint, LongRequest request) =>
        endpoint.WithoutTimeLimit().WithMetadata(new LongRequestMetadata(request)).ProducesProblem(StatusCodes.Status503ServiceUnavailable);
}
