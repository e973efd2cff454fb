using System.Net.Sockets;
using Npgsql;

namespace RecService.Api.Storage;

/// <summary>Tells errors of the moment, after which the same request may succeed, from errors of the request.</summary>
internal static class DatabaseErrors
{
    /// <summary>Whether the database could not be used, whatever it was asked: it is away, restarting, full, or busy beyond its limits.</summary>
    public static bool IsAway(Exception exception)
    {
        // EF Core wraps what it finds transient.
        for (var cause = exception; cause is not null; cause = cause.InnerException)
        {
            switch (cause)
            {
                case DatabaseAwayException:
                    return true;
                case PostgresException server:
                    return IsAway(server.SqlState);
                case NpgsqlException { IsTransient: true }:
                    return true;
            }
        }

        // A name that is not in the DNS, and a connection that is cut while it opens, come as exceptions of their own kinds.
        return exception is SocketException or TimeoutException;
    }

    /// <summary>
    /// Whether PostgreSQL, or who gave up after several tries, rolled a transaction back for others that went on in the same moment; the database is
    /// well.
    /// </summary>
    public static bool IsCollision(Exception exception) =>
        exception is CollisionException
        || exception.GetBaseException()
            is PostgresException { SqlState: PostgresErrorCodes.DeadlockDetected or PostgresErrorCodes.SerializationFailure };

    /// <summary>Whether the connection is gone, and with it everything of its transaction that was not committed.</summary>
    public static bool IsLostConnection(Exception exception) =>
        IsAway(exception) && (exception.GetBaseException() is not PostgresException server || server.SqlState[..2] is "08" or "57");

    // By classes: connection, refused role, unknown database, resources, intervention of an operator, system.
    private static bool IsAway(string state) =>
        state[..2] is "08" or "28" or "3D" or "53" or "57" or "58"
        || state
            is PostgresErrorCodes.StatementCompletionUnknown
                or PostgresErrorCodes.ReadOnlySqlTransaction
                or PostgresErrorCodes.ObjectNotInPrerequisiteState
                or PostgresErrorCodes.ObjectInUse
                or PostgresErrorCodes.LockNotAvailable;
}
