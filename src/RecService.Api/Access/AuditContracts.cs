using System.ComponentModel.DataAnnotations;
using RecService.Api.Storage.Entities;

namespace RecService.Api.Access;

/// <summary>An entry of the audit log.</summary>
/// <param name="At">When it was done.</param>
/// <param name="KeyPrefix">The key that asked for it; null for what the service did by itself.</param>
/// <param name="Action">What was done: <c>key.create</c>, <c>key.rotate</c>, <c>key.revoke</c>, <c>model.activate</c>, <c>model.pin</c>,
/// <c>model.unpin</c>, <c>model.export</c>, <c>dashboard.sign-in</c>, <c>run.start</c>, <c>run.cancel</c>, <c>interactions.delete</c>, <c>interactions.export</c>,
/// <c>users.export</c>, <c>items.export</c> or <c>user.erase</c>.</param>
/// <param name="Target">What it was done to: a prefix, a version, a run, or a filter; users are named by the SHA-256 of their ids.</param>
/// <param name="Outcome"><c>succeeded</c> or <c>failed</c>.</param>
/// <param name="TraceId">The trace of the request, as logs have it.</param>
internal sealed record AuditEntryResponse(
    DateTimeOffset At,
    string? KeyPrefix,
    string Action,
    string? Target,
    [property: AllowedValues("succeeded", "failed")] string Outcome,
    string? TraceId
)
{
    public static AuditEntryResponse From(AuditEntry entry) =>
        new(entry.At, entry.KeyPrefix, entry.Action, entry.Target, entry.Outcome, entry.TraceId);
}

/// <summary>A page of the audit log, newest first.</summary>
/// <param name="Entries">The entries.</param>
/// <param name="NextCursor">Where the next page starts; null on the last one.</param>
internal sealed record AuditEntryPage(IReadOnlyList<AuditEntryResponse> Entries, string? NextCursor);
