using System.Net;
using System.Text.RegularExpressions;
using Microsoft.Extensions.DependencyInjection;
using RecService.Api.Access;
using RecService.Api.Http;
using RecService.Api.Tests.Fixtures;

namespace RecService.Api.Tests.Access;

public sealed partial class ApiKeyTests(KeyedService service) : IClassFixture<KeyedService>
{
    [Fact]
    public async Task A_key_is_shown_once_and_stored_as_a_hash()
    {
        var made = await service.Client.PostJsonAsync(
            "/v1/api-keys",
            new
            {
                name = "shop",
                roles = new[] { "ingest", "score", "score" },
                expiresAt = "2099-01-01T00:00:00Z",
            },
            HttpStatusCode.Created
        );
        var key = made.GetProperty("key").GetString()!;
        Form().IsMatch(key).ShouldBeTrue(key);
        var record = made.GetProperty("record");
        var prefix = record.GetProperty("prefix").GetString()!;
        key.ShouldStartWith($"rs_{prefix}_");
        record.GetProperty("roles").EnumerateArray().Select(role => role.GetString()).ShouldBe(["score", "ingest"]);
        record.GetProperty("expiresAt").GetDateTimeOffset().Year.ShouldBe(2099);

        var stored = await service.ScalarAsync<string>("SELECT row_to_json(k)::text FROM api_keys k WHERE prefix = $1", prefix);
        stored.ShouldNotContain(key.Split('_', 3)[2]);
        (await service.Client.GetJsonAsync($"/v1/api-keys/{prefix}")).ToString().ShouldBe(record.ToString());
        (await service.Client.GetJsonAsync("/v1/api-keys?limit=1000")).ToString().ShouldNotContain(key);
    }

    [Fact]
    public async Task The_list_goes_by_pages_from_the_newest_on()
    {
        var made = new List<string>();
        for (var i = 0; i < 5; i++)
        {
            made.Add((await service.NewKeyAsync($"page {i}", Roles.Score)).Prefix);
        }

        var listed = new List<string>();
        string? cursor = null;
        do
        {
            var page = await service.Client.GetJsonAsync($"/v1/api-keys?limit=2{(cursor is null ? "" : "&cursor=" + cursor)}");
            listed.AddRange(page.GetProperty("apiKeys").EnumerateArray().Select(key => key.GetProperty("prefix").GetString()!));
            cursor = page.GetProperty("nextCursor").GetString();
        } while (cursor is not null);

        listed.Where(made.Contains).ShouldBe(Enumerable.Reverse(made));
        listed.ShouldBeUnique();
    }

    [Theory]
    [InlineData("""{"name": "", "roles": ["score"]}""", "name")]
    [InlineData("""{"name": "a\u0001", "roles": ["score"]}""", "name")]
    [InlineData("""{"name": "a", "roles": []}""", "roles")]
    [InlineData("""{"name": "a", "roles": ["root"]}""", "roles")]
    [InlineData("""{"name": "a", "roles": ["Admin"]}""", "roles")]
    [InlineData("""{"name": "a", "roles": [null]}""", "roles")]
    [InlineData("""{"name": "a", "roles": ["score"], "expiresAt": "2001-01-01T00:00:00Z"}""", "expiresAt")]
    [InlineData("""{"name": "a", "roles": ["score"], "expiresAt": "2099-01-01T00:00:00"}""", "expiresAt")]
    [InlineData("""{"name": "a", "roles": ["score"], "key": "mine"}""", "key")]
    public async Task A_key_that_cannot_be_is_refused_by_field(string body, string field) =>
        (await service.Client.SendTextAsync(HttpMethod.Post, "/v1/api-keys", body, expected: HttpStatusCode.BadRequest))
            .Errors()
            .Keys.ShouldBe([field]);

    [Fact]
    public async Task A_revoked_key_is_void_at_once_and_for_good()
    {
        var (key, prefix) = await service.NewKeyAsync("to be revoked", Roles.Ingest);
        using var client = WithKey(service.Client.BaseAddress!, key);
        await client.GetJsonAsync("/v1/users");

        await service.Client.DeleteJsonAsync($"/v1/api-keys/{prefix}", HttpStatusCode.NoContent);

        await client.GetJsonAsync("/v1/users", HttpStatusCode.Unauthorized);
        await service.Client.DeleteJsonAsync($"/v1/api-keys/{prefix}", HttpStatusCode.NoContent);
        (await service.Client.SendTextAsync(HttpMethod.Post, $"/v1/api-keys/{prefix}/rotate", "", expected: HttpStatusCode.Conflict))
            .GetProperty("type")
            .GetString()
            .ShouldBe("/problems/api-key-revoked");
        await service.Client.DeleteJsonAsync("/v1/api-keys/unknown", HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task Rotation_voids_the_former_secret_at_once_or_after_the_time_of_grace()
    {
        var (first, prefix) = await service.NewKeyAsync("to be rotated", Roles.Ingest);

        var second = await RotateAsync(prefix, "?graceSeconds=0");
        second.ShouldNotBe(first);
        await ExpectAsync(HttpStatusCode.Unauthorized, first);
        await ExpectAsync(HttpStatusCode.OK, second);

        var third = await RotateAsync(prefix, "?graceSeconds=3600");
        await ExpectAsync(HttpStatusCode.Unauthorized, first);
        await ExpectAsync(HttpStatusCode.OK, second, third);

        await service.ScalarAsync<long>(
            "UPDATE api_keys SET former_expires_at = now() - interval '1 second' WHERE prefix = $1 RETURNING key_id",
            prefix
        );
        await service.KnownAsync();
        await ExpectAsync(HttpStatusCode.Unauthorized, first, second);
        await ExpectAsync(HttpStatusCode.OK, third);

        (
            await service.Client.SendTextAsync(
                HttpMethod.Post,
                $"/v1/api-keys/{prefix}/rotate?graceSeconds=-1",
                "",
                expected: HttpStatusCode.BadRequest
            )
        )
            .Errors()
            .Keys.ShouldBe(["graceSeconds"]);
    }

    [Fact]
    public async Task Unless_it_is_told_otherwise_rotation_leaves_a_minute_to_pass_the_new_secret_on()
    {
        var (first, prefix) = await service.NewKeyAsync("to be rotated", Roles.Ingest);
        var rotated = await service.Client.SendTextAsync(HttpMethod.Post, $"/v1/api-keys/{prefix}/rotate", "");

        var record = rotated.GetProperty("record");
        (record.GetProperty("formerExpiresAt").GetDateTimeOffset() - record.GetProperty("rotatedAt").GetDateTimeOffset()).ShouldBe(
            TimeSpan.FromMinutes(1)
        );
        await ExpectAsync(HttpStatusCode.OK, first, rotated.GetProperty("key").GetString()!);
    }

    [Fact]
    public async Task A_new_secret_is_shown_even_if_the_keys_cannot_be_read_after_it_was_stored()
    {
        var (_, prefix) = await service.NewKeyAsync("to be rotated", Roles.Ingest);

        // A time that .NET does not have: whoever reads all keys fails.
        await service.ScalarAsync<long>(
            "INSERT INTO api_keys (prefix, hash, name, roles, created_at, expires_at) VALUES ('unreadable', '\\x00', 'x', '{score}', now(), '200000-01-01') RETURNING key_id"
        );
        string made,
            rotated;
        try
        {
            made = (await service.NewKeyAsync("made meanwhile", Roles.Ingest)).Key;
            rotated = await RotateAsync(prefix, "?graceSeconds=0");
        }
        finally
        {
            await service.ScalarAsync<long>("DELETE FROM api_keys WHERE prefix = 'unreadable' RETURNING key_id");
        }

        await service.KnownAsync();
        await ExpectAsync(HttpStatusCode.OK, made, rotated);
    }

    [Fact]
    public async Task Who_sent_a_key_is_worked_out_anew_only_when_its_record_changes()
    {
        var (text, prefix) = await service.NewKeyAsync("stays the same", Roles.Ingest);
        var known = service.Factory.Services.GetRequiredService<KnownKeys>();
        KeyText.TryParse(text, out var key).ShouldBeTrue();
        var caller = known.Find(key).ShouldNotBeNull();

        await service.KnownAsync();
        known.Find(key).ShouldBeSameAs(caller);

        await service.ScalarAsync<long>("UPDATE api_keys SET roles = '{score}' WHERE prefix = $1 RETURNING key_id", prefix);
        await service.KnownAsync();
        known.Find(key).ShouldNotBeNull().IsInRole(Roles.Ingest).ShouldBeFalse();
    }

    [Fact]
    public async Task Rotations_at_the_same_time_leave_one_valid_secret()
    {
        var (_, prefix) = await service.NewKeyAsync("raced for", Roles.Ingest);
        var keys = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => RotateAsync(prefix, "?graceSeconds=0")));
        var valid = 0;
        foreach (var key in keys)
        {
            using var client = WithKey(service.Client.BaseAddress!, key);
            using var answer = await client.GetAsync(new Uri("/v1/users", UriKind.Relative));
            valid += answer.IsSuccessStatusCode ? 1 : 0;
        }

        valid.ShouldBe(1);
    }

    [Fact]
    public async Task Another_replica_follows_within_a_second()
    {
        using var other = new RecServiceFactory(service.ConnectionString, new Dictionary<string, string> { ["Training:Enabled"] = "false" });
        using var admin = other.CreateClient();
        var (key, prefix) = await service.NewKeyAsync("known everywhere", Roles.Ingest);
        using var here = WithKey(service.Client.BaseAddress!, key);
        using var there = WithKey(admin.BaseAddress!, key);
        await here.GetJsonAsync("/v1/users");
        await FollowsAsync(there, HttpStatusCode.OK);

        await service.Client.DeleteJsonAsync($"/v1/api-keys/{prefix}", HttpStatusCode.NoContent);
        await here.GetJsonAsync("/v1/users", HttpStatusCode.Unauthorized);
        await FollowsAsync(there, HttpStatusCode.Unauthorized);
    }

    [Fact]
    public async Task A_revocation_ends_requests_in_the_middle_of_a_crowd_of_them()
    {
        var (key, prefix) = await service.NewKeyAsync("in a crowd", Roles.Ingest);
        var revoked = false;
        using var client = WithKey(service.Client.BaseAddress!, key);
        var callers = Enumerable
            .Range(0, 8)
            .Select(_ =>
                Task.Run(async () =>
                {
                    while (true)
                    {
                        var late = Volatile.Read(ref revoked);
                        using var answer = await client.GetAsync(new Uri("/v1/users?limit=1", UriKind.Relative));
                        if (answer.StatusCode == HttpStatusCode.Unauthorized)
                        {
                            return;
                        }

                        late.ShouldBeFalse("a request that was sent after the revocation had been answered was let through");
                    }
                })
            )
            .ToArray();
        await Task.Delay(100);
        await service.Client.DeleteJsonAsync($"/v1/api-keys/{prefix}", HttpStatusCode.NoContent);
        Volatile.Write(ref revoked, true);
        await Task.WhenAll(callers).WaitAsync(Backstop.Limit);
    }

    private static async Task FollowsAsync(HttpClient client, HttpStatusCode expected)
    {
        // The second that is promised, and time for a machine that is busy with other tests.
        for (var attempt = 0; attempt < 100; attempt++)
        {
            using var answer = await client.GetAsync(new Uri("/v1/users", UriKind.Relative));
            if (answer.StatusCode == expected)
            {
                return;
            }

            await Task.Delay(50);
        }

        throw new TimeoutException($"The other replica has not answered {expected}.");
    }

    private static HttpClient WithKey(Uri address, string key) =>
        new() { BaseAddress = address, DefaultRequestHeaders = { { TestKey.Header, key } } };

    private async Task<string> RotateAsync(string prefix, string query) =>
        (await service.Client.SendTextAsync(HttpMethod.Post, $"/v1/api-keys/{prefix}/rotate{query}", "")).GetProperty("key").GetString()!;

    private async Task ExpectAsync(HttpStatusCode expected, params string[] keys)
    {
        foreach (var key in keys)
        {
            using var client = WithKey(service.Client.BaseAddress!, key);
            await client.GetJsonAsync("/v1/users", expected);
        }
    }

    [GeneratedRegex("^rs_[a-z0-9]{12}_[A-Za-z0-9_-]{43}$")]
    private static partial Regex Form();
}
