using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Http.Timeouts;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;
using RecService.Api.Access;
using RecService.Api.Http.Errors;
using RecService.Api.Http.Json;
using RecService.Api.Interactions;
using RecService.Api.Training;

namespace RecService.Api.Operations;

/// <summary>Says in the OpenAPI document how each operation refuses a request, with the problem that the service itself would answer as the example.</summary>
internal static class ProblemDescription
{
    private const string MediaType = "application/problem+json";
    private const string TraceId = "00-37c17a0be5e6f6d8d21690d848f2acbe-b8b5d49d8488a5e7-00";
    private const long UnknownNumber = 999;

    private static readonly string[] LaterStatuses = ["429", "503", "504"];

    public static Task ApplyAsync(OpenApiOperation operation, OpenApiOperationTransformerContext context, CancellationToken cancellationToken)
    {
        var metadata = context.Description.ActionDescriptor.EndpointMetadata;
        if (metadata.OfType<IAuthorizeData>().FirstOrDefault()?.Policy is not { } role)
        {
            return Task.CompletedTask;
        }

        operation.Responses ??= [];
        foreach (var (status, description) in Refusals(operation, metadata))
        {
            operation.Responses.TryAdd(
                status,
                new OpenApiResponse
                {
                    Description = description,
                    Content = new Dictionary<string, OpenApiMediaType>(StringComparer.Ordinal)
                    {
                        [MediaType] = new()
                        {
                            Schema = new OpenApiSchemaReference(
                                status is "400" ? nameof(HttpValidationProblemDetails) : nameof(ProblemDetails),
                                context.Document
                            ),
                        },
                    },
                }
            );
        }

        foreach (var (status, response) in operation.Responses)
        {
            if (response.Content?.TryGetValue(MediaType, out var problem) == true)
            {
                problem.Example = Example(operation, role, status);
            }

            if (response is OpenApiResponse later && LaterStatuses.Contains(status))
            {
                later.Headers ??= new Dictionary<string, IOpenApiHeader>(StringComparer.Ordinal);
                later.Headers["Retry-After"] = new OpenApiHeader
                {
                    Schema = new OpenApiSchema { Type = JsonSchemaType.Integer },
                    Description = "Seconds to wait.",
                };
            }
        }

        return Task.CompletedTask;
    }

    private static IEnumerable<(string Status, string Description)> Refusals(OpenApiOperation operation, IList<object> metadata)
    {
        yield return ("400", "Bad Request");
        yield return ("401", "No valid API key");
        yield return ("403", "The key does not have the role");
        if (operation.RequestBody is not null)
        {
            yield return ("413", "The body is too large");
            yield return ("415", "The body is of a media type, a charset or a Content-Encoding that is not taken");
        }

        yield return ("429", "Too many requests; Retry-After says when the next one may come");
        yield return ("500", "An unexpected error");
        yield return ("503", "More requests than can be answered, too many that change the same, or no database; Retry-After says when to try again");
        if (!metadata.OfType<DisableRequestTimeoutAttribute>().Any())
        {
            yield return ("504", "It took longer than a minute and was given up; Retry-After says when to try again");
        }
    }

    private static JsonNode? Example(OpenApiOperation operation, string role, string status)
    {
        ProblemDetails? problem = status switch
        {
            "400" when OperationExamples.FaultOf(operation) is var (field, reason) => Problems.Invalid(field, reason).ProblemDetails,
            "401" => ApiKeyHandler.KeyNeeded().ProblemDetails,
            "403" => ApiKeyHandler.RoleNeeded(OperationExamples.KeyPrefix, role).ProblemDetails,
            "404" => Unknown(operation).ProblemDetails,
            "409" => Conflict(operation).ProblemDetails,
            "410" when Takes(operation, "version") => Models.ModelProblems.Gone(UnknownNumber).ProblemDetails,
            "410" when operation.OperationId == "recommend" => Scoring.ModelProblems.PageGone(),
            "410" => Scoring.ModelProblems.Gone(UnknownNumber).ProblemDetails,
            "413" => Problems.TooLarge().ProblemDetails,
            "415" => Problems.UnknownMediaType().ProblemDetails,
            "422" => InteractionEndpoints.KeyReused().ProblemDetails,
            "429" => Problems.TooMany().ProblemDetails,
            "500" => Problems.Unexpected().ProblemDetails,
            "503" => Problems.Overloaded().ProblemDetails,
            "504" => Problems.TimedOut().ProblemDetails,
            _ => null,
        };
        if (problem is null)
        {
            return null;
        }

        // Of the request that asks for the document.
        problem.Extensions["traceId"] = TraceId;
        return JsonSerializer.SerializeToNode(problem, problem.GetType(), ApiJson.Options);
    }

    private static ProblemHttpResult Unknown(OpenApiOperation operation) =>
        Takes(operation, "userId") ? Problems.NotFound("user", "user-9999")
        : Takes(operation, "itemId") ? Problems.NotFound("item", "item-9999")
        : Takes(operation, "runId") ? RunEndpoints.NotFound(UnknownNumber)
        : Takes(operation, "prefix") ? ApiKeyEndpoints.NotFound(OperationExamples.KeyPrefix)
        : Models.ModelProblems.NotFound(UnknownNumber);

    private static ProblemHttpResult Conflict(OpenApiOperation operation) =>
        operation.OperationId switch
        {
            "startTrainingRun" => RunEndpoints.GoesOn(1),
            "revokeApiKey" => ApiKeyEndpoints.LastAdminKey(),
            "rotateApiKey" => ApiKeyEndpoints.Revoked(),
            _ when Takes(operation, "version") => Models.ModelProblems.Unusable("The file has another checksum than its record."),
            _ => Scoring.ModelProblems.NoModel(),
        };

    private static bool Takes(OpenApiOperation operation, string pathParameter) =>
        operation.Parameters?.Any(parameter => parameter.In == ParameterLocation.Path && parameter.Name == pathParameter) == true;
}
