using Microsoft.EntityFrameworkCore;
using Npgsql;
using NpgsqlTypes;
using RecService.Api.Storage;
using RecService.Api.Storage.Entities;
using RecService.Engine.Model;

namespace RecService.Api.Models;

/// <summary>
/// The registry: the records of models, their files, and which one is active. What changes it are steps of the connection's current transaction,
/// which the caller puts together.
/// </summary>
/// <remarks>
/// A transaction with several of these steps takes them in this order, which is that of their locks: insert, activate, prune. Else two of them may
/// wait for each other.
/// </remarks>
internal sealed class ModelStore(IDbContextFactory<RecServiceDbContext> contexts)
{
    /// <summary>Models older than <paramref name="before"/>, newest first, and the active version.</summary>
    public async Task<(List<StoredModel> Models, long? ActiveVersion)> ListAsync(long before, int count, CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        var models = await context
            .Models.AsNoTracking()
            .Where(model => model.Version < before)
            .OrderByDescending(model => model.Version)
            .Take(count)
            .ToListAsync(cancellationToken);
        return (models, await context.ActiveModels.Select(active => (long?)active.Version).SingleOrDefaultAsync(cancellationToken));
    }

    /// <summary>A model's record, and whether it is the active one; null when there never was such a version.</summary>
    public async Task<(StoredModel Model, bool IsActive)?> FindAsync(long version, CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        return await FindAsync(context, version, cancellationToken) is { } model
            ? (model, await context.ActiveModels.AnyAsync(active => active.Version == version, cancellationToken))
            : null;
    }

    /// <summary>A model's record, as the context's current transaction sees it.</summary>
    public static Task<StoredModel?> FindAsync(RecServiceDbContext context, long version, CancellationToken cancellationToken) =>
        context.Models.AsNoTracking().SingleOrDefaultAsync(model => model.Version == version, cancellationToken);

    /// <summary>The version to be served; null before the first model.</summary>
    public static async Task<long?> FindActiveVersionAsync(NpgsqlConnection connection, CancellationToken cancellationToken) =>
        await connection.ScalarAsync<object>("SELECT (SELECT version FROM active_model)", cancellationToken) as long?;

    /// <summary>Stores a model. It is not served before it is activated.</summary>
    /// <param name="connection">The connection.</param>
    /// <param name="run">The run that it came from.</param>
    /// <param name="metrics">JSON: metrics on the holdout; null when nothing was held out.</param>
    /// <param name="model">The model.</param>
    /// <param name="erasureHorizon">The last erasure that it has been freed of.</param>
    /// <param name="now">The moment.</param>
    /// <param name="cancellationToken">Ends the attempt.</param>
    public static async Task<(long Version, long SizeBytes)> InsertAsync(
        NpgsqlConnection connection,
        TrainingRun run,
        string? metrics,
        FactorizationModel model,
        long erasureHorizon,
        DateTimeOffset now,
        CancellationToken cancellationToken
    )
    {
        await using var insert = new NpgsqlCommand(
            """
            INSERT INTO models (run_id, created_at, objective, interaction, factors, settings, metrics, erasure_horizon, size_bytes, sha256)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, '') RETURNING version
            """,
            connection
        )
        {
            Parameters =
            {
                new() { Value = run.RunId },
                new() { Value = now },
                new() { Value = run.Objective },
                new() { Value = System.Text.Json.JsonNamingPolicy.CamelCase.ConvertName(model.Crossing.ToString()) },
                new() { Value = model.Factors },
                new() { Value = run.Settings, NpgsqlDbType = NpgsqlDbType.Jsonb },
                new() { Value = metrics ?? "null", NpgsqlDbType = NpgsqlDbType.Jsonb },
                new() { Value = erasureHorizon },
            },
        };
        var version = (long)(await insert.ExecuteScalarAsync(cancellationToken))!;
        var (size, hash) = await Artifacts.OfModels.SaveAsync(connection, version, file => ModelFile.Save(file, model), cancellationToken);
        await connection.ExecuteAsync("UPDATE models SET size_bytes = $2, sha256 = $3 WHERE version = $1", cancellationToken, version, size, hash);
        return (version, size);
    }

    /// <summary>Makes a model the active one; false when its file has been removed.</summary>
    public static async Task<bool> ActivateAsync(NpgsqlConnection connection, long version, DateTimeOffset now, CancellationToken cancellationToken)
    {
        // Before the row of any other model, as whoever prunes has locked it by then.
        await connection.ExecuteAsync("SELECT FROM active_model FOR UPDATE", cancellationToken);
        // The row is locked, so that the model's file is not pruned in between.
        const string sql = """
            INSERT INTO active_model (id, version, activated_at)
            SELECT 1, version, $2 FROM models WHERE version = $1 AND pruned_at IS NULL FOR UPDATE
            ON CONFLICT (id) DO UPDATE SET version = excluded.version, activated_at = excluded.activated_at
            """;
        return await connection.ExecuteAsync(sql, cancellationToken, version, now) == 1;
    }

    /// <summary>Keeps a model loadable; false when its file has been removed.</summary>
    public static async Task<bool> PinAsync(NpgsqlConnection connection, long version, DateTimeOffset now, CancellationToken cancellationToken)
    {
        // One statement, so that pruning cannot come between the look and the pin.
        const string sql = "UPDATE models SET pinned_at = coalesce(pinned_at, $2) WHERE version = $1 AND pruned_at IS NULL";
        return await connection.ExecuteAsync(sql, cancellationToken, version, now) == 1;
    }

    /// <summary>Lets a pinned model go; false when there never was such a version.</summary>
    public static async Task<bool> UnpinAsync(NpgsqlConnection connection, long version, CancellationToken cancellationToken) =>
        await connection.ExecuteAsync("UPDATE models SET pinned_at = NULL WHERE version = $1", cancellationToken, version) == 1;

    /// <summary>
    /// Removes the files of models that are neither among the newest, nor active, nor pinned; their records stay. Returns how many there were.
    /// </summary>
    public static Task<int> PruneAsync(NpgsqlConnection connection, int keep, DateTimeOffset now, CancellationToken cancellationToken)
    {
        const string sql = """
            WITH pruned AS (
                UPDATE models SET pruned_at = $2
                WHERE pruned_at IS NULL AND pinned_at IS NULL
                  AND version NOT IN (SELECT version FROM models ORDER BY version DESC LIMIT $1)
                  AND version NOT IN (SELECT version FROM active_model)
                RETURNING version),
            removed AS (DELETE FROM model_chunks WHERE version IN (SELECT version FROM pruned))
            SELECT count(*)::int FROM pruned
            """;
        // Models may be large, and many.
        return connection.ScalarUnhurriedAsync<int>(sql, cancellationToken, keep, now);
    }
}
