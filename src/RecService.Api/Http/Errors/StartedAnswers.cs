using RecService.Api.Http.Limits;
using RecService.Api.Telemetry;

namespace RecService.Api.Http.Errors;

/// <summary>
/// Cuts the connection when an answer fails that is partly sent, as nothing can be taken back any more. The server would do the same, but log the
/// exception with
/// its message.
/// </summary>
internal sealed partial class StartedAnswers(RequestDelegate next, ILogger<StartedAnswers> logger)
{
    public async Task InvokeAsync(HttpContext context)
    {
        try
        {
            await next(context);
        }
        catch (StalledReaderException exception) when (context.Response.HasStarted)
        {
            LogStalled(exception.Message);
            context.Abort();
        }
        catch (Exception exception) when (context.Response.HasStarted && !context.RequestAborted.IsCancellationRequested)
        {
            LogCut(exception.Discreet());
            context.Abort();
        }
    }

    [LoggerMessage(LogLevel.Warning, "An answer was cut off: {Reason}")]
    private partial void LogStalled(string reason);

    [LoggerMessage(LogLevel.Error, "An answer failed while it was sent")]
    private partial void LogCut(Exception exception);
}
