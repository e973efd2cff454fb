using System.Globalization;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.Options;
using RecService.Api.Http.Errors;
using RecService.Api.Http.Limits;

namespace RecService.Api.Http.Bulk;

/// <summary>
/// Lets a bounded number of imports go on at a time, and fewer of one key: each holds a connection and a transaction from its first byte to its last,
/// however slowly
/// those come.
/// </summary>
internal sealed class ImportSlots(IOptions<LoadOptions> options)
{
    private readonly ImportLimit _limit = options.Value.Imports;
    private readonly Dictionary<string, int> _taken = new(StringComparer.Ordinal);

    public async ValueTask<object?> InvokeAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        var http = context.HttpContext;
        var key = http.User.Identity?.Name ?? "";
        if (Take(key) is { } refusal)
        {
            http.Response.Headers.RetryAfter = "5";
            return refusal;
        }

        try
        {
            return await next(context);
        }
        finally
        {
            Release(key);
        }
    }

    private ProblemHttpResult? Take(string key)
    {
        lock (_taken)
        {
            var count = _taken.GetValueOrDefault(key);
            if (count >= _limit.PerKey)
            {
                return TooMany(StatusCodes.Status429TooManyRequests, $"{_limit.PerKey} imports of this key are going on");
            }

            if (_taken.Values.Sum() >= _limit.Concurrent)
            {
                return TooMany(StatusCodes.Status503ServiceUnavailable, $"{_limit.Concurrent} imports are going on");
            }

            _taken[key] = count + 1;
            return null;
        }
    }

    private void Release(string key)
    {
        lock (_taken)
        {
            if (--_taken[key] == 0)
            {
                _taken.Remove(key);
            }
        }
    }

    private static ProblemHttpResult TooMany(int status, FormattableString what) =>
        Problems.Of(
            status,
            $"{what.ToString(CultureInfo.InvariantCulture)}; try again when one of them has ended.",
            "Too many imports.",
            "/problems/too-many-imports"
        );
}

internal static class ImportSlotExtensions
{
    /// <summary>All imports share the slots, and each takes as long as its lines take to come.</summary>
    public static RouteHandlerBuilder WithImportSlot(this RouteHandlerBuilder endpoint) =>
        endpoint
            .AddEndpointFilter((context, next) => context.HttpContext.RequestServices.GetRequiredService<ImportSlots>().InvokeAsync(context, next))
            .WithoutTimeLimit()
            .ProducesProblem(StatusCodes.Status503ServiceUnavailable);
}
