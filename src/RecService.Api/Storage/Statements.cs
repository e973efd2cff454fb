using Npgsql;

namespace RecService.Api.Storage;

/// <summary>Short forms for statements: within the limit that the connection string sets, or, where they work on many rows, without one.</summary>
/// <remarks>
/// The first statement on a connection that comes from the pool must have a limit: with the answer to the pool's reset still outstanding, Npgsql
/// waits for a server that has fallen silent until the limit is over, whatever becomes of the token.
/// </remarks>
internal static class Statements
{
    /// <summary>
    /// Keeps PostgreSQL, to the end of the transaction, from compiling statements: that takes seconds where the planner overestimates them, and gains
    /// nothing where they write. It comes first in every transaction that writes many rows, and so finds out, within its limit, whether the server
    /// answers. As a parameter of the connection, poolers would refuse it; set when a connection is made, it would be undone by the pool's reset.
    /// </summary>
    public const string WithoutJit = "SET LOCAL jit = off";

    /// <summary>The same for statements that are transactions of their own, until the connection goes back to the pool.</summary>
    public const string SessionWithoutJit = "SET jit = off";

    /// <summary>How long a COPY may be silent: as long as a sort of the largest table takes. The caller's token ends it sooner.</summary>
    public static readonly TimeSpan Unhurried = TimeSpan.FromDays(1);

    public static async Task<int> ExecuteAsync(
        this NpgsqlConnection connection,
        string sql,
        CancellationToken cancellationToken,
        params object[] parameters
    )
    {
        await using var command = Command(connection, sql, parameters);
        return await command.ExecuteNonQueryAsync(cancellationToken);
    }

    public static async Task<T> ScalarAsync<T>(
        this NpgsqlConnection connection,
        string sql,
        CancellationToken cancellationToken,
        params object[] parameters
    )
    {
        await using var command = Command(connection, sql, parameters);
        return (T)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    /// <summary>Runs what takes as long as it takes; not as the first statement on a connection.</summary>
    public static async Task<int> ExecuteUnhurriedAsync(
        this NpgsqlConnection connection,
        string sql,
        CancellationToken cancellationToken,
        params object[] parameters
    )
    {
        await using var command = Command(connection, sql, parameters);
        command.CommandTimeout = 0;
        return await command.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <inheritdoc cref="ExecuteUnhurriedAsync"/>
    public static async Task<T> ScalarUnhurriedAsync<T>(
        this NpgsqlConnection connection,
        string sql,
        CancellationToken cancellationToken,
        params object[] parameters
    )
    {
        await using var command = Command(connection, sql, parameters);
        command.CommandTimeout = 0;
        return (T)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    private static NpgsqlCommand Command(NpgsqlConnection connection, string sql, object[] parameters)
    {
        var command = new NpgsqlCommand(sql, connection);
        foreach (var parameter in parameters)
        {
            command.Parameters.Add(new() { Value = parameter });
        }

        return command;
    }
}
