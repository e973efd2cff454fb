using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Threading.RateLimiting;
using Microsoft.AspNetCore.RateLimiting;
using RecService.Api.Http.Errors;

namespace RecService.Api.Access;

/// <summary>How many requests one key may make, and one address without a valid key.</summary>
internal static class RateLimits
{
    public static void Configure(RateLimiterOptions limiter, AccessOptions access)
    {
        limiter.GlobalLimiter = PartitionedRateLimiter.Create<HttpContext, string>(context =>
            context.User.Identity is { IsAuthenticated: true, Name: { } prefix }
                ? Partition($"key {prefix}", access.KeyLimit)
                : Partition($"address {Network(context.Connection.RemoteIpAddress)}", access.AnonymousLimit)
        );
        limiter.OnRejected = (rejected, _) =>
        {
            var wait = rejected.Lease.TryGetMetadata(MetadataName.RetryAfter, out var after) ? Math.Max(1, Math.Ceiling(after.TotalSeconds)) : 1;
            rejected.HttpContext.Response.Headers.RetryAfter = wait.ToString(CultureInfo.InvariantCulture);
            return new(Problems.TooMany().ExecuteAsync(rejected.HttpContext));
        };
    }

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
