using System.ComponentModel.DataAnnotations;
using RecService.Api.Domain;
using RecService.Api.Storage;
using RecService.Api.Storage.Entities;

namespace RecService.Api.Catalog;

/// <summary>What is known of a user. It replaces what was known before.</summary>
internal record UserInput
{
    /// <summary>Tags of the user, up to 100 of 1 to 256 characters.</summary>
    public IReadOnlyList<string>? Tags { get; init; }

    /// <summary>Attributes of the user: strings and booleans are categories, numbers are numeric features.</summary>
    public IReadOnlyDictionary<string, AttributeValue>? Attributes { get; init; }
}

/// <summary>A line of an import of users.</summary>
internal sealed record UserLineInput : UserInput
{
    /// <summary>The caller's own id, 1 to 256 characters, case-sensitive.</summary>
    [Required]
    public string UserId { get; init; } = "";
}

/// <summary>A user.</summary>
/// <param name="UserId">The caller's own id.</param>
/// <param name="Tags">Tags of the user.</param>
/// <param name="Attributes">Attributes of the user.</param>
/// <param name="CreatedAt">When the user was first named.</param>
/// <param name="UpdatedAt">When tags or attributes last changed.</param>
internal sealed record UserResponse(
    string UserId,
    IReadOnlyList<string> Tags,
    IReadOnlyDictionary<string, AttributeValue> Attributes,
    DateTimeOffset CreatedAt,
    DateTimeOffset UpdatedAt
)
{
    public static UserResponse From(User user) => new(user.UserId, user.Tags, Features.FromJson(user.Attributes), user.CreatedAt, user.UpdatedAt);
}

/// <summary>The receipt of an erasure.</summary>
/// <param name="ErasedAt">When the user was erased: since then no answer knows of the user.</param>
/// <param name="Interactions">The number of interactions removed.</param>
/// <param name="Replicas">The processes of the service, and whether each confirmed within a second that its models in memory are free of the
/// user.</param>
internal sealed record UserErasureResponse(DateTimeOffset ErasedAt, long Interactions, IReadOnlyList<ReplicaReceipt> Replicas);

/// <summary>A page of users, in the order of their ids.</summary>
/// <param name="Users">The users of this page.</param>
/// <param name="NextCursor">The cursor of the next page; null on the last one.</param>
internal sealed record UserPage(IReadOnlyList<UserResponse> Users, string? NextCursor);
