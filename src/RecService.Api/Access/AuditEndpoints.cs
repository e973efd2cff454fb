using System.ComponentModel.DataAnnotations;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using RecService.Api.Http;
using RecService.Api.Storage;
using RecService.Api.Storage.Entities;

namespace RecService.Api.Access;

/// <summary>An entry of the audit log.</summary>
/// <param name="At">When it was done.</param>
/// <param name="KeyPrefix">The key that asked for it; null for what the service did by itself.</param>
/// <param name="Action">What was done: <c>key.create</c>, <c>key.rotate</c>, <c>key.revoke</c>, <c>model.activate</c>, <c>model.pin</c>,
/// <c>model.unpin</c>, <c>model.export</c>,
/// <c>run.start</c>, <c>run.cancel</c>, <c>interactions.delete</c>, <c>interactions.export</c>, <c>users.export</c>, <c>items.export</c> or
/// <c>user.erase</c>.</param>
/// <param name="Target">What it was done to: a prefix, a version, a run, or a filter; users are named by the SHA-256 of their ids.</param>
/// <param name="Outcome"><c>succeeded</c> or <c>failed</c>.</param>
/// <param name="TraceId">The trace of the request, as logs have it.</param>
internal sealed record AuditAnswer(
    DateTimeOffset At,
    string? KeyPrefix,
    string Action,
    string? Target,
    [property: AllowedValues("succeeded", "failed")] string Outcome,
    string? TraceId
)
{
    public static AuditAnswer From(AuditEntry entry) => new(entry.At, entry.KeyPrefix, entry.Action, entry.Target, entry.Outcome, entry.TraceId);
}

/// <summary>A page of the audit log, newest first.</summary>
/// <param name="Entries">The entries.</param>
/// <param name="NextCursor">Where the next page starts; null on the last one.</param>
internal sealed record AuditPage(IReadOnlyList<AuditAnswer> Entries, string? NextCursor);

internal static class AuditEndpoints
{
    private const string ListName = "audit-log";

    public static void Map(IEndpointRouteBuilder routes) =>
        routes
            .MapGet("/v1/audit-log", ListAsync)
            .WithTags("Audit log")
            .WithName("listAuditLog")
            .WithSummary("List what was done, newest first")
            .Requires(Roles.Admin)
            .WithDescription("What keys have done that others may want to know of later, by action and time (`from` ≤ at < `to`).")
            .WithTimes();

    private static async Task<Results<Ok<AuditPage>, ValidationProblem>> ListAsync(
        RecServiceDbContext database,
        string? action,
        string? from,
        string? to,
        int? limit,
        string? cursor,
        CancellationToken cancellationToken
    )
    {
        var errors = new FieldErrors();
        var size = Paging.Limit(errors, limit);
        var below = Paging.AfterKey(errors, ListName, cursor) ?? long.MaxValue;
        var (begin, end) = (TimeParameters.Read(errors, "from", from), TimeParameters.Read(errors, "to", to));
        if (action is not null && Features.NameProblem(action) is { } problem)
        {
            errors.Add("action", problem);
        }

        if (errors.Any)
        {
            return errors.ToProblem();
        }

        var entries = database.AuditLog.AsNoTracking().Where(entry => entry.EntryId < below);
        if (action is not null)
        {
            entries = entries.Where(entry => entry.Action == action);
        }

        if (begin?.ToUniversalTime() is { } first)
        {
            entries = entries.Where(entry => entry.At >= first);
        }

        if (end?.ToUniversalTime() is { } last)
        {
            entries = entries.Where(entry => entry.At < last);
        }

        var page = await entries.OrderByDescending(entry => entry.EntryId).Take(size + 1).ToListAsync(cancellationToken);
        var next = page.Count > size ? Paging.Cursor(ListName, page[size - 1].EntryId) : null;
        return TypedResults.Ok(new AuditPage([.. page.Take(size).Select(AuditAnswer.From)], next));
    }
}
