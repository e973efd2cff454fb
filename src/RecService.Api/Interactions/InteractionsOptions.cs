using Microsoft.Extensions.Options;

namespace RecService.Api.Interactions;

/// <summary>Section <c>Interactions</c> of the configuration.</summary>
internal sealed class InteractionsOptions
{
    public const string Section = "Interactions";

    /// <summary>Whether an interaction creates its user where that is not known, or is rejected.</summary>
    public bool CreateUsers { get; set; } = true;

    /// <summary>Whether an interaction creates its item where that is not known, or is rejected.</summary>
    public bool CreateItems { get; set; } = true;

    /// <summary>How long after the deletion of an item interactions with it are rejected; 0: they create it again.</summary>
    public TimeSpan RefuseDeletedItemsFor { get; set; } = TimeSpan.FromDays(30);

    /// <summary>Whether an interaction may be rejected because its item is not there.</summary>
    public bool MayRefuseItems => !CreateItems || RefuseDeletedItemsFor > TimeSpan.Zero;

    /// <summary>Deletions of items after this time count.</summary>
    public DateTimeOffset DeletionsAfter(DateTimeOffset now) =>
        RefuseDeletedItemsFor > TimeSpan.Zero ? now - RefuseDeletedItemsFor : DateTimeOffset.MaxValue;
}

internal sealed class InteractionsOptionsValidation : IValidateOptions<InteractionsOptions>
{
    public ValidateOptionsResult Validate(string? name, InteractionsOptions options) =>
        options.RefuseDeletedItemsFor < TimeSpan.Zero || options.RefuseDeletedItemsFor > TimeSpan.FromDays(36_500)
            ? ValidateOptionsResult.Fail(
                $"{InteractionsOptions.Section}:{nameof(options.RefuseDeletedItemsFor)} must lie between 00:00:00 and 36500.00:00:00 (write it as [days.]hours:minutes:seconds)."
            )
            : ValidateOptionsResult.Success;
}
