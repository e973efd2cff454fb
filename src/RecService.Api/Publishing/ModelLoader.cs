using Npgsql;
using RecService.Api.Storage;
using RecService.Engine.Data;
using RecService.Engine.Model;

namespace RecService.Api.Publishing;

/// <summary>Loads stored models and makes them ready; start-up, retraining, rollback and replicas all come through here.</summary>
internal sealed class ModelLoader(NpgsqlDataSource database)
{
    /// <summary>Reads the artifact of a model.</summary>
    /// <exception cref="ModelFormatException">The artifact is damaged.</exception>
    /// <exception cref="ModelCheckException">There is no artifact.</exception>
    public async Task<FactorizationModel> LoadAsync(long version, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var artifact = await Artifacts.OfModels.OpenReadAsync(connection, version, cancellationToken);
        // The file is parsed by blocking reads, off the threads that serve requests.
        return await Task.Factory.StartNew(() => ModelFile.Load(artifact), cancellationToken, TaskCreationOptions.LongRunning, TaskScheduler.Default);
    }

    /// <summary>Computes the item vectors for a catalogue and checks that everything that may be ranked has a finite score.</summary>
    /// <exception cref="ModelCheckException">The model must not be served.</exception>
    public static RankingModel Prepare(long version, FactorizationModel model, CatalogState state)
    {
        var index = model.Features ?? throw new ModelCheckException($"Model {version} has no feature index.");
        var rows = new SparseRowsBuilder();
        var buffer = new RowBuffer();
        foreach (var item in state.Features)
        {
            buffer.Clear();
            index.AppendItem(item, buffer);
            rows.Add(buffer.Row);
            rows.EndRow();
        }
        var ranking = new RankingModel(version, model, rows.Build());
        for (var item = 0; item < state.Catalog.Count; item++)
        {
            if (!float.IsFinite(ranking.Ranker.Score(default, item)))
                throw new ModelCheckException($"Model {version} gives item '{state.Catalog.Items[item].ItemId}' a score that is not finite.");
        }
        return ranking;
    }
}
