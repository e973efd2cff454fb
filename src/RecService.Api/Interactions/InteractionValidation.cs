using RecService.Api.Domain;

namespace RecService.Api.Interactions;

/// <summary>An interaction that passed validation, in the form in which it is stored: times are universal, the context is JSON.</summary>
internal sealed record InteractionRow(
    string? InteractionId,
    string UserId,
    string ItemId,
    string Type,
    double? Value,
    DateTimeOffset? OccurredAt,
    string[] Tags,
    string Context,
    string? RecommendationId
);

internal static class InteractionValidation
{
    private static readonly DateTimeOffset Earliest = DateTimeOffset.UnixEpoch;

    // Clocks of clients run ahead, and a day is more than any time zone mistaken for another.
    private static readonly TimeSpan Ahead = TimeSpan.FromDays(1);

    public static InteractionRow Validate(FieldErrors errors, InteractionInput input, DateTimeOffset now)
    {
        Check(errors, "userId", ExternalId.Problem(input.UserId));
        Check(errors, "itemId", ExternalId.Problem(input.ItemId));
        Check(errors, "type", input.Type.Length == 0 ? "is required" : Features.NameProblem(input.Type));
        if (input.InteractionId is not null)
        {
            Check(errors, "interactionId", IdProblem(input.InteractionId));
        }

        if (input.RecommendationId is not null)
        {
            Check(errors, "recommendationId", IdProblem(input.RecommendationId));
        }

        if (input.Value is { } value && !double.IsFinite(value))
        {
            errors.Add("value", "must be a finite number");
        }

        if (input.OccurredAt is { } time && (time < Earliest || time > now + Ahead))
        {
            errors.Add("occurredAt", "must be from 1970 on, and no more than a day ahead");
        }

        var tags = Features.Tags(errors, "tags", input.Tags);
        var context = Features.ToJson(Features.ContextValues(errors, "context", input.Context));
        return new(
            input.InteractionId,
            input.UserId,
            input.ItemId,
            input.Type,
            input.Value,
            input.OccurredAt?.ToUniversalTime(),
            tags,
            context,
            input.RecommendationId
        );
    }

    private static string? IdProblem(string id) => id.Length == 0 ? "must not be empty" : ExternalId.Problem(id);

    private static void Check(FieldErrors errors, string field, string? problem)
    {
        if (problem is not null)
        {
            errors.Add(field, problem);
        }
    }
}
