using System.Net;
using Npgsql;
using RecService.Api.Storage;
using RecService.Api.Tests.Fixtures;

namespace RecService.Api.Tests.Storage;

public sealed class ChangeLogTests(ServiceFixture service) : IClassFixture<ServiceFixture>
{
    private static readonly string[] All = [ChangeLog.Users, ChangeLog.Items, ChangeLog.Interactions];

    private HttpClient Client => service.Client;

    [Fact]
    public async Task Each_kind_of_write_is_a_change_of_its_tables()
    {
        await ChangesAsync(() => Client.PutJsonAsync("/v1/users/ch-u", new { tags = new[] { "a" } }, HttpStatusCode.Created), ChangeLog.Users);
        await ChangesAsync(() => Client.PutJsonAsync("/v1/items/ch-i", new { tags = new[] { "a" } }, HttpStatusCode.Created), ChangeLog.Items);
        await ChangesAsync(() => InteractAsync("1", "ch-u", "ch-i"), ChangeLog.Interactions);
        await ChangesAsync(() => InteractAsync("2", "ch-u2", "ch-i2"), ChangeLog.Users, ChangeLog.Items, ChangeLog.Interactions);
        await ChangesAsync(() => Client.PutJsonAsync("/v1/items/ch-i", new { available = false }), ChangeLog.Items);
        await ChangesAsync(() => Client.DeleteJsonAsync("/v1/interactions?userId=ch-u"), ChangeLog.Interactions);
        await ChangesAsync(() => Client.DeleteJsonAsync("/v1/users/ch-u2"), ChangeLog.Users, ChangeLog.Interactions);
        await ChangesAsync(
            () => service.ScalarAsync<int>("WITH d AS (DELETE FROM items RETURNING 1) SELECT count(*)::int FROM d"),
            ChangeLog.Items,
            ChangeLog.Interactions
        );
    }

    [Fact]
    public async Task Writes_that_change_nothing_are_no_changes()
    {
        var user = new { tags = new[] { "a" }, attributes = new { x = 1, y = "z" } };
        var item = new { tags = new[] { "a" }, metadata = new { title = "t" } };
        const string itemLine = """{"itemId":"same-i","tags":["a"],"metadata":{"title":"t"}}""";
        await Client.PutJsonAsync("/v1/users/same-u", user, HttpStatusCode.Created);
        await Client.PutJsonAsync("/v1/items/same-i", item, HttpStatusCode.Created);
        await InteractAsync("1", "same-u", "same-i");

        await ChangesAsync(() => Client.PutJsonAsync("/v1/users/same-u", user));
        await ChangesAsync(() => Client.PutJsonAsync("/v1/items/same-i", item));
        await ChangesAsync(() => Client.SendTextAsync(HttpMethod.Post, "/v1/items/import", itemLine, "application/x-ndjson"));
        await ChangesAsync(() => InteractAsync("1", "same-u", "same-i"));
        await ChangesAsync(() => InteractAsync("1", "same-u", "another", HttpStatusCode.BadRequest));
        await ChangesAsync(() => Client.DeleteJsonAsync("/v1/interactions?userId=same-u&type=none"));
        await ChangesAsync(() => Client.DeleteJsonAsync("/v1/users/nobody", HttpStatusCode.NotFound));
        await ChangesAsync(() => Client.SendTextAsync(HttpMethod.Post, "/v1/interactions/import", "broken", "application/x-ndjson"));
    }

    [Fact]
    public async Task A_transaction_that_was_running_while_the_reader_read_is_seen_as_a_change()
    {
        await using var writer = await service.Database.OpenConnectionAsync();
        await using var transaction = await writer.BeginTransactionAsync();
        await writer.ExecuteAsync("INSERT INTO users (user_id, created_at, updated_at) VALUES ('running', now(), now())", CancellationToken.None);

        var snapshot = await SnapshotAsync();
        (await ChangedAsync(snapshot, ChangeLog.Users)).ShouldBeFalse();
        await transaction.CommitAsync();
        (await ChangedAsync(snapshot, ChangeLog.Users)).ShouldBeTrue();
        (await ChangedAsync(await SnapshotAsync(), ChangeLog.Users)).ShouldBeFalse();
    }

    [Fact]
    public async Task Pruning_keeps_what_is_young_or_not_seen()
    {
        await Client.PutJsonAsync("/v1/users/pruned", new { }, HttpStatusCode.Created);
        await using var connection = await service.Database.OpenConnectionAsync();
        var snapshot = await ChangeLog.SnapshotAsync(connection, CancellationToken.None);

        // Other tests share the server: as long as older transactions of theirs go on, nothing counts as seen for good.
        while (
            await connection.ScalarAsync<bool>(
                "SELECT EXISTS (SELECT FROM changes WHERE xid >= pg_snapshot_xmin($1::pg_snapshot))",
                CancellationToken.None,
                snapshot
            )
        )
        {
            await Task.Delay(50);
            snapshot = await ChangeLog.SnapshotAsync(connection, CancellationToken.None);
        }

        (await ChangeLog.PruneAsync(connection, snapshot, CancellationToken.None)).ShouldBe(0);
        await connection.ExecuteAsync("UPDATE changes SET changed_at = now() - interval '2 days'", CancellationToken.None);
        await Client.PutJsonAsync("/v1/users/not-seen", new { }, HttpStatusCode.Created);
        await connection.ExecuteAsync("UPDATE changes SET changed_at = now() - interval '2 days'", CancellationToken.None);
        (await ChangeLog.PruneAsync(connection, snapshot, CancellationToken.None)).ShouldBeGreaterThan(0);
        (await ChangedAsync(snapshot, ChangeLog.Users)).ShouldBeTrue();
    }

    private Task<System.Text.Json.JsonElement> InteractAsync(string id, string user, string item, HttpStatusCode expected = HttpStatusCode.OK) =>
        Client.PostJsonAsync(
            "/v1/interactions",
            new
            {
                interactions = new[]
                {
                    new
                    {
                        interactionId = id,
                        userId = user,
                        itemId = item,
                        type = "view",
                    },
                },
            },
            expected
        );

    private async Task ChangesAsync(Func<Task> write, params string[] expected)
    {
        var snapshot = await SnapshotAsync();
        await write();
        var changed = new List<string>();
        foreach (var relation in All)
        {
            if (await ChangedAsync(snapshot, relation))
            {
                changed.Add(relation);
            }
        }

        changed.ShouldBe(expected);
    }

    private async Task<string> SnapshotAsync()
    {
        await using var connection = await service.Database.OpenConnectionAsync();
        return await ChangeLog.SnapshotAsync(connection, CancellationToken.None);
    }

    private async Task<bool> ChangedAsync(string snapshot, string relation)
    {
        await using NpgsqlConnection connection = await service.Database.OpenConnectionAsync();
        return await ChangeLog.HasChangedSinceAsync(connection, snapshot, [relation], CancellationToken.None);
    }
}
