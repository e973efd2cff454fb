using RecService.Api.Models;
using RecService.Api.Storage;
using RecService.Engine.Data;
using RecService.Engine.Data.Histories;
using RecService.Engine.Scoring;

namespace RecService.Api.Publishing;

/// <summary>A model together with the vectors of a catalogue's items.</summary>
internal sealed class RankingModel : LoadedModel
{
    private RankingModel(LoadedModel loaded, ItemRanker ranker)
        : base(loaded.Version, loaded.StoredAt, loaded.Model, loaded.ErasureHorizon)
    {
        Ranker = ranker;
        Pooling = Roles is null ? null : new(loaded.Model.History!, Roles);
    }

    /// <summary>The columns of each item, by its index in the catalogue.</summary>
    public RowChunks ItemRows => Ranker.ItemRows;

    public ItemRanker Ranker { get; }

    /// <summary>The columns of each item as part of a history; null of a model without histories.</summary>
    public ItemRoles? Roles => Ranker.Roles;

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

    /// <summary>Computes the vectors of a catalogue's items.</summary>
    /// <param name="loaded">The model.</param>
    /// <param name="encoded">Its columns of the catalogue's items.</param>
    /// <param name="catalog">The catalogue.</param>
    /// <returns>The model, and the items without a finite score: nothing may be ranked that is among them.</returns>
    public static (RankingModel Model, IReadOnlyList<int> Unfit) Prepare(LoadedModel loaded, ItemEncoder encoded, ItemCatalog catalog)
    {
        var (rows, roles) = encoded.Build();
        var ranker = new ItemRanker(loaded.Model, rows, roles: roles, order: catalog.ById);
        var scores = new float[ranker.Count];
        ranker.ScoreAll(default, scores);
        return (new(loaded, ranker), [.. Enumerable.Range(0, scores.Length).Where(item => !float.IsFinite(scores[item]))]);
    }

    /// <summary>As <see cref="Prepare"/>, for a model that is not served yet: all or nothing.</summary>
    /// <exception cref="ModelCheckException">The model must not be served.</exception>
    public static RankingModel PrepareNew(LoadedModel loaded, ItemEncoder encoded, ItemCatalog catalog)
    {
        var (model, unfit) = Prepare(loaded, encoded, catalog);
        return unfit.Count == 0
            ? model
            : throw new ModelCheckException(
                $"Model {loaded.Version} gives the item with key {catalog.Items[unfit[0]].ItemKey} a score that is not finite."
            );
    }

    /// <summary>The model with the vectors of changed items computed, at the cost of these.</summary>
    /// <param name="count">The number of indices that the catalogue has now.</param>
    /// <param name="items">Indices of the items that have changed.</param>
    /// <param name="features">The features of each.</param>
    /// <returns>The model, and those of the items without a finite score.</returns>
    public (RankingModel Model, IReadOnlyList<int> Unfit) With(int count, IReadOnlyList<int> items, IReadOnlyList<EntityFeatures> features)
    {
        if (items.Count == 0)
        {
            return (this, []);
        }

        // The ranker has a row for every index, also for one without an item.
        var given = items.ToHashSet();
        int[] without = [.. Enumerable.Range(Ranker.Count, count - Ranker.Count).Where(item => !given.Contains(item))];
        KeyValuePair<int, EntityFeatures>[] changed =
        [
            .. without
                .Select(item => KeyValuePair.Create(item, EntityFeatures.None))
                .Concat(items.Zip(features, KeyValuePair.Create))
                .OrderBy(row => row.Key),
        ];
        var ranker = With(Ranker, [.. changed.Select(row => row.Key)], changed.Select(row => row.Value));
        int[] unfit = [.. items.Where(item => !float.IsFinite(ranker.Score(default, item)))];
        return (new(this, unfit.Length == 0 ? ranker : With(ranker, unfit, unfit.Select(_ => EntityFeatures.None))), unfit);
    }

    public override LoadedModel Without(ErasedUsers erased)
    {
        var without = base.Without(erased);
        return new RankingModel(
            without,
            ReferenceEquals(without.Model, Model) ? Ranker : new ItemRanker(without.Model, ItemRows, roles: Roles, order: Ranker.Order)
        );
    }

    private ItemRanker With(ItemRanker ranker, IReadOnlyList<int> items, IEnumerable<EntityFeatures> features)
    {
        var encoder = new ItemEncoder(this);
        foreach (var item in features)
        {
            encoder.Add(item);
        }

        var (rows, roles) = encoder.Build();
        return ranker.With(items, rows, roles);
    }
}
