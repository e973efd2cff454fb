using System.Net;
using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using RecService.Api.Http.Bulk;
using RecService.Api.Interactions;
using RecService.Api.Storage;
using RecService.Api.Tests.Fixtures;

namespace RecService.Api.Tests.Interactions;

/// <summary>Interactions that come after their item was deleted.</summary>
public sealed class DeletedItemTests(DeletedItemTests.Service service) : IClassFixture<DeletedItemTests.Service>
{
    public static TheoryData<string> Ways => LateInteractions.Ways;

    private HttpClient Client => service.Client;

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task Are_rejected_and_nothing_of_them_is_stored(string way)
    {
        var gone = $"gone-{way}";
        await Client.PostJsonAsync("/v1/interactions", new { interactions = new[] { new Late($"early-{way}", gone, "seen") } });
        await Client.DeleteItemAsync(gone);

        var response = await Client.SendAsync(
            way,
            new Late($"late-{way}", gone),
            new Late($"new-{way}", $"new-{way}"),
            new Late($"early-{way}", gone, "seen"),
            new Late($"early-{way}", gone, "again"),
            new Late($"early-{way}", gone, "again"),
            new Late($"early-{way}", $"new-{way}", "again")
        );

        response.Accepted.ShouldBe(2);
        response.Duplicates.ShouldBe(0);
        response.Rejected.ShouldBe(4);
        response.Errors.ShouldBe([.. new[] { 0, 2, 3, 4 }.Select(place => new LateError(place, "itemId", LateInteractions.Deleted))]);
        (await Client.HasAsync("items", gone)).ShouldBeFalse();
        (await Client.HasAsync("users", $"late-{way}")).ShouldBeFalse();
        (await Client.HasAsync("items", $"new-{way}")).ShouldBeTrue();
        (await Client.HasAsync("users", $"new-{way}")).ShouldBeTrue();
        (await InteractionsAsync($"early-{way}")).ShouldBe([$"new-{way}"]);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(DirectInsert.MaxRows + 1)]
    public async Task Alone_are_an_error_of_the_request(int count)
    {
        var gone = $"alone-{count}";
        await Client.PutJsonAsync($"/v1/items/{gone}", new { }, HttpStatusCode.Created);
        await Client.DeleteItemAsync(gone);

        var problem = await Client.PostJsonAsync(
            "/v1/interactions",
            new { interactions = Enumerable.Repeat(new Late("known", gone), count) },
            HttpStatusCode.BadRequest
        );

        problem.Errors()["interactions[0].itemId"].ShouldBe([LateInteractions.Deleted]);
        problem.Errors().Count.ShouldBe(count);
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task Change_nothing_that_a_snapshot_would_be_made_anew_for(string way)
    {
        var gone = $"unchanged-{way}";
        await Client.PutJsonAsync($"/v1/items/{gone}", new { }, HttpStatusCode.Created);
        await Client.DeleteItemAsync(gone);
        await using var connection = await service.Database.OpenConnectionAsync();
        var before = await ChangeLog.SnapshotAsync(connection, CancellationToken.None);

        (await Client.SendAsync(way, new Late("nobody", gone))).Rejected.ShouldBe(1);

        (await ChangeLog.HasChangedSinceAsync(connection, before, [ChangeLog.Users, ChangeLog.Items], CancellationToken.None)).ShouldBeFalse();
        (await ChangeLog.HasChangedSinceAsync(connection, before, [ChangeLog.Interactions], CancellationToken.None)).ShouldBeTrue();
    }

    [Fact]
    public async Task Do_not_bring_it_into_recommendations_and_popular_items()
    {
        Late[] views = [.. Enumerable.Range(0, 5).SelectMany(u => new[] { new Late($"fan-{u}", "rec-gone"), new Late($"fan-{u}", "rec-stays") })];
        await Client.PostJsonAsync("/v1/interactions", new { interactions = views });
        (await ShownAsync()).ShouldBe(["rec-gone", "rec-stays"], ignoreOrder: true);
        await Client.DeleteItemAsync("rec-gone");

        await Client.PostJsonAsync("/v1/interactions", new { interactions = views.Append(new Late("fan-6", "rec-gone")) });

        (await ShownAsync()).ShouldBe(["rec-stays"]);
        (await Client.GetJsonAsync("/v1/items?limit=1000"))
            .GetProperty("items")
            .EnumerateArray()
            .Select(item => item.GetProperty("itemId").GetString())
            .ShouldNotContain("rec-gone");

        await Client.PutJsonAsync("/v1/items/rec-gone", new { }, HttpStatusCode.Created);
        await Client.PostJsonAsync("/v1/interactions", new { interactions = views });
        (await ShownAsync()).ShouldBe(["rec-gone", "rec-stays"], ignoreOrder: true);
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task Are_taken_when_the_item_was_put_or_imported_again(string way)
    {
        string[] items = [$"put-{way}", $"imported-{way}"];
        foreach (var item in items)
        {
            await Client.PutJsonAsync($"/v1/items/{item}", new { }, HttpStatusCode.Created);
            await Client.DeleteItemAsync(item);
        }

        await Client.PutJsonAsync($"/v1/items/{items[0]}", new { }, HttpStatusCode.Created);
        await Client.SendTextAsync(HttpMethod.Post, "/v1/items/import", $$"""{"itemId":"{{items[1]}}"}""", NdJson.MediaType);

        (await Client.SendAsync(way, [.. items.Select(item => new Late("back", item))])).Accepted.ShouldBe(2);
        (await service.ScalarAsync<long>("SELECT count(*) FROM deleted_items WHERE item_id = ANY ($1)", (object)items)).ShouldBe(0);
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task Create_it_again_when_it_was_deleted_long_ago(string way)
    {
        string[] items = [$"recent-{way}", $"old-{way}"];
        foreach (var item in items)
        {
            await Client.PutJsonAsync($"/v1/items/{item}", new { }, HttpStatusCode.Created);
            await Client.DeleteItemAsync(item);
        }

        await AgeAsync(items[0], days: 29);
        await AgeAsync(items[1], days: 31);

        var response = await Client.SendAsync(way, [.. items.Select(item => new Late("ages", item))]);

        response.Accepted.ShouldBe(1);
        response.Errors.ShouldBe([new LateError(0, "itemId", LateInteractions.Deleted)]);
        (await Client.HasAsync("items", items[1])).ShouldBeTrue();

        // Deleted anew, it is deleted as of now.
        await Client.DeleteItemAsync(items[1]);
        (await Client.SendAsync(way, new Late("ages", items[1]))).Rejected.ShouldBe(1);
    }

    [Fact]
    public async Task Retention_forgets_old_deletions_only()
    {
        foreach (var (item, days) in new[] { ("kept", 29), ("forgotten", 31) })
        {
            await Client.PutJsonAsync($"/v1/items/{item}", new { }, HttpStatusCode.Created);
            await Client.DeleteItemAsync(item);
            await AgeAsync(item, days);
        }

        await service.Factory.Services.GetRequiredService<Retention>().RunAsync(CancellationToken.None);

        (await service.ScalarAsync<string[]>("SELECT array_agg(item_id) FROM deleted_items WHERE item_id IN ('kept', 'forgotten')")).ShouldBe([
            "kept",
        ]);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(DirectInsert.MaxRows + 1)]
    public async Task Of_items_that_are_there_nobody_looks_for_deletions(int count)
    {
        await using var holder = await service.Database.OpenConnectionAsync();
        await using var transaction = await holder.BeginTransactionAsync();
        await holder.ExecuteAsync("LOCK TABLE deleted_items IN ACCESS EXCLUSIVE MODE", CancellationToken.None);

        var response = await Client.PostJsonAsync("/v1/interactions", new { interactions = Enumerable.Repeat(new Late("known", "known"), count) });

        response.GetProperty("accepted").GetInt32().ShouldBe(count);
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task Beside_the_deletion_wait_for_it(string way)
    {
        var item = $"beside-{way}";
        await Client.PostJsonAsync("/v1/interactions", new { interactions = new[] { new Late("known", item) } });

        // The deletion has the item's row, and waits for that of its interaction.
        var holder = await service.Database.OpenConnectionAsync();
        await holder.ExecuteAsync("BEGIN", CancellationToken.None);
        await holder.ExecuteAsync(
            "SELECT FROM interactions JOIN items USING (item_key) WHERE item_id = $1 FOR UPDATE OF interactions",
            CancellationToken.None,
            item
        );
        await using var observer = await service.Database.OpenConnectionAsync();
        var deletion = Client.DeleteItemAsync(item);
        await Waiting.UntilAsync(observer, sessions: 1);
        var writing = Client.SendAsync(way, new Late("known", item));
        await Waiting.UntilAsync(observer, sessions: 2);
        await holder.ExecuteAsync("ROLLBACK", CancellationToken.None);
        await holder.DisposeAsync();

        await deletion;
        (await writing).Errors.ShouldBe([new LateError(0, "itemId", LateInteractions.Deleted)]);
        (await Client.HasAsync("items", item)).ShouldBeFalse();
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task Of_an_item_that_others_create_and_delete_meanwhile_do_not_bring_it_back(string way)
    {
        var (user, item) = ($"meanwhile-u-{way}", $"meanwhile-{way}");

        // The writer has found that the item was never there, and waits for who is creating the user.
        var holder = await service.Database.OpenConnectionAsync();
        await holder.ExecuteAsync("BEGIN", CancellationToken.None);
        await holder.ExecuteAsync("INSERT INTO users (user_id, created_at, updated_at) VALUES ($1, now(), now())", CancellationToken.None, user);
        await using var observer = await service.Database.OpenConnectionAsync();
        var writing = Client.SendAsync(way, new Late(user, item));
        await Waiting.UntilAsync(observer, sessions: 1);
        await Client.PostJsonAsync("/v1/interactions", new { interactions = new[] { new Late("known", item) } });
        await Client.DeleteItemAsync(item);
        await holder.ExecuteAsync("ROLLBACK", CancellationToken.None);
        await holder.DisposeAsync();

        (await writing).Errors.ShouldBe([new LateError(0, "itemId", LateInteractions.Deleted)]);
        (await Client.HasAsync("items", item)).ShouldBeFalse();
        (await Client.HasAsync("users", user)).ShouldBeFalse();
    }

    [Fact]
    public async Task Many_at_once_leave_every_item_that_was_deleted_away()
    {
        const int items = 12;
        using var done = new CancellationTokenSource();
        var accepted = 0L;
        var writers = Enumerable
            .Range(0, 4)
            .Select(writer =>
                Task.Run(async () =>
                {
                    var random = new Random(writer);
                    while (!done.IsCancellationRequested)
                    {
                        var rows = Enumerable.Range(0, 6).Select(_ => new Late($"crowd-u{random.Next(20)}", $"crowd-{random.Next(items)}")).ToArray();
                        Interlocked.Add(ref accepted, (await Client.SendAsync(writer % 2 == 0 ? "direct" : "whole", rows)).Accepted);
                    }
                })
            )
            .ToArray();

        // Each as soon as it is there; from then on it stays away.
        await Task.WhenAll(
            Enumerable
                .Range(0, items)
                .Select(async item =>
                {
                    while (!(await Client.HasAsync("items", $"crowd-{item}")))
                    {
                        await Task.Delay(1);
                    }

                    await Client.DeleteItemAsync($"crowd-{item}");
                })
        );
        var then = Interlocked.Read(ref accepted);
        for (var round = 0; round < 5; round++)
        {
            (
                await Client.SendAsync("direct", [.. Enumerable.Range(0, items).Select(item => new Late("crowd-late", $"crowd-{item}"))])
            ).Rejected.ShouldBe(items);
        }

        await done.CancelAsync();
        await Task.WhenAll(writers);
        then.ShouldBeGreaterThan(0);
        (await service.ScalarAsync<long>("SELECT count(*) FROM items WHERE item_id LIKE 'crowd-%'")).ShouldBe(0);
        (await service.ScalarAsync<long>("SELECT count(*) FROM deleted_items WHERE item_id LIKE 'crowd-%'")).ShouldBe(items);
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task Create_it_again_where_deletions_do_not_count(string way)
    {
        await using var replica = new RecServiceFactory(
            service.ConnectionString,
            new Dictionary<string, string>(StringComparer.Ordinal)
            {
                ["Training:Enabled"] = "false",
                ["Interactions:RefuseDeletedItemsFor"] = "00:00:00",
            }
        );
        using var client = replica.CreateClient();
        var item = $"off-{way}";
        await client.PutJsonAsync($"/v1/items/{item}", new { }, HttpStatusCode.Created);
        await client.DeleteItemAsync(item);

        (await client.SendAsync(way, new Late("known", item))).Accepted.ShouldBe(1);
        (await client.HasAsync("items", item)).ShouldBeTrue();
    }

    [Fact]
    public async Task A_database_of_the_release_before_gets_the_table_and_loses_nothing()
    {
        var connectionString = await service.Server.CreateDatabaseAsync();
        await using (var former = new RecServiceDbContext(new DbContextOptionsBuilder<RecServiceDbContext>().UseNpgsql(connectionString).Options))
        {
            await former.Database.MigrateAsync("20261129025001_PublishedRuns");
            await former.Database.ExecuteSqlRawAsync("INSERT INTO items (item_id, created_at, updated_at) VALUES ('former', now(), now())");
        }

        await using (var upgraded = new RecServiceFactory(connectionString, Service.NoTraining))
        {
            using var client = upgraded.CreateClient();
            await LateInteractions.PrepareAsync(client);
            (await client.SendAsync("direct", new Late("known", "former"))).Accepted.ShouldBe(1);
            await client.DeleteItemAsync("former");
            (await client.SendAsync("direct", new Late("known", "former"))).Rejected.ShouldBe(1);
        }

        await service.Server.DropDatabaseAsync(connectionString);
    }

    private Task AgeAsync(string itemId, int days) =>
        service.ScalarAsync<long>(
            """
            WITH aged AS (UPDATE deleted_items SET deleted_at = now() - make_interval(days => $2) WHERE item_id = $1 RETURNING 1)
            SELECT count(*) FROM aged
            """,
            itemId,
            days
        );

    private async Task<string[]> InteractionsAsync(string userId) =>
        [
            .. (await Client.GetJsonAsync($"/v1/interactions?userId={userId}"))
                .GetProperty("interactions")
                .EnumerateArray()
                .Select(interaction => interaction.GetProperty("itemId").GetString()!),
        ];

    /// <summary>The items of this test in recommendations, which are the same in popular ones.</summary>
    private async Task<string[]> ShownAsync()
    {
        await service.Factory.Services.RefreshAsync();
        var recommended = Ids(await Client.PostJsonAsync("/v1/recommendations", new { count = 1000 }));
        Ids(await Client.GetJsonAsync("/v1/recommendations/popular?count=1000")).ShouldBe(recommended);
        return recommended;

        static string[] Ids(JsonElement response) =>
            [
                .. response
                    .GetProperty("items")
                    .EnumerateArray()
                    .Select(item => item.GetProperty("itemId").GetString()!)
                    .Where(id => id.StartsWith("rec-", StringComparison.Ordinal)),
            ];
    }

    public sealed class Service(DatabaseServer server) : ServiceFixture(server)
    {
        public static readonly IReadOnlyDictionary<string, string> NoTraining = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["Training:Enabled"] = "false",
        };

        public DatabaseServer Server { get; } = server;

        protected override IReadOnlyDictionary<string, string> Settings => NoTraining;

        public override async ValueTask InitializeAsync()
        {
            await base.InitializeAsync();
            await LateInteractions.PrepareAsync(Client);
        }
    }
}
