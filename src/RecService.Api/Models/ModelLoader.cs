using Npgsql;
using RecService.Api.Storage;
using RecService.Engine.Model;

namespace RecService.Api.Models;

/// <summary>Loads stored models for scoring; start-up, retraining, rollback and replicas all come through here.</summary>
internal sealed class ModelLoader(NpgsqlDataSource database)
{
    /// <summary>Reads a model with its artifact, without the users that have been erased since it was made.</summary>
    /// <exception cref="ModelFormatException">The artifact is damaged.</exception>
    /// <exception cref="ModelCheckException">There is no artifact.</exception>
    public async Task<LoadedModel> LoadAsync(long version, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        // The horizon first: the artifact may be rewritten in between, and then is ahead of it.
        var (storedAt, horizon) = await RecordAsync(connection, version, cancellationToken);
        var model = await Artifacts.OfModels.LoadAsync(connection, version, ModelFile.Load, cancellationToken);
        return await WithoutErasedAsync(new LoadedModel(version, storedAt, model, horizon), connection, cancellationToken);
    }

    /// <summary>A model without the users that have been erased since it was loaded.</summary>
    public async Task<TModel> WithoutErasedAsync<TModel>(TModel model, CancellationToken cancellationToken)
        where TModel : LoadedModel
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return await WithoutErasedAsync(model, connection, cancellationToken);
    }

    private static async Task<TModel> WithoutErasedAsync<TModel>(TModel model, NpgsqlConnection connection, CancellationToken cancellationToken)
        where TModel : LoadedModel
    {
        var erased = await Erasures.SinceAsync(connection, model.ErasureHorizon, cancellationToken);
        return erased.Horizon == model.ErasureHorizon ? model : (TModel)await Task.Run(() => model.Without(erased), cancellationToken);
    }

    private static async Task<(DateTimeOffset StoredAt, long ErasureHorizon)> RecordAsync(
        NpgsqlConnection connection,
        long version,
        CancellationToken cancellationToken
    )
    {
        await using var command = new NpgsqlCommand("SELECT created_at, erasure_horizon FROM models WHERE version = $1", connection)
        {
            Parameters = { new() { Value = version } },
        };
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        return await reader.ReadAsync(cancellationToken)
            ? (reader.GetFieldValue<DateTimeOffset>(0), reader.GetInt64(1))
            : throw new ModelCheckException($"There is no model {version}.");
    }
}
