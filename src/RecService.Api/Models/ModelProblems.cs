using Microsoft.AspNetCore.Http.HttpResults;
using RecService.Api.Http.Errors;

namespace RecService.Api.Models;

/// <summary>Why a model of the registry cannot be used.</summary>
internal static class ModelProblems
{
    public static ProblemHttpResult NotFound(long version) => Problems.NotFound("model", version);

    public static ProblemHttpResult Gone(long version) =>
        Problems.Of(
            StatusCodes.Status410Gone,
            $"Model {version} was neither pinned nor among the newest.",
            "The model's file has been removed.",
            "/problems/model-pruned"
        );

    public static ProblemHttpResult Unusable(string reason) =>
        Problems.Conflict("/problems/model-unusable", "The model's file cannot be used.", reason);

    public static ProblemHttpResult TooLongForOnnx() =>
        Problems.Conflict(
            "/problems/model-too-large",
            "The model is too large for the format.",
            "As ONNX it would take more than the 2 GB that such a file can have; safetensors has no such limit."
        );
}
