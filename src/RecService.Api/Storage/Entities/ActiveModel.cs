namespace RecService.Api.Storage.Entities;

/// <summary>The one row that says which model is served.</summary>
internal sealed class ActiveModel
{
    public const short OnlyId = 1;

    public short Id { get; set; } = OnlyId;

    public long Version { get; set; }

    public DateTimeOffset ActivatedAt { get; set; }
}
