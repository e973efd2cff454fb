using RecService.Engine.Data;
using RecService.Engine.Model;
using RecService.Engine.Scoring;

namespace RecService.Api.Publishing;

/// <summary>What requests read: the catalogue, and the model with the item vectors that are ready for ranking. Immutable; a request takes it once.</summary>
/// <param name="Catalog">The items.</param>
/// <param name="Model">The model that is served; null before the first one.</param>
internal sealed record Snapshot(ItemCatalog Catalog, RankingModel? Model)
{
    public static Snapshot Empty { get; } = new(ItemCatalog.Empty, null);
}

/// <summary>A model loaded for scoring.</summary>
internal class LoadedModel
{
    public LoadedModel(long version, DateTimeOffset storedAt, FactorizationModel model)
    {
        Version = version;
        StoredAt = storedAt;
        Model = model;
        Index = model.Features ?? throw new ModelCheckException($"Model {version} has no feature index.");
        Scorer = new Scorer(model);
    }

    public long Version { get; }

    public DateTimeOffset StoredAt { get; }

    public FactorizationModel Model { get; }

    public FeatureIndex Index { get; }

    public Scorer Scorer { get; }
}

/// <summary>A model together with the vectors of a catalogue's items.</summary>
internal sealed class RankingModel : LoadedModel
{
    public RankingModel(LoadedModel loaded, SparseRows itemRows)
        : base(loaded.Version, loaded.StoredAt, loaded.Model)
    {
        ItemRows = itemRows;
        Ranker = new ItemRanker(Model, itemRows);
    }

    /// <summary>The columns of each item, by its index in the catalogue.</summary>
    public SparseRows ItemRows { get; }

    public ItemRanker Ranker { get; }

    /// <summary>Bytes of the numbers: the model's parameters, the items' columns and values, and their vectors.</summary>
    public long Bytes => sizeof(float) * (Model.Weights.Length + ((long)Model.Space.FactorCount * Model.Stride)
        + (2 * ItemRows.EntryCount) + ((long)Ranker.Count * (Ranker.Count == 0 ? 0 : Ranker.Vector(0).Length)));
}

/// <summary>A stored model must not be served.</summary>
internal sealed class ModelCheckException(string message) : Exception(message);
