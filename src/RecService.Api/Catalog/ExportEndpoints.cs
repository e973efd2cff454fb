using System.ComponentModel.DataAnnotations;
using Npgsql;
using NpgsqlTypes;
using RecService.Api.Domain;
using RecService.Api.Http;
using RecService.Api.Http.Bulk;
using RecService.Api.Http.Errors;
using RecService.Api.Http.Limits;
using RecService.Api.Storage;

namespace RecService.Api.Catalog;

/// <summary>All users or items as their imports take them, in the order of their ids, as of one moment.</summary>
internal static class ExportEndpoints
{
    private static readonly ExportColumn[] UserColumns =
    [
        new("userId", ExportKind.Text, IsRequired: true),
        new("tags", ExportKind.Texts),
        new("attributes", ExportKind.Json),
    ];

    private static readonly ExportColumn[] ItemColumns =
    [
        new("itemId", ExportKind.Text, IsRequired: true),
        new("tags", ExportKind.Texts),
        new("attributes", ExportKind.Json),
        new("available", ExportKind.Flag, IsRequired: true),
        new("metadata", ExportKind.Json),
    ];

    public static IEndpointRouteBuilder MapExportEndpoints(this IEndpointRouteBuilder routes)
    {
        // Not beside the imports: the path of a GET there is that of a user or an item of the name.
        var exports = routes.MapGroup("/v1/exports").Requires(Roles.Admin);
        exports
            .MapGet("/users", UsersAsync)
            .WithTags("Users")
            .WithName("exportUsers")
            .WithSummary("Export users")
            .TakesLong(LongRequest.Export)
            .WithDescription("All users as of one moment, in the order of their ids, as the import takes them: " + ExportFormat.Description)
            .Produces<UserLineInput>(StatusCodes.Status200OK, NdJson.MediaType, ParquetRows.MediaType);
        exports
            .MapGet("/items", ItemsAsync)
            .WithTags("Items")
            .WithName("exportItems")
            .WithSummary("Export items")
            .TakesLong(LongRequest.Export)
            .WithDescription("All items as of one moment, in the order of their ids, as the import takes them: " + ExportFormat.Description)
            .Produces<ItemLineInput>(StatusCodes.Status200OK, NdJson.MediaType, ParquetRows.MediaType);
        return routes;
    }

    private static Task ExportAsync(HttpResponse response, string? format, Func<bool, Task> exportAsync)
    {
        var errors = new FieldErrors();
        var isParquet = ExportFormat.IsParquet(errors, response.HttpContext.Request, format);
        return errors.Any ? errors.ToProblem().ExecuteAsync(response.HttpContext) : exportAsync(isParquet);
    }

    private static Task UsersAsync(
        HttpResponse response,
        [AllowedValues(ExportFormat.NdJson, ExportFormat.Parquet)] string? format,
        NpgsqlDataSource database,
        StallLimit stalls,
        AuditLog audit,
        CancellationToken cancellationToken
    ) =>
        ExportAsync(
            response,
            format,
            isParquet => audit.WatchAsync("users.export", () => WriteUsersAsync(response, isParquet, database, stalls, cancellationToken))
        );

    private static Task ItemsAsync(
        HttpResponse response,
        [AllowedValues(ExportFormat.NdJson, ExportFormat.Parquet)] string? format,
        NpgsqlDataSource database,
        StallLimit stalls,
        AuditLog audit,
        CancellationToken cancellationToken
    ) =>
        ExportAsync(
            response,
            format,
            isParquet => audit.WatchAsync("items.export", () => WriteItemsAsync(response, isParquet, database, stalls, cancellationToken))
        );

    private static async Task WriteUsersAsync(
        HttpResponse response,
        bool isParquet,
        NpgsqlDataSource database,
        StallLimit stalls,
        CancellationToken cancellationToken
    )
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var rows = await connection.BeginBinaryExportAsync(
            "COPY (SELECT user_id, tags, attributes::text FROM users ORDER BY user_id) TO STDOUT (FORMAT BINARY)",
            cancellationToken
        );
        rows.Timeout = Statements.Unhurried;
        await using var export = await ExportFormat.BeginAsync(response, "users", UserColumns, isParquet, stalls, cancellationToken);
        while (await rows.StartRowAsync(cancellationToken) != -1)
        {
            export.Text("userId", await rows.TextAsync(cancellationToken));
            export.Texts("tags", await rows.TextsAsync(cancellationToken));
            export.Features("attributes", await rows.TextAsync(cancellationToken));
            await export.EndRowAsync();
        }

        await export.EndAsync();
    }

    private static async Task WriteItemsAsync(
        HttpResponse response,
        bool isParquet,
        NpgsqlDataSource database,
        StallLimit stalls,
        CancellationToken cancellationToken
    )
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var rows = await connection.BeginBinaryExportAsync(
            "COPY (SELECT item_id, tags, attributes::text, available, metadata::text FROM items ORDER BY item_id) TO STDOUT (FORMAT BINARY)",
            cancellationToken
        );
        rows.Timeout = Statements.Unhurried;
        await using var export = await ExportFormat.BeginAsync(response, "items", ItemColumns, isParquet, stalls, cancellationToken);
        while (await rows.StartRowAsync(cancellationToken) != -1)
        {
            export.Text("itemId", await rows.TextAsync(cancellationToken));
            export.Texts("tags", await rows.TextsAsync(cancellationToken));
            export.Features("attributes", await rows.TextAsync(cancellationToken));
            export.Flag("available", await rows.ReadAsync<bool>(NpgsqlDbType.Boolean, cancellationToken), assumed: true);
            export.Json("metadata", await rows.TextAsync(cancellationToken));
            await export.EndRowAsync();
        }

        await export.EndAsync();
    }
}
