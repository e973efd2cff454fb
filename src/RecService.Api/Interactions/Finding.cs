using RecService.Api.Domain;

namespace RecService.Api.Interactions;

/// <summary>What a row turns out to be.</summary>
[Flags]
internal enum Finding
{
    /// <summary>It was not stored before, and is now.</summary>
    New = 0,

    /// <summary>The same was stored before.</summary>
    Duplicate = 1,

    /// <summary>Its interactionId belongs to another event.</summary>
    Conflict = 2,

    /// <summary>There is no such user, and interactions create none.</summary>
    UnknownUser = 4,

    /// <summary>There is no such item, and interactions create none.</summary>
    UnknownItem = 8,

    /// <summary>Its item was deleted not long ago.</summary>
    DeletedItem = 16,
}

internal static class Rejections
{
    private static readonly (Finding Finding, FieldError Error)[] Reasons =
    [
        (Finding.Conflict, new("interactionId", "was used for another interaction of this user")),
        (Finding.UnknownUser, new("userId", "is not known")),
        (Finding.UnknownItem, new("itemId", "is not known")),
        (Finding.DeletedItem, new("itemId", "was deleted; PUT or import the item to have it back")),
    ];

    /// <summary>Why a row was rejected.</summary>
    public static FieldError[] Errors(this Finding finding) =>
        [.. Reasons.Where(reason => finding.HasFlag(reason.Finding)).Select(reason => reason.Error)];
}
