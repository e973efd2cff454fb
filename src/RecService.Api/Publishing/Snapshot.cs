using RecService.Api.Storage;
using RecService.Engine.Data;
using RecService.Engine.Model;
using RecService.Engine.Scoring;

namespace RecService.Api.Publishing;

/// <summary>
/// What requests read: the catalogue, and the model with the item vectors that are ready for ranking. Immutable; a request takes it once.
/// </summary>
/// <param name="Catalog">The items.</param>
/// <param name="Model">The model that is served; null before the first one.</param>
internal sealed record Snapshot(ItemCatalog Catalog, RankingModel? Model)
{
    public static Snapshot Empty { get; } = new(ItemCatalog.Empty, null);
}

/// <summary>A model loaded for scoring.</summary>
internal class LoadedModel
{
    public LoadedModel(long version, DateTimeOffset storedAt, FactorizationModel model, long erasureHorizon)
    {
        Version = version;
        StoredAt = storedAt;
        ErasureHorizon = erasureHorizon;
        Model = model;
        Index = model.Features ?? throw new ModelCheckException($"Model {version} has no feature index.");
        Scorer = new Scorer(model);
    }

    public long Version { get; }

    public DateTimeOffset StoredAt { get; }

    /// <summary>The last erasure that the model has been freed of: <see cref="Erasures"/>.</summary>
    public long ErasureHorizon { get; }

    public FactorizationModel Model { get; }

    public FeatureIndex Index { get; }

    public Scorer Scorer { get; }

    /// <summary>The model without users that have been erased since its horizon.</summary>
    public virtual LoadedModel Without(ErasedUsers erased) => new(Version, StoredAt, Model.WithoutUsers(erased.Among(Index.UserIds)), erased.Horizon);
}

/// <summary>A model together with the vectors of a catalogue's items.</summary>
internal sealed class RankingModel : LoadedModel
{
    public RankingModel(LoadedModel loaded, SparseRows itemRows)
        : this(loaded, new ItemRanker(loaded.Model, itemRows)) { }

    private RankingModel(LoadedModel loaded, ItemRanker ranker)
        : base(loaded.Version, loaded.StoredAt, loaded.Model, loaded.ErasureHorizon) => Ranker = ranker;

    /// <summary>The columns of each item, by its index in the catalogue.</summary>
    public SparseRows ItemRows => Ranker.ItemRows;

    public ItemRanker Ranker { get; }

    public override LoadedModel Without(ErasedUsers erased)
    {
        var without = base.Without(erased);
        return new RankingModel(without, ReferenceEquals(without.Model, Model) ? Ranker : new ItemRanker(without.Model, ItemRows));
    }

    /// <summary>Bytes of the numbers: the model's parameters, the items' columns and values, and their vectors.</summary>
    public long Bytes =>
        sizeof(float)
        * (
            Model.Weights.Length
            + ((long)Model.Space.FactorCount * Model.Stride)
            + (2 * ItemRows.EntryCount)
            + ((long)Ranker.Count * (Ranker.Count == 0 ? 0 : Ranker.Vector(0).Length))
        );
}

/// <summary>A stored model must not be served.</summary>
internal sealed class ModelCheckException(string message) : Exception(message);
