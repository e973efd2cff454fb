using Microsoft.AspNetCore.Http.HttpResults;
using RecService.Api.Http.Errors;
using RecService.Api.Publishing;

namespace RecService.Api.Scoring;

internal static class ModelProblems
{
    public static ProblemHttpResult NoModel() =>
        Problems.Conflict(
            "/problems/no-model",
            "No model is served yet.",
            "No training run has ended with a model, or its file could not be loaded. Recommendations are answered by popularity until then."
        );

    public static ProblemHttpResult Gone(long? version) =>
        Problems.Of(
            StatusCodes.Status410Gone,
            $"Model {version} is not loadable; pin a version before training goes on to keep it.",
            "The model is neither served nor pinned.",
            "/problems/model-gone"
        );

    public static HttpValidationProblemDetails PageGone() =>
        Problems.OfField(
            StatusCodes.Status410Gone,
            "page",
            "goes on with a list by another model than is served now",
            "Another model is served since the pages before; begin with the first page again.",
            "The list that the page goes on with is gone.",
            "/problems/page-gone"
        );

    public static ProblemHttpResult NotAvailable(ModelAvailability availability, long? version) =>
        availability switch
        {
            ModelAvailability.Unknown => Problems.NotFound("model", version!),
            ModelAvailability.Gone => Gone(version),
            _ => NoModel(),
        };
}
