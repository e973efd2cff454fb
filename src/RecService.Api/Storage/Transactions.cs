using System.Diagnostics;
using Npgsql;

namespace RecService.Api.Storage;

/// <summary>
/// Transactions that are tried again when PostgreSQL chose them to resolve a deadlock, a row went away under them, or the connection was lost before
/// the commit.
/// </summary>
internal static class Transactions
{
    private const int MaxTries = 5;

    // Each of them means that another transaction got on.
    private const int MaxCollisions = 20;

    // A database that restarts is back by then; for one that stays away the caller should not be kept waiting.
    private static readonly TimeSpan RetryTime = TimeSpan.FromSeconds(2);

    /// <summary>Runs short work in a transaction of its own.</summary>
    public static Task<T> RunAsync<T>(
        NpgsqlDataSource database,
        Func<NpgsqlConnection, CancellationToken, Task<T>> work,
        CancellationToken cancellationToken
    ) =>
        RetryAsync(
            async attempt =>
            {
                await using var connection = await database.OpenConnectionAsync(cancellationToken);
                await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
                var result = await work(connection, cancellationToken);
                attempt.IsCommitting = true;
                await transaction.CommitAsync(cancellationToken);
                return result;
            },
            cancellationToken
        );

    /// <summary>Runs work that a request waits for: nothing that the database does not get done within the limit. A limit of 0 is none.</summary>
    /// <exception cref="DatabaseAwayException">It took too long. Whether it was done is not known if it had begun to commit.</exception>
    /// <remarks>The work must hold nothing of the request's own, since it may go on after that.</remarks>
    public static async Task<T> WithinAsync<T>(TimeSpan limit, Func<CancellationToken, Task<T>> work, CancellationToken cancellationToken)
    {
        using var limited = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        if (limit > TimeSpan.Zero)
        {
            limited.CancelAfter(limit);
        }

        try
        {
            // Not the work's own end: on a server that is silent from the first statement of a connection on, Npgsql waits for ever if that has no
            // time limit.
            return await work(limited.Token).WaitAsync(limited.Token);
        }
        catch (Exception exception) when (limited.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            throw new DatabaseAwayException("The database took too long.", exception);
        }
    }

    /// <summary>
    /// Runs work that is one transaction. It says when it begins to commit: nobody knows the outcome if the connection is lost after that.
    /// </summary>
    public static async Task<T> RetryAsync<T>(Func<Attempt, Task<T>> work, CancellationToken cancellationToken)
    {
        var start = Stopwatch.GetTimestamp();
        var collisions = 0;
        for (var number = 1; ; number++)
        {
            var attempt = new Attempt();
            TimeSpan pause;
            try
            {
                return await work(attempt);
            }
            catch (Exception exception) when (IsCollision(exception))
            {
                pause = PauseOrGiveUp(++collisions, exception);
            }
            catch (Exception exception)
                when (number < MaxTries
                    && !attempt.IsCommitting
                    && Stopwatch.GetElapsedTime(start) < RetryTime
                    && DatabaseErrors.IsLostConnection(exception)
                    && !cancellationToken.IsCancellationRequested
                )
            {
                pause = TimeSpan.FromMilliseconds(Random.Shared.Next(50, 100) << number);
            }

            await Task.Delay(pause, cancellationToken);
        }
    }

    /// <summary>Runs the last step of a transaction whose former steps cannot be done again, such as reading a request.</summary>
    public static async Task<T> RunFromSavepointAsync<T>(
        NpgsqlTransaction transaction,
        Func<CancellationToken, Task<T>> work,
        CancellationToken cancellationToken
    )
    {
        const string savepoint = "before_last_step";
        await transaction.SaveAsync(savepoint, cancellationToken);
        for (var collisions = 1; ; collisions++)
        {
            TimeSpan pause;
            try
            {
                return await work(cancellationToken);
            }
            catch (Exception exception) when (IsCollision(exception))
            {
                pause = PauseOrGiveUp(collisions, exception);
            }

            await transaction.RollbackAsync(savepoint, cancellationToken);
            await Task.Delay(pause, cancellationToken);
        }
    }

    private static bool IsCollision(Exception exception) =>
        exception is RowVanishedException
        || (exception is not CollisionException && DatabaseErrors.IsCollision(exception))
        || exception.GetBaseException() is PostgresException { SqlState: PostgresErrorCodes.ForeignKeyViolation };

    // At once, as the others have got on; a little apart from each other, so that those who met do not meet again.
    private static TimeSpan PauseOrGiveUp(int collisions, Exception exception) =>
        collisions < MaxCollisions
            ? TimeSpan.FromMilliseconds(Random.Shared.NextDouble() * Math.Min(2 * collisions, 20))
            : throw new CollisionException("Others were changing the same rows, again and again.", exception);

    /// <summary>One try of a transaction.</summary>
    internal sealed class Attempt
    {
        /// <summary>Whether the transaction may have been committed.</summary>
        public bool IsCommitting { get; set; }
    }
}

/// <summary>A row that a statement relied on was deleted meanwhile by somebody else.</summary>
internal sealed class RowVanishedException : Exception
{
    public RowVanishedException()
        : base("A row was deleted while it was being referred to.") { }

    public RowVanishedException(string message)
        : base(message) { }

    public RowVanishedException(string message, Exception innerException)
        : base(message, innerException) { }
}
