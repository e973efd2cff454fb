using Microsoft.EntityFrameworkCore;
using Npgsql;
using NpgsqlTypes;
using RecService.Api.Storage;
using RecService.Api.Storage.Entities;

namespace RecService.Api.Catalog;

/// <summary>A user that passed validation.</summary>
internal readonly record struct UserRow(string UserId, string[] Tags, string Attributes);

/// <summary>What an erasure removed.</summary>
internal sealed record Erasure(long ErasureId, DateTimeOffset ErasedAt, long Interactions);

internal sealed class UserStore(NpgsqlDataSource database, RecServiceDbContext context, AuditLog audit, TimeProvider clock)
{
    // Statements that change nothing are not run: the change log would take them for changes.
    private static readonly ImportTable<UserRow> Incoming = new(
        Create: """CREATE TEMPORARY TABLE incoming (line bigint, id text COLLATE "C", tags text[], attributes jsonb) ON COMMIT DROP""",
        Copy: "COPY incoming (line, id, tags, attributes) FROM STDIN (FORMAT BINARY)",
        DropUnchanged: """
        DELETE FROM incoming AS i USING users AS u
        WHERE u.user_id = i.id AND u.tags = i.tags AND u.attributes = i.attributes
        """,
        Upsert: """
        INSERT INTO users (user_id, tags, attributes, created_at, updated_at)
        SELECT id, tags, attributes, $1, $1 FROM incoming ORDER BY id
        ON CONFLICT (user_id) DO UPDATE SET tags = excluded.tags, attributes = excluded.attributes, updated_at = excluded.updated_at
        """,
        Restore: null,
        WriteAsync
    );

    public Task<User?> FindAsync(string userId, CancellationToken cancellationToken) =>
        context.Users.AsNoTracking().SingleOrDefaultAsync(user => user.UserId == userId, cancellationToken);

    public Task<long> CountAsync(CancellationToken cancellationToken) => context.Users.LongCountAsync(cancellationToken);

    /// <summary>Those that come after an id, of the ids that begin alike, in the order of their ids.</summary>
    public Task<List<User>> ListAsync(string? after, string? prefix, int limit, CancellationToken cancellationToken)
    {
        var users = context.Users.AsNoTracking();
        if (prefix is not null)
        {
            users = users.Where(user => user.UserId.StartsWith(prefix));
        }

        if (after is not null)
        {
            users = users.Where(user => string.Compare(user.UserId, after) > 0);
        }

        return users.OrderBy(user => user.UserId).Take(limit).ToListAsync(cancellationToken);
    }

    /// <summary>Stores a user; says whether it was new.</summary>
    public async Task<(User User, bool Created)> PutAsync(UserRow row, CancellationToken cancellationToken)
    {
        if (await FindAsync(row.UserId, cancellationToken) is { } stored && await IsSameAsync(row, cancellationToken))
        {
            return (stored, Created: false);
        }

        const string upsert = """
            INSERT INTO users (user_id, tags, attributes, created_at, updated_at) VALUES ($1, $2, $3, $4, $4)
            ON CONFLICT (user_id) DO UPDATE SET tags = excluded.tags, attributes = excluded.attributes, updated_at = excluded.updated_at
            RETURNING xmax = 0
            """;
        var created = await Transactions.RunAsync(
            database,
            async (connection, cancellation) =>
            {
                await using var command = new NpgsqlCommand(upsert, connection);
                AddParameters(command, row);
                command.Parameters.Add(new() { Value = clock.GetUtcNow() });
                return (bool)(await command.ExecuteScalarAsync(cancellation))!;
            },
            cancellationToken
        );

        // Erased by another request in this very moment: what was stored is what was sent.
        return (
            await FindAsync(row.UserId, cancellationToken)
                ?? new User
                {
                    UserId = row.UserId,
                    Tags = row.Tags,
                    Attributes = row.Attributes,
                },
            created
        );
    }

    /// <summary>Erases a user with all interactions, and has models forget the user; null when there is no such user.</summary>
    public async Task<Erasure?> EraseAsync(string userId, CancellationToken cancellationToken) =>
        await context.Users.AnyAsync(user => user.UserId == userId, cancellationToken)
            ? await Transactions.RunAsync<Erasure?>(
                database,
                async (connection, cancellation) =>
                {
                    await connection.ExecuteAsync(Statements.WithoutJit, cancellation);

                    // The row is locked first, so that no interaction comes in between.
                    var keys = await connection.ScalarUnhurriedAsync<long[]>(
                        "SELECT ARRAY(SELECT user_key FROM users WHERE user_id = $1 FOR UPDATE)",
                        cancellation,
                        userId
                    );
                    if (keys.Length == 0)
                    {
                        return null;
                    }

                    var interactions = await connection.ExecuteUnhurriedAsync("DELETE FROM interactions WHERE user_key = $1", cancellation, keys[0]);
                    await connection.ExecuteUnhurriedAsync("DELETE FROM users WHERE user_key = $1", cancellation, keys[0]);
                    await audit.WriteAsync(connection, "user.erase", AuditLog.User(userId), cancellation);
                    var now = clock.GetUtcNow();
                    return new(await Erasures.RecordAsync(connection, userId, now, cancellation), now, interactions);
                },
                cancellationToken
            )
            : null;

    public Task<CatalogImport<UserRow>> BeginImportAsync(CancellationToken cancellationToken) =>
        CatalogImport<UserRow>.BeginAsync(database, Incoming, clock.GetUtcNow(), cancellationToken);

    private async Task<bool> IsSameAsync(UserRow row, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand("SELECT EXISTS (SELECT FROM users WHERE user_id = $1 AND tags = $2 AND attributes = $3)");
        AddParameters(command, row);
        return (bool)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    private static void AddParameters(NpgsqlCommand command, UserRow row)
    {
        command.Parameters.Add(new() { Value = row.UserId });
        command.Parameters.Add(new() { Value = row.Tags });
        command.Parameters.Add(new() { Value = row.Attributes, NpgsqlDbType = NpgsqlDbType.Jsonb });
    }

    private static async Task WriteAsync(NpgsqlBinaryImporter importer, long line, UserRow row, CancellationToken cancellationToken)
    {
        await importer.StartRowAsync(cancellationToken);
        await importer.WriteAsync(line, NpgsqlDbType.Bigint, cancellationToken);
        await importer.WriteAsync(row.UserId, NpgsqlDbType.Text, cancellationToken);
        await importer.WriteAsync(row.Tags, NpgsqlDbType.Array | NpgsqlDbType.Text, cancellationToken);
        await importer.WriteAsync(row.Attributes, NpgsqlDbType.Jsonb, cancellationToken);
    }
}
