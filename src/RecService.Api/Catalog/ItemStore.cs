using Microsoft.EntityFrameworkCore;
using Npgsql;
using NpgsqlTypes;
using RecService.Api.Storage;
using RecService.Api.Storage.Entities;

namespace RecService.Api.Catalog;

/// <summary>An item that passed validation.</summary>
internal readonly record struct ItemRow(string ItemId, string[] Tags, string Attributes, bool Available, string? Metadata);

internal sealed class ItemStore(NpgsqlDataSource database, RecServiceDbContext context, TimeProvider clock)
{
    // Statements that change nothing are not run: the change log would take them for changes.
    private static readonly ImportTable<ItemRow> Incoming = new(
        Create: """
        CREATE TEMPORARY TABLE incoming (line bigint, id text COLLATE "C", tags text[], attributes jsonb, available boolean, metadata json) ON COMMIT DROP
        """,
        Copy: "COPY incoming (line, id, tags, attributes, available, metadata) FROM STDIN (FORMAT BINARY)",
        DropUnchanged: """
        DELETE FROM incoming AS i USING items AS m
        WHERE m.item_id = i.id AND m.tags = i.tags AND m.attributes = i.attributes AND m.available = i.available
          AND m.metadata::text IS NOT DISTINCT FROM i.metadata::text
        """,
        Upsert: """
        INSERT INTO items (item_id, tags, attributes, available, metadata, created_at, updated_at)
        SELECT id, tags, attributes, available, metadata, $1, $1 FROM incoming ORDER BY id
        ON CONFLICT (item_id) DO UPDATE SET tags = excluded.tags, attributes = excluded.attributes, available = excluded.available,
            metadata = excluded.metadata, updated_at = excluded.updated_at
        """,
        Restore: "DELETE FROM deleted_items AS d USING incoming AS i WHERE d.item_id = i.id",
        WriteAsync
    );

    public Task<Item?> FindAsync(string itemId, CancellationToken cancellationToken) =>
        context.Items.AsNoTracking().SingleOrDefaultAsync(item => item.ItemId == itemId, cancellationToken);

    /// <summary>Those that come after an id, of the ids that begin alike, in the order of their ids.</summary>
    public Task<List<Item>> ListAsync(string? after, string? prefix, int limit, CancellationToken cancellationToken)
    {
        var items = context.Items.AsNoTracking();
        if (prefix is not null)
        {
            items = items.Where(item => item.ItemId.StartsWith(prefix));
        }

        if (after is not null)
        {
            items = items.Where(item => string.Compare(item.ItemId, after) > 0);
        }

        return items.OrderBy(item => item.ItemId).Take(limit).ToListAsync(cancellationToken);
    }

    /// <summary>Stores an item; says whether it was new.</summary>
    public async Task<(Item Item, bool Created)> PutAsync(ItemRow row, CancellationToken cancellationToken)
    {
        if (await FindAsync(row.ItemId, cancellationToken) is { } stored && await IsSameAsync(row, cancellationToken))
        {
            return (stored, Created: false);
        }

        const string upsert = """
            INSERT INTO items (item_id, tags, attributes, available, metadata, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $6)
            ON CONFLICT (item_id) DO UPDATE SET tags = excluded.tags, attributes = excluded.attributes, available = excluded.available,
                metadata = excluded.metadata, updated_at = excluded.updated_at
            RETURNING xmax = 0
            """;
        var created = await Transactions.RunAsync(
            database,
            async (connection, cancellation) =>
            {
                await using var command = new NpgsqlCommand(upsert, connection);
                AddParameters(command, row);
                command.Parameters.Add(new() { Value = clock.GetUtcNow() });
                var isNew = (bool)(await command.ExecuteScalarAsync(cancellation))!;
                if (isNew)
                {
                    await DeletedItems.ForgetAsync(connection, row.ItemId, cancellation);
                }

                return isNew;
            },
            cancellationToken
        );

        // Deleted by another request in this very moment: what was stored is what was sent.
        var item = await FindAsync(row.ItemId, cancellationToken)
            ?? new Item
            {
                ItemId = row.ItemId,
                Tags = row.Tags,
                Attributes = row.Attributes,
                Available = row.Available,
                Metadata = row.Metadata,
            };
        return (item, created);
    }

    /// <summary>Deletes an item with its interactions, and records that it was deleted; false when there is no such item.</summary>
    public async Task<bool> DeleteAsync(string itemId, CancellationToken cancellationToken) =>
        await context.Items.AnyAsync(item => item.ItemId == itemId, cancellationToken)
        && await Transactions.RunAsync(
            database,
            async (connection, cancellation) =>
            {
                await connection.ExecuteAsync(Statements.WithoutJit, cancellation);

                // Interactions go with it, as many as there are; a trigger records that it was deleted.
                return await connection.ExecuteUnhurriedAsync("DELETE FROM items WHERE item_id = $1", cancellation, itemId) > 0;
            },
            cancellationToken
        );

    public Task<CatalogImport<ItemRow>> BeginImportAsync(CancellationToken cancellationToken) =>
        CatalogImport<ItemRow>.BeginAsync(database, Incoming, clock.GetUtcNow(), cancellationToken);

    private async Task<bool> IsSameAsync(ItemRow row, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(
            """
            SELECT EXISTS (
                SELECT FROM items
                WHERE item_id = $1 AND tags = $2 AND attributes = $3 AND available = $4 AND metadata::text IS NOT DISTINCT FROM $5::text)
            """
        );
        AddParameters(command, row);
        return (bool)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    private static void AddParameters(NpgsqlCommand command, ItemRow row)
    {
        command.Parameters.Add(new() { Value = row.ItemId });
        command.Parameters.Add(new() { Value = row.Tags });
        command.Parameters.Add(new() { Value = row.Attributes, NpgsqlDbType = NpgsqlDbType.Jsonb });
        command.Parameters.Add(new() { Value = row.Available });
        command.Parameters.Add(new() { Value = (object?)row.Metadata ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Json });
    }

    private static async Task WriteAsync(NpgsqlBinaryImporter importer, long line, ItemRow row, CancellationToken cancellationToken)
    {
        await importer.StartRowAsync(cancellationToken);
        await importer.WriteAsync(line, NpgsqlDbType.Bigint, cancellationToken);
        await importer.WriteAsync(row.ItemId, NpgsqlDbType.Text, cancellationToken);
        await importer.WriteAsync(row.Tags, NpgsqlDbType.Array | NpgsqlDbType.Text, cancellationToken);
        await importer.WriteAsync(row.Attributes, NpgsqlDbType.Jsonb, cancellationToken);
        await importer.WriteAsync(row.Available, NpgsqlDbType.Boolean, cancellationToken);
        if (row.Metadata is null)
        {
            await importer.WriteNullAsync(cancellationToken);
        }
        else
        {
            await importer.WriteAsync(row.Metadata, NpgsqlDbType.Json, cancellationToken);
        }
    }
}
