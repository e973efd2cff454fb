using System.Globalization;
using System.Net;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using RecService.Api.Domain;
using RecService.Api.Interactions;
using RecService.Api.Publishing;
using RecService.Api.Storage;
using RecService.Api.Tests.Fixtures;
using RecService.Api.Training;

namespace RecService.Api.Tests.Publishing;

public sealed class ItemCounterTests(DatabaseServer server)
{
    private const string Positive = "(type = 'view' OR (type = 'like' AND (value > 0 OR value IS NULL)))";

    [Fact]
    public async Task Whatever_is_stored_and_deleted_the_numbers_are_those_of_the_interactions()
    {
        await using var service = await StartAsync();
        var random = new Random(11);
        await SqlAsync(
            service,
            """
            INSERT INTO users (user_id, created_at, updated_at) SELECT 'u' || n, now(), now() FROM generate_series(1, 60) AS n;
            INSERT INTO items (item_id, created_at, updated_at) SELECT 'i' || n, now(), now() FROM generate_series(1, 40) AS n;
            """
        );
        for (var step = 0; step < 80; step++)
        {
            await (
                random.Next(8) switch
                {
                    0 => service.Client.DeleteJsonAsync($"/v1/users/{await AnyAsync("user_id", "users")}"),
                    1 => service.Client.DeleteJsonAsync($"/v1/items/{await AnyAsync("item_id", "items")}", HttpStatusCode.NoContent),
                    2 => service.Client.DeleteJsonAsync($"/v1/interactions?userId={await AnyAsync("user_id", "users")}&type=view"),
                    3 => service.Factory.Services.GetRequiredService<Retention>().RunAsync(CancellationToken.None),
                    4 => SqlAsync(service, $"DELETE FROM interactions WHERE interaction_key % 7 = {random.Next(7)}"),
                    5 => AddAsync(service, 1, random),
                    _ => AddAsync(service, random.Next(200), random),
                }
            );
            if (random.Next(3) == 0)
            {
                await service.Factory.Services.CountAsync();
                await AssertCountedAsync(service);
            }
        }

        await service.Factory.Services.RefreshAsync();
        var catalog = service.Factory.Services.GetRequiredService<Publisher>().Current.Catalog;
        UsersOf(catalog).ShouldBe(await TruthAsync(service), ignoreOrder: true);

        Task<string> AnyAsync(string column, string table) => service.ScalarAsync<string>($"SELECT {column} FROM {table} ORDER BY random() LIMIT 1");
    }

    [Fact]
    public async Task What_is_new_is_counted_alone()
    {
        await using var service = await StartAsync();
        await InteractAsync(service, "first", "a");
        await service.Factory.Services.CountAsync();
        // Would be put right by counting everything.
        await SqlAsync(service, "UPDATE item_counts SET users = 100");

        await InteractAsync(service, "second", "a");
        await InteractAsync(service, "first", "a");
        await InteractAsync(service, "first", "b");
        await service.Factory.Services.CountAsync();
        (await service.ScalarAsync<int>("SELECT users FROM item_counts JOIN items USING (item_key) WHERE item_id = 'a'")).ShouldBe(101);
        (await service.ScalarAsync<int>("SELECT users FROM item_counts JOIN items USING (item_key) WHERE item_id = 'b'")).ShouldBe(1);

        await service.Client.DeleteJsonAsync("/v1/users/second");
        await service.Factory.Services.CountAsync();
        (await service.ScalarAsync<int>("SELECT users FROM item_counts JOIN items USING (item_key) WHERE item_id = 'a'")).ShouldBe(100);
    }

    [Theory]
    [InlineData("UPDATE interactions SET type = 'impression' WHERE item_key = (SELECT min(item_key) FROM interactions)")]
    [InlineData("TRUNCATE interactions RESTART IDENTITY")]
    [InlineData("DELETE FROM interactions; SELECT setval('interactions_interaction_key_seq', 1)")]
    public async Task What_an_operator_changes_by_hand_has_everything_counted_anew(string sql)
    {
        await using var service = await StartAsync();
        await AddAsync(service, 200, new Random(12));
        await service.Factory.Services.CountAsync();

        await SqlAsync(service, sql);
        for (var i = 0; i < 2; i++)
        {
            await AddAsync(service, 20, new Random(13 + i));
            await service.Factory.Services.CountAsync();
            await AssertCountedAsync(service);
        }
    }

    [Fact]
    public async Task What_commits_late_counts_when_it_has_committed_though_its_keys_are_from_before()
    {
        await using var service = await StartAsync();
        await InteractAsync(service, "early", "late");
        var counter = service.Factory.Services.GetRequiredService<ItemCounter>();
        await service.Factory.Services.CountAsync();

        await using var connection = await service.Database.OpenConnectionAsync();
        await using (var late = await connection.BeginTransactionAsync())
        {
            // A savepoint, as imports have: its rows are of another transaction id.
            await late.SaveAsync("before");
            await connection.ExecuteAsync(
                """
                INSERT INTO interactions (user_key, item_key, type, occurred_at, received_at)
                SELECT u.user_key, i.item_key, 'view', now(), now() FROM users AS u, items AS i WHERE u.user_id = 'early' AND i.item_id = 'other'
                """,
                CancellationToken.None
            );
            await late.ReleaseAsync("before");
            await InteractAsync(service, "next", "late");
            for (var i = 0; i < 3; i++)
            {
                await counter.RunAsync(CancellationToken.None);
            }

            await InteractAsync(service, "last", "late");
            (await counter.RunAsync(CancellationToken.None)).ShouldBeFalse("a key of before is still to come");
            await late.CommitAsync();
        }

        await service.Factory.Services.CountAsync();
        await AssertCountedAsync(service);
    }

    [Fact]
    public async Task Two_processes_that_count_at_once_count_nothing_twice()
    {
        await using var service = await StartAsync();
        await using var second = new RecServiceFactory(service.ConnectionString, Service.Own);
        using var client = second.CreateClient();
        var random = new Random(14);
        for (var i = 0; i < 10; i++)
        {
            await Task.WhenAll(
                AddAsync(service, 100, random),
                service.Factory.Services.CountAsync(),
                second.Services.CountAsync(),
                service.Client.DeleteJsonAsync($"/v1/interactions?itemId=i{i}&type=view")
            );
        }

        await second.Services.RefreshAsync();
        await AssertCountedAsync(service);
        second.Services.GetRequiredService<Publisher>().Current.Catalog.Items.Sum(item => (long)item.Users).ShouldBe((await TruthAsync(service)).Values.Sum());
    }

    [Fact]
    public async Task A_process_that_starts_has_the_numbers_that_are_stored()
    {
        await using var service = await StartAsync();
        await AddAsync(service, 300, new Random(15));
        await service.Factory.Services.CountAsync();
        var truth = await TruthAsync(service);
        await using var busy = await service.Database.OpenConnectionAsync();
        while (!await busy.ScalarAsync<bool>("SELECT pg_try_advisory_lock($1)", CancellationToken.None, ItemCounter.LockKey))
        {
            await Task.Delay(10);
        }

        await using var started = new RecServiceFactory(service.ConnectionString, Service.Own);
        using var client = started.CreateClient();
        var catalog = started.Services.GetRequiredService<Publisher>().Current.Catalog;

        UsersOf(catalog).ShouldBe(truth, ignoreOrder: true);
        var byUsers = catalog.ByPopularity.Select(item => catalog.Items[item].Users).ToList();
        byUsers.ShouldBe(byUsers.OrderDescending());
    }

    [Fact]
    public async Task Other_settings_of_what_is_positive_count_everything_anew_and_the_former_ones_leave_it_so()
    {
        await using var service = await StartAsync();
        await AddAsync(service, 300, new Random(16));
        await service.Factory.Services.CountAsync();
        var former = service.Factory.Services.GetRequiredService<ItemCounter>();
        var likes = new Feedback([new FeedbackType("LIKE", 1, PositiveFrom: null, NegativeTo: 0, Minimum: null, Maximum: null)]);
        using var newer = new ItemCounter(service.Database, likes, TimeProvider.System, NullLogger<ItemCounter>.Instance);

        await UntilCountedAsync(newer);
        await AssertCountedAsync(service, "type = 'like' AND (value > 0 OR value IS NULL)");
        await AddAsync(service, 50, new Random(17));
        (await former.RunAsync(CancellationToken.None)).ShouldBeFalse();
        await UntilCountedAsync(newer);
        await AssertCountedAsync(service, "type = 'like' AND (value > 0 OR value IS NULL)");

        // As a process that is started after the other one has ended.
        using var started = new ItemCounter(service.Database, new TrainingOptions().ToFeedback(), TimeProvider.System, NullLogger<ItemCounter>.Instance);
        await UntilCountedAsync(started);
        await AssertCountedAsync(service);
    }

    [Fact]
    public async Task Of_two_settings_the_former_ones_take_over_only_where_the_others_leave_something_uncounted()
    {
        await using var service = await StartAsync();
        await AddAsync(service, 100, new Random(18));
        var clock = new FakeTimeProvider();
        using var former = new ItemCounter(service.Database, new TrainingOptions().ToFeedback(), clock, NullLogger<ItemCounter>.Instance);
        await UntilCountedAsync(former);
        var likes = new Feedback([new FeedbackType("like", 1, PositiveFrom: null, NegativeTo: 0, Minimum: null, Maximum: null)]);
        using var newer = new ItemCounter(service.Database, likes, clock, NullLogger<ItemCounter>.Instance);
        await UntilCountedAsync(newer);

        for (var minute = 0; minute < 3; minute++)
        {
            clock.Advance(TimeSpan.FromMinutes(1));
            (await former.RunAsync(CancellationToken.None)).ShouldBeFalse();
        }

        await AssertCountedAsync(service, "type = 'like' AND (value > 0 OR value IS NULL)");
        await AddAsync(service, 10, new Random(19));
        (await former.RunAsync(CancellationToken.None)).ShouldBeFalse();
        clock.Advance(TimeSpan.FromMinutes(1));
        await UntilCountedAsync(former);
        await AssertCountedAsync(service);
    }

    private static Dictionary<long, long> UsersOf(ItemCatalog catalog) =>
        catalog.Items.Where(item => item.Users > 0).ToDictionary(item => item.ItemKey, item => (long)item.Users);

    private static async Task UntilCountedAsync(ItemCounter counter)
    {
        using var limit = new CancellationTokenSource(Backstop.Limit);
        while (!await counter.RunAsync(limit.Token))
        {
            await Task.Delay(10, limit.Token);
        }
    }

    private async Task<Service> StartAsync()
    {
        var service = new Service(server);
        await service.InitializeAsync();
        return service;
    }

    private static async Task AssertCountedAsync(ServiceFixture service, string positive = Positive)
    {
        var counted = await ReadAsync(service, "SELECT item_key, users::bigint FROM item_counts WHERE users <> 0");
        counted.ShouldBe(await TruthAsync(service, positive), ignoreOrder: true);
    }

    private static Task<Dictionary<long, long>> TruthAsync(ServiceFixture service, string positive = Positive) =>
        ReadAsync(service, $"SELECT item_key, count(DISTINCT user_key) FROM interactions WHERE {positive} GROUP BY item_key");

    private static async Task<Dictionary<long, long>> ReadAsync(ServiceFixture service, string sql)
    {
        await using var command = service.Database.CreateCommand(sql);
        await using var reader = await command.ExecuteReaderAsync();
        var numbers = new Dictionary<long, long>();
        while (await reader.ReadAsync())
        {
            numbers.Add(reader.GetInt64(0), reader.GetInt64(1));
        }

        return numbers;
    }

    private static Task AddAsync(ServiceFixture service, int count, Random random)
    {
        object?[] likes = [1.0, null, 0.0, -1.0];
        var interactions = Enumerable
            .Range(0, count)
            .Select(_ => new
            {
                userId = $"u{random.Next(60)}",
                itemId = $"i{random.Next(40)}",
                type = random.Next(4) switch
                {
                    0 => "view",
                    1 => "like",
                    2 => "impression",
                    _ => "dislike",
                },
                value = (object?)null,
                occurredAt = DateTimeOffset.UtcNow.AddDays(-random.Next(20)).ToString("O", CultureInfo.InvariantCulture),
            })
            .Select(row => row.type == "like" ? row with { value = likes[random.Next(likes.Length)] } : row)
            .ToArray();
        return count == 0 ? Task.CompletedTask : service.Client.PostJsonAsync("/v1/interactions", new { interactions });
    }

    private static Task InteractAsync(ServiceFixture service, string userId, string itemId) =>
        service.Client.PostJsonAsync(
            "/v1/interactions",
            new
            {
                interactions = new[]
                {
                    new
                    {
                        userId,
                        itemId,
                        type = "view",
                    },
                    new
                    {
                        userId,
                        itemId = "other",
                        type = "impression",
                    },
                },
            }
        );

    private static async Task SqlAsync(ServiceFixture service, string sql)
    {
        await using var command = service.Database.CreateCommand(sql);
        await command.ExecuteNonQueryAsync();
    }

    private sealed class Service(DatabaseServer server) : ServiceFixture(server)
    {
        public static readonly IReadOnlyDictionary<string, string> Own = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["Training:Enabled"] = "false",
            ["Retention:Types:view"] = "10.00:00:00",
            ["Interactions:RefuseDeletedItemsFor"] = "00:00:00",
        };

        protected override IReadOnlyDictionary<string, string> Settings => Own;
    }
}
