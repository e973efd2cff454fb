using RecService.Api.Models;
using RecService.Api.Storage;
using RecService.Engine.Data;
using RecService.Engine.Scoring;

namespace RecService.Api.Publishing;

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
