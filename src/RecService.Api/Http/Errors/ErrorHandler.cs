using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.Mvc;
using RecService.Api.Http.Bulk;
using RecService.Api.Http.Json;
using RecService.Api.Http.Limits;
using RecService.Api.Storage;
using RecService.Api.Telemetry;

namespace RecService.Api.Http.Errors;

/// <summary>Answers exceptions with problems: what is the client's fault names the field, what is ours shows no internals.</summary>
internal sealed partial class ErrorHandler(ILogger<ErrorHandler> logger, PageOfProblem? pages = null) : IExceptionHandler
{
    // What it throws, beside exceptions of its own, is about the bytes of a body, such as the size of a chunk.
    private const string ServerAssembly = "Microsoft.AspNetCore.Server.Kestrel.Core";

    public async ValueTask<bool> TryHandleAsync(HttpContext httpContext, Exception exception, CancellationToken cancellationToken)
    {
        var answer = Answer(httpContext, exception);
        var page = answer is IValueHttpResult<ProblemDetails> { Value: { } problem } ? pages?.Invoke(httpContext, problem) : null;
        await (page ?? answer).ExecuteAsync(httpContext);
        return true;
    }

    private IResult Answer(HttpContext context, Exception exception)
    {
        switch (exception)
        {
            case BadHttpRequestException { InnerException: JsonException json }:
                return Problems.Invalid([JsonError.Describe(json)]);
            case JsonException json:
                return Problems.Invalid([JsonError.Describe(json)]);
            case BadHttpRequestException bad when Parameter().Match(bad.Message) is { Success: true } match:
                return Problems.Invalid(match.Groups["name"].Value, "has no valid value");
            case BadHttpRequestException { StatusCode: StatusCodes.Status413PayloadTooLarge }:
                return Problems.TooLarge();
            case BadHttpRequestException { StatusCode: StatusCodes.Status415UnsupportedMediaType }:
                return Problems.UnknownMediaType();
            case BadHttpRequestException bad
                when bad.StatusCode == StatusCodes.Status400BadRequest && bad.Message.Contains("body", StringComparison.Ordinal):
                return Problems.Invalid("$", "is required");
            case BadHttpRequestException bad:
                return Problems.Of(bad.StatusCode, "The request is malformed.");
            case IOException { Source: ServerAssembly }:
                return Problems.Of(StatusCodes.Status400BadRequest, "The request is malformed.");
            case InvalidOperationException { InnerException: ArgumentException } when exception.Message.Contains("charset", StringComparison.Ordinal):
                return Problems.Of(StatusCodes.Status415UnsupportedMediaType, "The body's charset is not known; JSON is UTF-8.");
            case ExpansionException or FileTooLargeException:
                return Problems.TooLarge(exception.Message);
            case NoTemporaryFilesException:
                LogNoTemporaryFiles(exception.InnerException!.Discreet().Message);
                return Problems.Of(StatusCodes.Status503ServiceUnavailable, exception.Message);
            case AccessWithdrawnException:
                context.Response.Headers.WWWAuthenticate = "Bearer realm=\"RecService\", error=\"invalid_token\"";
                return Problems.Of(StatusCodes.Status401Unauthorized, exception.Message);
            case MostlyRejectedException:
                return Problems.Invalid("$", exception.Message);
            case InvalidDataException:
                return Problems.Invalid("$", "does not decompress by its Content-Encoding");
            case var _ when DatabaseErrors.IsCollision(exception):
                LogCollision(exception.GetBaseException().Discreet().Message);
                context.Response.Headers.RetryAfter = "1";
                return Problems.Collision();
            case var _ when DatabaseErrors.IsAway(exception):
                LogUnavailable(exception.GetBaseException().Discreet().Message);
                context.Response.Headers.RetryAfter = "5";
                return Problems.Of(StatusCodes.Status503ServiceUnavailable, "The database is not available at the moment.");
            default:
                LogUnexpected(exception.Discreet());
                LogDetails(exception);
                return Problems.Unexpected();
        }
    }

    // The framework names the parameter in the message only: Failed to bind parameter "int limit" from "x"; Required parameter "int limit" was …
    [GeneratedRegex(
        """parameter "[^"]* (?<name>\w+)" (from "|was not provided from (query|route))""",
        RegexOptions.ExplicitCapture,
        matchTimeoutMilliseconds: 1000
    )]
    private static partial Regex Parameter();

    // The framework writes no log of what a handler has handled.
    [LoggerMessage(LogLevel.Error, "A request failed unexpectedly")]
    private partial void LogUnexpected(Exception exception);

    [LoggerMessage(LogLevel.Debug, "The unexpected failure with its messages")]
    private partial void LogDetails(Exception exception);

    [LoggerMessage(LogLevel.Warning, "A request failed as the database is not available: {Reason}")]
    private partial void LogUnavailable(string reason);

    [LoggerMessage(LogLevel.Error, "A Parquet file could not be put aside in the temporary folder: {Reason}")]
    private partial void LogNoTemporaryFiles(string reason);

    [LoggerMessage(LogLevel.Warning, "A request gave way to others that change the same rows: {Reason}")]
    private partial void LogCollision(string reason);
}
