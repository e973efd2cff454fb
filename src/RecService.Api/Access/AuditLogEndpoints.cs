using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using RecService.Api.Domain;
using RecService.Api.Http;
using RecService.Api.Http.Errors;
using RecService.Api.Http.Queries;
using RecService.Api.Storage;

namespace RecService.Api.Access;

internal static class AuditLogEndpoints
{
    private const string ListName = "audit-log";

    public static IEndpointRouteBuilder MapAuditLogEndpoints(this IEndpointRouteBuilder routes)
    {
        routes
            .MapGet("/v1/audit-log", ListAsync)
            .WithTags("Audit log")
            .WithName("listAuditLog")
            .WithSummary("List what was done, newest first")
            .Requires(Roles.Admin)
            .WithDescription("What keys have done that others may want to know of later, by action and time (`from` ≤ at < `to`).")
            .WithTimes();
        return routes;
    }

    public static async Task<Results<Ok<AuditEntryPage>, ValidationProblem>> ListAsync(
        RecServiceDbContext context,
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
        errors.Check("action", action is null ? null : Features.NameProblem(action));
        if (errors.Any)
        {
            return errors.ToProblem();
        }

        var entries = context.AuditLog.AsNoTracking().Where(entry => entry.EntryId < below);
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
        return TypedResults.Ok(new AuditEntryPage([.. page.Take(size).Select(AuditEntryResponse.From)], next));
    }
}
