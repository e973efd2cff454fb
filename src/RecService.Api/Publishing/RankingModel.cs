using RecService.Api.Models;
using RecService.Api.Storage;
using RecService.Engine.Data;
using RecService.Engine.Scoring;

namespace RecService.Api.Publishing;

/// <summary>A model together with the vectors of a catalogue's items.</summary>
internal sealed class RankingModel : LoadedModel
{
    private RankingModel(LoadedModel loaded, ItemRanker ranker)
        : base(loaded.Version, loaded.StoredAt, loaded.Model, loaded.ErasureHorizon) => Ranker = ranker;

    /// <summary>The columns of each item, by its index in the catalogue.</summary>
    public SparseRows ItemRows => Ranker.ItemRows;

    public ItemRanker Ranker { get; }

    /// <summary>Bytes of the numbers: the model's parameters, the items' columns and values, and their vectors.</summary>
    public long Bytes =>
        sizeof(float)
        * (
            Model.Weights.Length
            + ((long)Model.Space.FactorCount * Model.Stride)
            + (2 * ItemRows.EntryCount)
            + ((long)Ranker.Count * (Ranker.Count == 0 ? 0 : Ranker.Vector(0).Length))
        );

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
        var ranker = new ItemRanker(loaded.Model, rows.Build());
        for (var item = 0; item < state.Catalog.Count; item++)
        {
            if (!float.IsFinite(ranker.Score(default, item)))
            {
                throw new ModelCheckException(
                    $"Model {loaded.Version} gives the item with key {state.Catalog.Items[item].ItemKey} a score that is not finite."
                );
            }
        }
        return new(loaded, ranker);
    }

    public override LoadedModel Without(ErasedUsers erased)
    {
        var without = base.Without(erased);
        return new RankingModel(without, ReferenceEquals(without.Model, Model) ? Ranker : new ItemRanker(without.Model, ItemRows));
    }
}
