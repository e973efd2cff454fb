using System.Net;
using System.Text.Json.Nodes;
using Npgsql;
using RecService.Api.Storage;
using RecService.Api.Tests.Fixtures;

namespace RecService.Api.Tests.Training;

/// <summary>What a run reads, and what it leaves of the log of changes.</summary>
public sealed class CutoffTests(CutoffTests.Service service) : IClassFixture<CutoffTests.Service>
{
    [Fact]
    public async Task A_run_reads_everything_as_of_one_moment()
    {
        await service.Client.PostRatingsAsync(users: 3, items: 3);
        var all = await PairsAsync("true");
        var rest = await PairsAsync("user_key <> (SELECT user_key FROM users WHERE user_id = 'u1')");
        rest.ShouldBeLessThan(all);
        await using var writer = new NpgsqlConnection(
            new NpgsqlConnectionStringBuilder(service.ConnectionString) { Pooling = false }.ConnectionString
        );
        await writer.OpenAsync();

        // The run has its moment by the time at which it comes to the users, and waits there while somebody deletes.
        await writer.ExecuteAsync("BEGIN; LOCK TABLE users IN ACCESS EXCLUSIVE MODE", CancellationToken.None);
        var run = await service.Client.PostJsonAsync("/v1/training-runs", new JsonObject(), HttpStatusCode.Accepted);
        await writer.UntilAwaitedAsync("users");
        await writer.ExecuteAsync(
            "DELETE FROM interactions WHERE user_key = (SELECT user_key FROM users WHERE user_id = 'u1'); COMMIT",
            CancellationToken.None
        );

        var ended = await service.Client.EndOfRunAsync(run.GetProperty("runId").GetInt64());
        ended.GetProperty("status").GetString().ShouldBe("succeeded", ended.ToString());
        ended.GetProperty("rows").GetProperty("used").GetInt64().ShouldBe(all);
        (await service.Client.TrainAsync()).GetProperty("rows").GetProperty("used").GetInt64().ShouldBe(rest);
    }

    [Fact]
    public async Task A_run_removes_what_is_old_from_the_log_of_changes()
    {
        await service.Client.PostRatingsAsync(users: 3, items: 3);
        await service.ScalarAsync<long>(
            "WITH aged AS (UPDATE changes SET changed_at = now() - interval '61 minutes' RETURNING 1) SELECT count(*) FROM aged"
        );
        await service.Client.PostRatingsAsync(users: 3, items: 4);

        // Other tests share the server: as long as older transactions of theirs go on, nothing counts as seen for good.
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        while (await service.ScalarAsync<bool>("SELECT EXISTS (SELECT FROM changes WHERE xid >= pg_snapshot_xmin(pg_current_snapshot()))"))
        {
            await Task.Delay(50, limit.Token);
        }

        (await service.Client.TrainAsync()).GetProperty("status").GetString().ShouldBe("succeeded");

        (await service.ScalarAsync<long>("SELECT count(*) FROM changes WHERE changed_at < now() - interval '1 hour'")).ShouldBe(0);
        (await service.ScalarAsync<long>("SELECT count(*) FROM changes WHERE relation = 'interactions'")).ShouldBeGreaterThan(0);
    }

    private Task<long> PairsAsync(string condition) =>
        service.ScalarAsync<long>($"SELECT count(*) FROM (SELECT DISTINCT user_key, item_key FROM interactions WHERE {condition}) AS pairs");

    public sealed class Service(DatabaseServer server) : ServiceFixture(server)
    {
        protected override IReadOnlyDictionary<string, string> Settings { get; } =
            new Dictionary<string, string>(StringComparer.Ordinal)
            {
                ["Training:Enabled"] = "false",
                ["Training:Objective"] = "rating",
                ["Training:Epochs"] = "2",
                // Statements wait for this test.
                ["Database:CommandTimeout"] = "00:05:00",
            };
    }
}
