using Npgsql;
using RecService.Api.Publishing;
using RecService.Api.Storage;
using RecService.Engine.Data;
using RecService.Engine.Model;

namespace RecService.Api.Models;

/// <summary>Loads stored models and makes them ready; start-up, retraining, rollback and replicas all come through here.</summary>
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
        FactorizationModel model;
        await using (var artifact = await Artifacts.OfModels.OpenReadAsync(connection, version, cancellationToken))
        {
            // The file is parsed by blocking reads, off the threads that serve requests.
            model = await Task.Factory.StartNew(
                () => ModelFile.Load(artifact),
                cancellationToken,
                TaskCreationOptions.LongRunning,
                TaskScheduler.Default
            );
        }
        return await WithoutErasedAsync(new LoadedModel(version, storedAt, model, horizon), connection, cancellationToken);
    }

    /// <summary>A model without the users that have been erased since it was loaded.</summary>
    public async Task<TModel> WithoutErasedAsync<TModel>(TModel model, CancellationToken cancellationToken)
        where TModel : LoadedModel
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return await WithoutErasedAsync(model, connection, cancellationToken);
    }

    /// <summary>Computes the item vectors for a catalogue and checks that everything that may be ranked has a finite score.</summary>
    /// <exception cref="ModelCheckException">The model must not be served.</exception>
    public static RankingModel Prepare(LoadedModel loaded, CatalogState state)
    {
        var rows = new SparseRowsBuilder();
        var buffer = new RowBuffer();
        foreach (var item in state.Features)
        {
            buffer.Clear();
            loaded.Index.AppendItem(item, buffer);
            rows.Add(buffer.Row);
            rows.EndRow();
        }
        var ranking = new RankingModel(loaded, rows.Build());
        for (var item = 0; item < state.Catalog.Count; item++)
        {
            if (!float.IsFinite(ranking.Ranker.Score(default, item)))
            {
                throw new ModelCheckException(
                    $"Model {loaded.Version} gives the item with key {state.Catalog.Items[item].ItemKey} a score that is not finite."
                );
            }
        }
        return ranking;
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
