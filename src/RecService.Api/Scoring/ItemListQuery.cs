using System.ComponentModel;
using RecService.Api.Domain;

namespace RecService.Api.Scoring;

/// <summary>What the lists of items that are asked for by GET have in common.</summary>
internal sealed record ItemListQuery(
    [property: Description("How many items, 1 to 1,000.")] int? Count,
    [property: Description("A user whose seen and disliked items are left out.")] string? UserId,
    [property: Description("Items that carry at least one of these tags.")] string[]? AnyTags,
    [property: Description("Items that carry all of these tags.")] string[]? AllTags,
    [property: Description("Items that carry none of these tags.")] string[]? NoTags,
    [property: Description("Not these items.")] string[]? ExcludeItemIds,
    [property: Description("By which types of interactions an item counts as seen by the user.")] string[]? SeenTypes,
    [property: Description("For how long an item counts as seen by the user, as [days.]hours:minutes:seconds.")] string? SeenWithin
)
{
    public int HowMany => Count ?? RequestValidation.DefaultCount;

    /// <summary>Checks the query; then which items it allows is completed by what is stored.</summary>
    public Func<StoreReader, CancellationToken, Task<CandidateFilter>> Compile(FieldErrors errors, SeenRules seenRules)
    {
        RequestValidation.Count(errors, HowMany);
        RequestValidation.Id(errors, "userId", UserId);
        var asked = new ItemFilter(
            AnyTags: OrNull(AnyTags),
            AllTags: OrNull(AllTags),
            NoTags: OrNull(NoTags),
            ExcludeItemIds: OrNull(ExcludeItemIds),
            SeenTypes: OrNull(SeenTypes),
            SeenWithin: SeenWithin
        );
        var filter = CandidateFilter.Compile(errors, "", asked);
        var seen = seenRules.Compile(errors, "", asked);
        return async (store, cancellationToken) =>
            UserId is null ? filter : filter.Without(await store.FindLeftOutItemsAsync(UserId, seen, cancellationToken));
    }

    // Binding makes an empty array of a parameter that is absent.
    private static string[]? OrNull(string[]? values) => values is { Length: > 0 } ? values : null;
}
