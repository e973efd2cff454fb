using Npgsql;

namespace RecService.Api.Storage;

/// <summary>Short forms for statements of bulk work, which take as long as they take.</summary>
internal static class Statements
{
    /// <summary>How long a COPY may be silent: as long as a sort of the largest table takes. The caller's token ends it sooner.</summary>
    public static readonly TimeSpan Unhurried = TimeSpan.FromDays(1);

    public static async Task<int> ExecuteAsync(this NpgsqlConnection connection, string sql, CancellationToken cancellationToken, params object[] parameters)
    {
        await using var command = Command(connection, sql, parameters);
        return await command.ExecuteNonQueryAsync(cancellationToken);
    }

    public static async Task<T> ScalarAsync<T>(this NpgsqlConnection connection, string sql, CancellationToken cancellationToken, params object[] parameters)
    {
        await using var command = Command(connection, sql, parameters);
        return (T)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    /// <summary>
    /// Runs what takes no time, so that a database that does not answer is noticed. The first statement on a connection, on which those without a limit cannot even be
    /// cancelled if they are not answered, should be such a one.
    /// </summary>
    public static async Task ExecuteBrieflyAsync(this NpgsqlConnection connection, string sql, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    private static NpgsqlCommand Command(NpgsqlConnection connection, string sql, object[] parameters)
    {
        var command = new NpgsqlCommand(sql, connection) { CommandTimeout = 0 };
        foreach (var parameter in parameters)
        {
            command.Parameters.Add(new() { Value = parameter });
        }

        return command;
    }
}
