using Npgsql;
using RecService.Api.Http.Bulk;
using RecService.Api.Http.Limits;
using RecService.Api.Storage;

namespace RecService.Api.Interactions;

/// <summary>All interactions as the import takes them, in the order in which they were stored, as of one moment.</summary>
internal static class InteractionExport
{
    private static readonly string Copy = $"""
        COPY (
            SELECT {InteractionColumns.Exported}
            FROM interactions AS i JOIN users AS u USING (user_key) JOIN items AS m USING (item_key) ORDER BY i.interaction_key) TO STDOUT (FORMAT BINARY)
        """;

    public static async Task WriteAsync(
        HttpResponse response,
        bool isParquet,
        NpgsqlDataSource database,
        StallLimit stalls,
        CancellationToken cancellationToken
    )
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var rows = await connection.BeginBinaryExportAsync(Copy, cancellationToken);
        rows.Timeout = Statements.Unhurried;
        await using var export = await ExportFormat.BeginAsync(
            response,
            "interactions",
            InteractionColumns.OfExports,
            isParquet,
            stalls,
            cancellationToken
        );
        while (await rows.StartRowAsync(cancellationToken) != -1)
        {
            foreach (var column in InteractionColumns.All)
            {
                await column.ExportAsync(rows, export, cancellationToken);
            }

            await export.EndRowAsync();
        }

        await export.EndAsync();
    }
}
