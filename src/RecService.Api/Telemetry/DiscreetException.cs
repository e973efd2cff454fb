using System.Data.Common;
using System.Text;

namespace RecService.Api.Telemetry;

/// <summary>
/// An exception as the log shows it: kinds and stack, but messages only of those exceptions that speak of connections, files and our own checks.
/// Others quote what they choke on, such as the key of a dictionary, and that may be the id of a user.
/// </summary>
internal sealed class DiscreetException(Exception exception) : Exception(Describe(exception))
{
    public override string? StackTrace => exception.StackTrace;

    public override string ToString()
    {
        var text = new StringBuilder();
        for (var inner = exception; inner is not null; inner = inner.InnerException)
        {
            text.Append(text.Length == 0 ? "" : "\n ---> ").Append(Describe(inner)).Append('\n').Append(inner.StackTrace);
        }

        return text.ToString();
    }

    private static string Describe(Exception exception) =>
        exception switch
        {
            // The server quotes values in its messages; the code says what happened.
            DbException { SqlState: { } state } => $"{exception.GetType().FullName}: SQLSTATE {state}",
            DbException or IOException or System.Net.Sockets.SocketException or TimeoutException =>
                $"{exception.GetType().FullName}: {exception.Message}",
            _ when exception.GetType().FullName!.StartsWith("RecService.", StringComparison.Ordinal) =>
                $"{exception.GetType().FullName}: {exception.Message}",
            _ => exception.GetType().FullName!,
        };
}

internal static class DiscreetExceptionExtensions
{
    /// <summary>The exception without what may be personal data, for the log.</summary>
    public static DiscreetException Discreet(this Exception exception) => new(exception);
}
