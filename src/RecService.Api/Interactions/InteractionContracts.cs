using System.ComponentModel.DataAnnotations;
using System.Text.Json.Serialization;
using RecService.Api.Domain;
using RecService.Api.Http.Bulk;
using RecService.Api.Storage.Entities;

namespace RecService.Api.Interactions;

/// <summary>One event: a user did something with an item.</summary>
internal sealed record InteractionInput
{
    /// <summary>The caller's id of this event, unique for the user. Sent again, the event is not counted again.</summary>
    public string? InteractionId { get; init; }

    /// <summary>The user, 1 to 256 characters, case-sensitive; created when unknown, unless <c>Interactions:CreateUsers</c> is false.</summary>
    [Required]
    public string UserId { get; init; } = "";

    /// <summary>
    /// The item, 1 to 256 characters, case-sensitive; created when unknown, unless it was deleted not long ago or <c>Interactions:CreateItems</c> is
    /// false.
    /// </summary>
    [Required]
    public string ItemId { get; init; } = "";

    /// <summary>What happened: <c>view</c>, <c>click</c>, <c>purchase</c>, <c>rating</c>, or a word of the caller's.</summary>
    [Required]
    public string Type { get; init; } = "";

    /// <summary>How much of it: the stars of a rating, the seconds of a view.</summary>
    public double? Value { get; init; }

    /// <summary>
    /// When it happened; now when left out. RFC 3339 with an offset; a bare date (<c>2026-01-31</c>) is midnight UTC. A JSON number is taken too: below 1e11
    /// it is seconds since 1970, which may have a fraction, and from 1e11 to 1e14 milliseconds.
    /// </summary>
    [JsonConverter(typeof(EventTimeConverter))]
    public DateTimeOffset? OccurredAt { get; init; }

    /// <summary>Tags of the event, up to 100 of 1 to 256 characters.</summary>
    public IReadOnlyList<string>? Tags { get; init; }

    /// <summary>The circumstances, such as the device: strings and booleans are categories, numbers are numeric features.</summary>
    public IReadOnlyDictionary<string, AttributeValue>? Context { get; init; }

    /// <summary>The <c>recommendationId</c> of the answer that the event follows.</summary>
    public string? RecommendationId { get; init; }
}

/// <summary>A batch of interactions.</summary>
internal sealed record InteractionBatchRequest
{
    public const int MaxCount = 10_000;

    /// <summary>1 to 10,000 interactions.</summary>
    [Required]
    public IReadOnlyList<InteractionInput> Interactions { get; init; } = [];
}

/// <summary>What became of the interactions of a batch. All accepted ones were committed together.</summary>
/// <param name="Accepted">The number of interactions that are stored now.</param>
/// <param name="Duplicates">The number of interactions that were stored before, under the same interactionId.</param>
/// <param name="Rejected">The number of interactions that were left out as invalid.</param>
/// <param name="Errors">Why they were left out.</param>
internal sealed record InteractionBatchResponse(long Accepted, long Duplicates, long Rejected, IReadOnlyList<ElementError> Errors);

/// <summary>Why an interaction of a batch was rejected.</summary>
/// <param name="Index">Its index in the batch, from 0.</param>
/// <param name="Field">The path of the field; <c>$</c> is the whole interaction.</param>
/// <param name="Reason">What is wrong with it.</param>
internal sealed record ElementError(int Index, string Field, string Reason);

/// <summary>What became of the lines of an import of interactions. All accepted lines were committed together.</summary>
/// <param name="Accepted">The number of lines that are stored now.</param>
/// <param name="Duplicates">The number of lines that were stored before, under the same interactionId.</param>
/// <param name="Rejected">The number of lines that were left out as invalid.</param>
/// <param name="Errors">Why they were left out: the first 1,000 reasons.</param>
/// <param name="ErrorsTruncated">Whether there were more errors than are listed.</param>
internal sealed record InteractionImportResponse(
    long Accepted,
    long Duplicates,
    long Rejected,
    IReadOnlyList<LineError> Errors,
    bool ErrorsTruncated
);

/// <summary>A stored interaction.</summary>
internal sealed record InteractionResponse
{
    /// <summary>The caller's id of this event.</summary>
    public required string? InteractionId { get; init; }

    /// <summary>The user.</summary>
    public required string UserId { get; init; }

    /// <summary>The item.</summary>
    public required string ItemId { get; init; }

    /// <summary>What happened.</summary>
    public required string Type { get; init; }

    /// <summary>How much of it.</summary>
    public required double? Value { get; init; }

    /// <summary>When it happened.</summary>
    public required DateTimeOffset OccurredAt { get; init; }

    /// <summary>Tags of the event.</summary>
    public required IReadOnlyList<string> Tags { get; init; }

    /// <summary>The circumstances.</summary>
    public required IReadOnlyDictionary<string, AttributeValue> Context { get; init; }

    /// <summary>The answer of <c>recommendations</c> that the event follows.</summary>
    public required string? RecommendationId { get; init; }

    /// <summary>When the service stored it.</summary>
    public required DateTimeOffset ReceivedAt { get; init; }

    public static InteractionResponse From(Interaction stored, string userId, string itemId) =>
        new()
        {
            InteractionId = stored.InteractionId,
            UserId = userId,
            ItemId = itemId,
            Type = stored.Type,
            Value = stored.Value,
            OccurredAt = stored.OccurredAt,
            Tags = stored.Tags,
            Context = Features.FromJson(stored.Context),
            RecommendationId = stored.RecommendationId,
            ReceivedAt = stored.ReceivedAt,
        };
}

/// <summary>The types of the interactions that are stored.</summary>
/// <param name="Types">The types, the most frequent first.</param>
internal sealed record InteractionTypesResponse(IReadOnlyList<InteractionTypeResponse> Types);

/// <summary>A type of interactions.</summary>
/// <param name="Type">The type, as it was sent.</param>
/// <param name="Count">How many interactions have it.</param>
/// <param name="Newest">When the newest of them occurred.</param>
/// <param name="Meaning">What <c>Training:Types</c> makes of it: <c>positive</c> (a threshold of values may hold besides), <c>negative</c>,
/// <c>none</c>, or <c>unknown</c> where it is not named there.</param>
internal sealed record InteractionTypeResponse(
    string Type,
    long Count,
    DateTimeOffset Newest,
    [property: AllowedValues("positive", "negative", "none", "unknown")] string Meaning
)
{
    public static InteractionTypeResponse From(string type, long count, DateTimeOffset newest, Feedback feedback) =>
        new(
            type,
            count,
            newest,
            feedback.Of(type)?.Weight switch
            {
                null => "unknown",
                > 0 => "positive",
                < 0 => "negative",
                _ => "none",
            }
        );
}

/// <summary>A page of interactions, the last stored first.</summary>
/// <param name="Interactions">The interactions of this page.</param>
/// <param name="NextCursor">The cursor of the next page; null on the last one.</param>
internal sealed record InteractionPage(IReadOnlyList<InteractionResponse> Interactions, string? NextCursor);

/// <summary>What a deletion removed.</summary>
/// <param name="Deleted">The number of interactions removed.</param>
internal sealed record InteractionDeletionResponse(long Deleted);
