using System.Globalization;
using System.Text.Json;
using RecService.Api.Domain;
using RecService.Api.Http.Json;
using RecService.Api.Telemetry;

namespace RecService.Api.Interactions;

/// <summary>A batch that was asked for: what is valid of it, and the errors of the rest.</summary>
/// <param name="Count">The number of interactions in the request.</param>
/// <param name="Rows">The valid ones, by their index.</param>
/// <param name="Errors">What is wrong with the others.</param>
/// <param name="ReceivedAt">When the request came.</param>
internal sealed record Batch(
    int Count,
    IReadOnlyList<(int Index, InteractionRow Row)> Rows,
    IReadOnlyList<ElementError> Errors,
    DateTimeOffset ReceivedAt
);

/// <summary>Reads a batch element by element, so that one that is malformed does not spoil the others.</summary>
internal sealed class BatchReader(ServiceMetrics metrics, TimeProvider clock)
{
    private const string ListName = "interactions";

    /// <summary>The batch of a body; null, with errors, when the body is none.</summary>
    public Batch? Read(FieldErrors errors, JsonElement body)
    {
        if (JsonElements.List(errors, body, ListName, InteractionBatchRequest.MaxCount) is not { } list)
        {
            return null;
        }

        var now = clock.GetUtcNow();
        var count = list.GetArrayLength();
        var rows = new List<(int Index, InteractionRow Row)>(count);
        var rejected = new List<ElementError>();
        foreach (var (index, element) in list.EnumerateArray().Index())
        {
            var own = new FieldErrors();
            var input = JsonElements.Read<InteractionInput>(own, element);
            if (input is not null && InteractionValidation.Validate(own, input, now) is var row && !own.Any)
            {
                rows.Add((index, row));
            }
            else
            {
                metrics.CountInteractions(metrics.TypeOf(input?.Type), Outcome.Rejected, 1);
                rejected.AddRange(own.All.Select(error => new ElementError(index, error.Field, error.Reason)));
            }
        }

        return new(count, rows, rejected, now);
    }

    /// <summary>The path of an element's field in the body.</summary>
    public static string Path(ElementError error)
    {
        var element = string.Create(CultureInfo.InvariantCulture, $"{ListName}[{error.Index}]");
        return error.Field is "$" ? element : $"{element}.{error.Field}";
    }
}
