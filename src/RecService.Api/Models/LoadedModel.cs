using RecService.Api.Storage;
using RecService.Engine.Data;
using RecService.Engine.Model;
using RecService.Engine.Scoring;

namespace RecService.Api.Models;

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
