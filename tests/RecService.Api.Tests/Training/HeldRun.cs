using System.Net;
using System.Text.Json.Nodes;
using Npgsql;
using RecService.Api.Storage;
using RecService.Api.Tests.Fixtures;

namespace RecService.Api.Tests.Training;

/// <summary>A run that has trained its model and cannot make it the active one, because a test holds the table: until it is let go.</summary>
internal sealed class HeldRun(NpgsqlConnection holder) : IAsyncDisposable
{
    public long RunId { get; private set; }

    public static async Task<HeldRun> StartAsync(string connectionString, HttpClient client)
    {
        var holder = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(connectionString) { Pooling = false }.ConnectionString);
        await holder.OpenAsync();
        var held = new HeldRun(holder);
        await holder.ExecuteAsync("BEGIN; LOCK TABLE active_model IN EXCLUSIVE MODE", CancellationToken.None);
        await client.PostRatingsAsync(users: 10, items: 10);
        held.RunId = (await client.PostJsonAsync("/v1/training-runs", new JsonObject(), HttpStatusCode.Accepted)).GetProperty("runId").GetInt64();
        await holder.UntilAwaitedAsync("active_model");
        return held;
    }

    /// <summary>Breaks the connection through which the process holds the right to train, and waits until the server has noticed.</summary>
    public async Task BreakLockAsync() =>
        (
            await holder.ScalarAsync<bool>(
                """
                SELECT pg_terminate_backend(pid, 60000) FROM pg_locks
                WHERE locktype = 'advisory' AND classid = x'52656354'::int AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
                """,
                CancellationToken.None
            )
        ).ShouldBeTrue();

    public Task LetGoAsync() => holder.ExecuteAsync("COMMIT", CancellationToken.None);

    /// <summary>Lets the run go, if that has not been done.</summary>
    public ValueTask DisposeAsync() => holder.DisposeAsync();
}
