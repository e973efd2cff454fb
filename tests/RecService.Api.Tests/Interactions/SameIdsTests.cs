using System.Net;
using System.Net.Http.Json;
using System.Text;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using RecService.Api.Storage;
using RecService.Api.Tests.Fixtures;

namespace RecService.Api.Tests.Interactions;

/// <summary>Writers of the same ids, each in an order of its own.</summary>
public sealed class SameIdsTests(SameIdsTests.Service service, ITestOutputHelper output) : IClassFixture<SameIdsTests.Service>
{
    [Theory]
    [InlineData("direct", 30, false, false)]
    [InlineData("whole", 100, false, false)]
    [InlineData("import", 30, true, true)]
    [InlineData("import-batch", 30, true, false)]
    [InlineData("import-whole", 100, true, false)]
    public async Task Two_who_send_the_same_new_rows_in_opposite_orders_wait_for_each_other_one_way(
        string name,
        int count,
        bool firstImports,
        bool secondImports
    )
    {
        // Beyond U+FFFF and below, where the orders of UTF-16 and of UTF-8 differ.
        var rows = Enumerable
            .Range(0, count)
            .Select(i => Row($"{name}-{i}", $"{name}-{(i % 2 == 0 ? "\uFFFD" : "\U0001F600")}{i % 3}", "opposite"))
            .ToArray();
        await SendAsync(service.Client, rows.Select(row => row with { interactionId = null }), import: false);

        // Somebody holds the id in the middle until both have come so far that they wait.
        var holder = await service.Database.OpenConnectionAsync();
        await holder.ExecuteAsync("BEGIN", CancellationToken.None);
        await holder.ExecuteAsync(
            """
            INSERT INTO interactions (user_key, item_key, type, occurred_at, interaction_id, received_at)
            SELECT user_key, item_key, 'view', now(), $2, now() FROM users, items WHERE user_id = $1 AND item_id = 'opposite'
            """,
            CancellationToken.None,
            rows[count / 2].userId,
            rows[count / 2].interactionId!
        );
        var answers = new[] { SendAsync(service.Client, rows, firstImports), SendAsync(service.Client, rows.Reverse(), secondImports) };
        await using (var observer = await service.Database.OpenConnectionAsync())
        {
            await Waiting.UntilAsync(observer, sessions: 2);
        }

        await holder.ExecuteAsync("ROLLBACK", CancellationToken.None);
        await holder.DisposeAsync();
        (await Task.WhenAll(answers)).Sum().ShouldBe(count);
        (await Waiting.DeadlocksAsync(service.ConnectionString, service.Database)).ShouldBe(0);
    }

    [Fact]
    public async Task A_mix_of_batches_with_shared_ids_at_two_replicas_stores_each_once_and_refuses_none()
    {
        await using var replica = new RecServiceFactory(
            service.ConnectionString,
            new Dictionary<string, string>(Service.Patient, StringComparer.Ordinal) { ["Training:Enabled"] = "false" }
        );
        using var other = replica.CreateClient();
        var shared = Enumerable.Range(0, 100).Select(i => Row($"mix-{i}", $"mix-u{i % 7}", $"mix-i{i % 11}")).ToArray();
        var accepted = await Task.WhenAll(
            Enumerable
                .Range(0, 60)
                .Select(request =>
                {
                    var random = new Random(request);
                    var rows = shared.ToArray();
                    random.Shuffle(rows);
                    return SendAsync(request % 2 == 0 ? service.Client : other, rows.Take(random.Next(20, 101)), import: request % 20 == 0);
                })
        );

        accepted.Sum().ShouldBe(100);
        var stored = await service.ScalarAsync<string[]>("SELECT array_agg(interaction_id) FROM interactions WHERE interaction_id LIKE 'mix-%'");
        stored.ShouldBe(shared.Select(row => row.interactionId!), ignoreOrder: true);
        var deadlocks = await Waiting.DeadlocksAsync(
            service.ConnectionString,
            service.Database,
            replica.Services.GetRequiredService<NpgsqlDataSource>()
        );
        output.WriteLine($"60 requests with 100 shared ids at two replicas: {deadlocks} deadlocks");
        deadlocks.ShouldBe(0);
    }

    [Theory]
    [InlineData("few", 20, false)]
    [InlineData("many", 200, false)]
    [InlineData("imported", 20, true)]
    public async Task What_is_stored_in_the_order_of_ids_keeps_the_order_in_which_it_came(string name, int count, bool import)
    {
        var rows = Enumerable.Range(0, count).Select(i => Row($"{name}-{i}", $"{name}-u{i % 7}", "ordered")).ToArray();
        new Random(1).Shuffle(rows);
        (await SendAsync(service.Client, rows, import)).ShouldBe(count);

        var stored = await service.ScalarAsync<string[]>(
            "SELECT array_agg(interaction_id ORDER BY interaction_key) FROM interactions WHERE interaction_id LIKE $1",
            $"{name}-%"
        );
        stored.ShouldBe(rows.Select(row => row.interactionId!));
    }

    private static async Task<long> SendAsync(HttpClient client, IEnumerable<SentRow> rows, bool import)
    {
        using HttpContent content = import
            ? new StringContent(
                string.Join('\n', rows.Select(row => System.Text.Json.JsonSerializer.Serialize(row))),
                Encoding.UTF8,
                "application/x-ndjson"
            )
            : JsonContent.Create(new { interactions = rows });
        using var answer = await client.PostAsync(
            HttpClientExtensions.Address(client, import ? "/v1/interactions/import" : "/v1/interactions"),
            content
        );
        var text = await answer.Content.ReadAsStringAsync();
        answer.StatusCode.ShouldBe(HttpStatusCode.OK, text);
        return System.Text.Json.JsonDocument.Parse(text).RootElement.GetProperty("accepted").GetInt64();
    }

    private static SentRow Row(string id, string user, string item) => new(id, user, item, "view");

    public sealed class Service(DatabaseServer server) : ServiceFixture(server)
    {
        /// <summary>Writers wait for each other here, which on a busy machine takes its time.</summary>
        public static IReadOnlyDictionary<string, string> Patient { get; } =
            new Dictionary<string, string>(StringComparer.Ordinal) { ["Database:CommandTimeout"] = "00:05:00" };

        protected override IReadOnlyDictionary<string, string> Settings => Patient;
    }

    private sealed record SentRow(string? interactionId, string userId, string itemId, string type);
}
