namespace RecService.Api.Storage.Entities;

/// <summary>
/// What somebody with a key has done that others may want to know of later. Holds no data of users: what it is about is named by numbers, prefixes
/// and hashes.
/// </summary>
internal sealed class AuditEntry
{
    public long EntryId { get; set; }

    public DateTimeOffset At { get; set; }

    /// <summary>The public part of the key that asked for it.</summary>
    public string? KeyPrefix { get; set; }

    /// <summary>What was done, such as <c>model.activate</c>.</summary>
    public required string Action { get; set; }

    /// <summary>What it was done to.</summary>
    public string? Target { get; set; }

    /// <summary><c>succeeded</c> or <c>failed</c>.</summary>
    public required string Outcome { get; set; }

    public string? TraceId { get; set; }
}
