using Npgsql;
using NpgsqlTypes;
using RecService.Api.Http.Bulk;
using RecService.Api.Storage;

namespace RecService.Api.Interactions;

/// <summary>All interactions as the import takes them, in the order in which they were stored, as of one moment.</summary>
internal static class InteractionExport
{
    private const string Copy = """
        COPY (
            SELECT i.interaction_id, u.user_id, m.item_id, i.type, i.value, i.occurred_at, i.tags, i.context::text, i.recommendation_id
            FROM interactions AS i JOIN users AS u USING (user_key) JOIN items AS m USING (item_key) ORDER BY i.interaction_key) TO STDOUT (FORMAT BINARY)
        """;

    public static async Task WriteAsync(HttpResponse response, NpgsqlDataSource database, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var rows = await connection.BeginBinaryExportAsync(Copy, cancellationToken);
        rows.Timeout = Statements.Unhurried;
        await using var lines = NdJsonWriter.Start(response, "interactions.ndjson");
        while (await rows.StartRowAsync(cancellationToken) != -1)
        {
            lines.Json.WriteStartObject();
            lines.Json.WriteText("interactionId", await rows.TextAsync(cancellationToken));
            lines.Json.WriteText("userId", await rows.TextAsync(cancellationToken));
            lines.Json.WriteText("itemId", await rows.TextAsync(cancellationToken));
            lines.Json.WriteText("type", await rows.TextAsync(cancellationToken));
            if (await rows.NumberAsync(cancellationToken) is { } value)
            {
                lines.Json.WriteNumber("value", value);
            }

            lines.Json.WriteString("occurredAt", await rows.ReadAsync<DateTime>(NpgsqlDbType.TimestampTz, cancellationToken));
            lines.Json.WriteTexts("tags", await rows.TextsAsync(cancellationToken));
            lines.Json.WriteFeatures("context", await rows.TextAsync(cancellationToken));
            lines.Json.WriteText("recommendationId", await rows.TextAsync(cancellationToken));
            lines.Json.WriteEndObject();
            await lines.EndLineAsync(cancellationToken);
        }
    }
}
