using Npgsql;

namespace RecService.Api.Storage;

/// <summary>Transactions that are tried again when PostgreSQL chose them to resolve a deadlock, or a row went away under them.</summary>
internal static class Transactions
{
    private const int MaxTries = 5;

    /// <summary>Runs short work in a transaction of its own.</summary>
    public static Task<T> RunAsync<T>(
        NpgsqlDataSource dataSource, Func<NpgsqlConnection, CancellationToken, Task<T>> work, CancellationToken cancellationToken) =>
        RetryAsync(
            async () =>
            {
                await using var connection = await dataSource.OpenConnectionAsync(cancellationToken);
                await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
                var result = await work(connection, cancellationToken);
                await transaction.CommitAsync(cancellationToken);
                return result;
            },
            cancellationToken);

    /// <summary>Runs work that is a transaction by itself.</summary>
    public static async Task<T> RetryAsync<T>(Func<Task<T>> work, CancellationToken cancellationToken)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                return await work();
            }
            catch (PostgresException exception) when (attempt < MaxTries && IsRace(exception))
            {
                await PauseAsync(attempt, cancellationToken);
            }
        }
    }

    /// <summary>Runs the last step of a transaction whose former steps cannot be done again, such as reading a request.</summary>
    public static async Task<T> RunFromSavepointAsync<T>(NpgsqlTransaction transaction, Func<CancellationToken, Task<T>> work, CancellationToken cancellationToken)
    {
        const string savepoint = "before_last_step";
        await transaction.SaveAsync(savepoint, cancellationToken);
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                return await work(cancellationToken);
            }
            catch (Exception exception) when (attempt < MaxTries && (exception is RowVanishedException || exception is PostgresException postgres && IsRace(postgres)))
            {
                await transaction.RollbackAsync(savepoint, cancellationToken);
                await PauseAsync(attempt, cancellationToken);
            }
        }
    }

    private static bool IsRace(PostgresException exception) =>
        exception.SqlState is PostgresErrorCodes.DeadlockDetected or PostgresErrorCodes.SerializationFailure or PostgresErrorCodes.ForeignKeyViolation;

    private static Task PauseAsync(int attempt, CancellationToken cancellationToken) =>
        Task.Delay(Random.Shared.Next(10, 50 * attempt), cancellationToken);
}

/// <summary>A row that a statement relied on was deleted meanwhile by somebody else.</summary>
internal sealed class RowVanishedException : Exception
{
    public RowVanishedException()
        : base("A row was deleted while it was being referred to.")
    {
    }

    public RowVanishedException(string message)
        : base(message)
    {
    }

    public RowVanishedException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
