using RecService.Api.Access;
using RecService.Api.Http;
using RecService.Api.Storage.Entities;

namespace RecService.Api.Tests.Access;

public sealed class KnownKeyTests
{
    private static readonly DateTimeOffset Noon = new(2026, 5, 1, 12, 0, 0, TimeSpan.Zero);
    private static readonly byte[] Current = Hash(1);
    private static readonly byte[] Former = Hash(2);

    [Fact]
    public void A_former_secret_holds_until_its_time_of_grace_is_over()
    {
        var key = KnownKey.From(Key(formerExpiresAt: Noon, expiresAt: null));

        key.Matches(Former, Noon.AddTicks(-1)).ShouldBeTrue();
        key.Matches(Former, Noon).ShouldBeFalse();
        key.Matches(Current, Noon).ShouldBeTrue();
        key.Matches(Hash(3), Noon.AddTicks(-1)).ShouldBeFalse();
    }

    [Fact]
    public void A_key_holds_until_it_expires_whichever_secret_is_sent()
    {
        var key = KnownKey.From(Key(formerExpiresAt: Noon.AddHours(1), expiresAt: Noon));

        foreach (var secret in new[] { Current, Former })
        {
            key.Matches(secret, Noon.AddTicks(-1)).ShouldBeTrue();
            key.Matches(secret, Noon).ShouldBeFalse();
        }

        key.IsAdminAt(Noon.AddTicks(-1)).ShouldBeTrue();
        key.IsAdminAt(Noon).ShouldBeFalse();
    }

    private static byte[] Hash(byte number) => [.. Enumerable.Repeat(number, 32)];

    private static ApiKey Key(DateTimeOffset? formerExpiresAt, DateTimeOffset? expiresAt) =>
        new()
        {
            Prefix = "prefix",
            Hash = Current,
            FormerHash = Former,
            FormerExpiresAt = formerExpiresAt,
            ExpiresAt = expiresAt,
            Name = "key",
            Roles = [Roles.Admin],
        };
}
