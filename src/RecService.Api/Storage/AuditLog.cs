using System.Diagnostics;
using System.Security.Claims;
using Microsoft.EntityFrameworkCore;
using Npgsql;
using NpgsqlTypes;

namespace RecService.Api.Storage;

/// <summary>
/// Records who did what, in the transaction that does it where there is one. No data of users: targets are numbers, prefixes and hashes.
/// </summary>
internal sealed class AuditLog(NpgsqlDataSource database, IHttpContextAccessor requests, TimeProvider clock)
{
    public const string Succeeded = "succeeded";
    public const string Failed = "failed";

    /// <summary>How a user is named.</summary>
    public static string User(string userId) => $"sha256:{Convert.ToHexStringLower(Erasures.HashOf(userId))}";

    /// <summary>Records an action of the current request in the connection's current transaction.</summary>
    public Task WriteAsync(NpgsqlConnection connection, string action, object? target, CancellationToken cancellationToken) =>
        WriteAsync(connection, action, target, Succeeded, cancellationToken);

    /// <summary>Records an action of the current request in the context's current transaction.</summary>
    public Task WriteAsync(RecServiceDbContext context, string action, object? target, CancellationToken cancellationToken) =>
        WriteAsync((NpgsqlConnection)context.Database.GetDbConnection(), action, target, cancellationToken);

    /// <summary>Records an action of the current request that has no transaction.</summary>
    public Task WriteAsync(string action, object? target, CancellationToken cancellationToken) =>
        WriteAsync(action, target, Succeeded, cancellationToken);

    /// <summary>Records an action of the current request that came to nothing.</summary>
    public Task WriteFailureAsync(string action, object? target, CancellationToken cancellationToken) =>
        WriteAsync(action, target, Failed, cancellationToken);

    /// <summary>Does something short in a transaction of its own, and records it there; false, and no record, when there was nothing to do.</summary>
    public Task<bool> RunAsync(
        string action,
        object? target,
        Func<NpgsqlConnection, CancellationToken, Task<bool>> work,
        CancellationToken cancellationToken
    ) =>
        Transactions.RunAsync(
            database,
            async (connection, token) =>
            {
                var done = await work(connection, token);
                if (done)
                {
                    await WriteAsync(connection, action, target, token);
                }

                return done;
            },
            cancellationToken
        );

    /// <summary>Does something long, and records how it ended.</summary>
    public async Task WatchAsync(string action, Func<Task> work)
    {
        try
        {
            await work();
        }
        catch
        {
            // Whoever has gone has got a part of it.
            await WriteFailureAsync(action, target: null, CancellationToken.None);
            throw;
        }

        await WriteAsync(action, target: null, CancellationToken.None);
    }

    private async Task WriteAsync(string action, object? target, string outcome, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await WriteAsync(connection, action, target, outcome, cancellationToken);
    }

    private async Task WriteAsync(NpgsqlConnection connection, string action, object? target, string outcome, CancellationToken cancellationToken)
    {
        const string sql = "INSERT INTO audit_log (at, key_prefix, action, target, outcome, trace_id) VALUES ($1, $2, $3, $4, $5, $6)";
        await using var command = new NpgsqlCommand(sql, connection)
        {
            Parameters =
            {
                new() { Value = clock.GetUtcNow() },
                Text(requests.HttpContext?.User.FindFirstValue(ClaimTypes.Name)),
                Text(action),
                Text(FormattableString.Invariant($"{target}")),
                Text(outcome),
                Text(Activity.Current?.TraceId.ToHexString()),
            },
        };
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    private static NpgsqlParameter Text(string? text) => new() { Value = text is null or "" ? DBNull.Value : text, NpgsqlDbType = NpgsqlDbType.Text };
}
