using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Threading.RateLimiting;
using Microsoft.AspNetCore.RateLimiting;
using Microsoft.Extensions.Options;
using RecService.Api.Http;
using RecService.Api.Http.Errors;

namespace RecService.Api.Access;

/// <summary>How many requests one key may make, and one address without a valid key.</summary>
internal sealed class RateLimits : IDisposable
{
    private readonly AccessOptions _access;
    private readonly PartitionedRateLimiter<HttpContext> _limiter;

    public RateLimits(IOptions<AccessOptions> access)
    {
        _access = access.Value;
        _limiter = PartitionedRateLimiter.Create<HttpContext, string>(context =>
            NameOf(context) is { } name
                ? Partition($"key {name}", _access.KeyLimit)
                : Partition($"address {Network(context.Connection.RemoteIpAddress)}", _access.AnonymousLimit)
        );
    }

    public void Configure(RateLimiterOptions limiter)
    {
        limiter.GlobalLimiter = _limiter;
        limiter.OnRejected = (rejected, _) =>
        {
            rejected.HttpContext.Response.Headers.RetryAfter = WaitOf(rejected.Lease).TotalSeconds.ToString(CultureInfo.InvariantCulture);
            return new(rejected.HttpContext.AnswerAsync(Problems.TooMany()));
        };
    }

    /// <summary>Does what <see cref="ChargeKey"/> says; the request itself has been counted as one.</summary>
    public TimeSpan? Charge(HttpContext context, int requests)
    {
        var limit = NameOf(context) is null ? _access.AnonymousLimit : _access.KeyLimit;
        var more = Math.Min(requests, limit.Burst) - 1;
        if (more <= 0)
        {
            return null;
        }

        using var lease = _limiter.AttemptAcquire(context, more);
        return lease.IsAcquired ? null : WaitOf(lease);
    }

    public void Dispose() => _limiter.Dispose();

    private static string? NameOf(HttpContext context) => context.User.Identity is { IsAuthenticated: true, Name: { } name } ? name : null;

    private static TimeSpan WaitOf(RateLimitLease lease) =>
        TimeSpan.FromSeconds(lease.TryGetMetadata(MetadataName.RetryAfter, out var after) ? Math.Max(1, Math.Ceiling(after.TotalSeconds)) : 1);

    // A period for each token, so that Retry-After is exact; the limiter hands out as many as periods have passed.
    private static RateLimitPartition<string> Partition(string name, RateLimit limit) =>
        limit.PerSecond == 0 ? RateLimitPartition.GetNoLimiter(name) : RateLimitPartition.GetTokenBucketLimiter(name, _ => BucketOf(limit));

    private static TokenBucketRateLimiterOptions BucketOf(RateLimit limit) =>
        new()
        {
            TokenLimit = limit.Burst,
            TokensPerPeriod = 1,
            ReplenishmentPeriod = TimeSpan.FromSeconds(1 / limit.PerSecond),
        };

    // Whoever has one IPv6 address has the 2^64 addresses of its network.
    private static string Network(IPAddress? address)
    {
        if (address is not { AddressFamily: AddressFamily.InterNetworkV6, IsIPv4MappedToIPv6: false })
        {
            return address?.ToString() ?? "";
        }

        var bytes = address.GetAddressBytes();
        bytes.AsSpan(8).Clear();
        return new IPAddress(bytes).ToString();
    }
}
