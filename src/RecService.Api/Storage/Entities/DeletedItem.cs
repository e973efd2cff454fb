namespace RecService.Api.Storage.Entities;

/// <summary>That an item was deleted, so that interactions that come late do not bring it back: <see cref="DeletedItems"/>.</summary>
internal sealed class DeletedItem
{
    /// <summary>The caller's own id.</summary>
    public required string ItemId { get; set; }

    public DateTimeOffset DeletedAt { get; set; }
}
