using RecService.Api.Models;
using RecService.Api.Storage;
using RecService.Engine.Data;
using RecService.Engine.Data.Histories;
using RecService.Engine.Scoring;

namespace RecService.Api.Publishing;

/// <summary>A model together with the vectors of a catalogue's items.</summary>
internal sealed class RankingModel : LoadedModel
{
    private RankingModel(LoadedModel loaded, ItemRanker ranker, ItemRoles? roles)
        : base(loaded.Version, loaded.StoredAt, loaded.Model, loaded.ErasureHorizon)
    {
        Ranker = ranker;
        Roles = roles;
        Pooling = roles is null ? null : new(loaded.Model.History!, roles);
    }

    /// <summary>The columns of each item, by its index in the catalogue.</summary>
    public RowChunks ItemRows => Ranker.ItemRows;

    public ItemRanker Ranker { get; }

    /// <summary>The columns of each item as part of a history; null of a model without histories.</summary>
    public ItemRoles? Roles { get; }

    /// <summary>Pools histories of items of the catalogue; null of a model without histories.</summary>
    public HistoryPooling? Pooling { get; }

    /// <summary>Bytes of the numbers: the model's parameters, the items' columns and values, and their vectors.</summary>
    public long Bytes =>
        sizeof(float)
        * (
            Model.Weights.Length
            + ((long)Model.Space.FactorCount * Model.Stride)
            + (2 * (ItemRows.EntryCount + (Roles?.History.EntryCount ?? 0) + (Roles?.Recent.EntryCount ?? 0) + (Roles?.Repeat?.EntryCount ?? 0)))
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
        var roles = loaded.Model.History is null ? null : ItemRoles.Of(loaded.Index, state.Features);
        var ranker = new ItemRanker(loaded.Model, rows.Build(), roles: roles);
        for (var item = 0; item < state.Catalog.Count; item++)
        {
            if (!float.IsFinite(ranker.Score(default, item)))
            {
                throw new ModelCheckException(
                    $"Model {loaded.Version} gives the item with key {state.Catalog.Items[item].ItemKey} a score that is not finite."
                );
            }
        }
        return new(loaded, ranker, roles);
    }

    public override LoadedModel Without(ErasedUsers erased)
    {
        var without = base.Without(erased);
        var ranker = ReferenceEquals(without.Model, Model) ? Ranker : new ItemRanker(without.Model, ItemRows, roles: Roles);
        return new RankingModel(without, ranker, Roles);
    }
}
