using Npgsql;
using NpgsqlTypes;
using RecService.Api.Http;
using RecService.Api.Http.Bulk;
using RecService.Api.Http.Limits;
using RecService.Api.Storage;

namespace RecService.Api.Catalog;

/// <summary>All users or items as their imports take them, in the order of their ids, as of one moment.</summary>
internal static class ExportEndpoints
{
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
            .WithDescription("NDJSON: all users as of one moment, in the order of their ids, as the import takes them.")
            .Produces<UserLineInput>(StatusCodes.Status200OK, NdJson.MediaType);
        exports
            .MapGet("/items", ItemsAsync)
            .WithTags("Items")
            .WithName("exportItems")
            .WithSummary("Export items")
            .TakesLong(LongRequest.Export)
            .WithDescription("NDJSON: all items as of one moment, in the order of their ids, as the import takes them.")
            .Produces<ItemLineInput>(StatusCodes.Status200OK, NdJson.MediaType);
        return routes;
    }

    private static Task UsersAsync(
        HttpResponse response,
        NpgsqlDataSource database,
        StallLimit stalls,
        AuditLog audit,
        CancellationToken cancellationToken
    ) => audit.WatchAsync("users.export", () => WriteUsersAsync(response, database, stalls, cancellationToken));

    private static Task ItemsAsync(
        HttpResponse response,
        NpgsqlDataSource database,
        StallLimit stalls,
        AuditLog audit,
        CancellationToken cancellationToken
    ) => audit.WatchAsync("items.export", () => WriteItemsAsync(response, database, stalls, cancellationToken));

    private static async Task WriteUsersAsync(
        HttpResponse response,
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
        await using var lines = NdJsonWriter.Start(response, "users.ndjson", stalls, cancellationToken);
        while (await rows.StartRowAsync(cancellationToken) != -1)
        {
            lines.Json.WriteStartObject();
            lines.Json.WriteText("userId", await rows.TextAsync(cancellationToken));
            lines.Json.WriteTexts("tags", await rows.TextsAsync(cancellationToken));
            lines.Json.WriteFeatures("attributes", await rows.TextAsync(cancellationToken));
            lines.Json.WriteEndObject();
            await lines.EndLineAsync();
        }
    }

    private static async Task WriteItemsAsync(
        HttpResponse response,
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
        await using var lines = NdJsonWriter.Start(response, "items.ndjson", stalls, cancellationToken);
        while (await rows.StartRowAsync(cancellationToken) != -1)
        {
            lines.Json.WriteStartObject();
            lines.Json.WriteText("itemId", await rows.TextAsync(cancellationToken));
            lines.Json.WriteTexts("tags", await rows.TextsAsync(cancellationToken));
            lines.Json.WriteFeatures("attributes", await rows.TextAsync(cancellationToken));
            if (!await rows.ReadAsync<bool>(NpgsqlDbType.Boolean, cancellationToken))
            {
                lines.Json.WriteBoolean("available", value: false);
            }

            lines.Json.WriteObject("metadata", await rows.TextAsync(cancellationToken));
            lines.Json.WriteEndObject();
            await lines.EndLineAsync();
        }
    }
}
