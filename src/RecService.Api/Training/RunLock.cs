using System.Data;
using Npgsql;
using RecService.Api.Storage;

namespace RecService.Api.Training;

/// <summary>The right to train, held through a connection of its own: until it is disposed of, the process dies, or the connection breaks.</summary>
internal sealed class RunLock(NpgsqlDataSource database, NpgsqlConnection connection) : IAsyncDisposable
{
    /// <summary>Key of the advisory lock; "RecTrain" in ASCII.</summary>
    private const long Key = 0x526563547261696E;

    /// <summary>How long, in seconds, the server may take to answer before the lock counts as lost.</summary>
    private const int AnswerLimit = 5;

    /// <summary>Takes the lock; null when another process has it.</summary>
    public static async Task<RunLock?> TryTakeAsync(NpgsqlDataSource database, CancellationToken cancellationToken)
    {
        var taken = new RunLock(database, await database.OpenConnectionAsync(cancellationToken));
        try
        {
            if (await taken.TryLockAsync(cancellationToken))
            {
                return taken;
            }
        }
        catch
        {
            await taken.DisposeAsync();
            throw;
        }
        await taken.CloseAsync();
        return null;
    }

    /// <summary>
    /// Has the server end a session soon after its client is gone, with all that it holds locked. A killed process closes its connections; a machine
    /// that is gone does not, and by the usual settings the server would wait for it for hours.
    /// </summary>
    public static Task NoticeDeadClientAsync(NpgsqlConnection connection, CancellationToken cancellationToken) =>
        connection.ExecuteAsync(
            "SET tcp_keepalives_idle = 3; SET tcp_keepalives_interval = 1; SET tcp_keepalives_count = 3; SET tcp_user_timeout = 6000",
            cancellationToken
        );

    /// <summary>Asks whether a run of the holder has to end; throws when nobody can tell any more whether the lock is held.</summary>
    public async Task<RunEnd?> FindEndAsync(long runId)
    {
        await using var command = Command(
            "SELECT CASE WHEN status = 'failed' THEN 'failed' WHEN cancel_requested_at IS NOT NULL THEN 'cancelled' END FROM training_runs WHERE run_id = $1",
            runId
        );
        return await command.ExecuteScalarAsync(CancellationToken.None) switch
        {
            // Only another holder of the lock records a run as failed while it goes on.
            "failed" => RunEnd.LockLost,
            "cancelled" => RunEnd.Cancelled,
            _ => null,
        };
    }

    public async ValueTask DisposeAsync()
    {
        try
        {
            // Explicit, because the pool resets a connection only when it is used again. A broken connection has lost the lock already.
            if (connection.FullState.HasFlag(ConnectionState.Open))
            {
                await using var command = Command("SELECT pg_advisory_unlock($1)", Key);
                await command.ExecuteNonQueryAsync();
            }
        }
        catch (Exception)
        {
            // It broke unnoticed, or at least cannot be trusted: closed for good, it holds nothing.
            database.Clear();
        }
        await CloseAsync();
    }

    private async Task<bool> TryLockAsync(CancellationToken cancellationToken)
    {
        await NoticeDeadClientAsync(connection, cancellationToken);
        await using var command = Command("SELECT pg_try_advisory_lock($1)", Key);
        return await command.ExecuteScalarAsync(cancellationToken) is true;
    }

    private ValueTask CloseAsync() => connection.DisposeAsync();

    private NpgsqlCommand Command(string sql, long parameter) =>
        new(sql, connection) { CommandTimeout = AnswerLimit, Parameters = { new() { Value = parameter } } };
}
