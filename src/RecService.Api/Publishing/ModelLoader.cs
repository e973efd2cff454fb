using Npgsql;
using RecService.Api.Storage;
using RecService.Engine.Data;
using RecService.Engine.Model;

namespace RecService.Api.Publishing;

/// <summary>Loads stored models and makes them ready; start-up, retraining, rollback and replicas all come through here.</summary>
internal sealed class ModelLoader(NpgsqlDataSource database)
{
    /// <summary>Reads a model with its artifact.</summary>
    /// <exception cref="ModelFormatException">The artifact is damaged.</exception>
    /// <exception cref="ModelCheckException">There is no artifact.</exception>
    public async Task<LoadedModel> LoadAsync(long version, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var record = new NpgsqlCommand("SELECT created_at FROM models WHERE version = $1", connection) { Parameters = { new() { Value = version } } };
        if (await record.ExecuteScalarAsync(cancellationToken) is not DateTime storedAt)
            throw new ModelCheckException($"There is no model {version}.");
        await using var artifact = await Artifacts.OfModels.OpenReadAsync(connection, version, cancellationToken);
        // The file is parsed by blocking reads, off the threads that serve requests.
        var model = await Task.Factory.StartNew(() => ModelFile.Load(artifact), cancellationToken, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        return new(version, new DateTimeOffset(storedAt, TimeSpan.Zero), model);
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
                throw new ModelCheckException($"Model {loaded.Version} gives the item with key {state.Catalog.Items[item].ItemKey} a score that is not finite.");
        }
        return ranking;
    }
}
