using RecService.Api.Models;
using RecService.Api.Publishing;
using RecService.Engine.Data;
using RecService.Engine.Scoring;

namespace RecService.Api.Scoring;

/// <summary>The order of a catalogue for one request.</summary>
/// <param name="source">Where the order comes from, as answers and metrics say it.</param>
/// <param name="catalog">The items.</param>
internal abstract class Ranking(string source, ItemCatalog catalog)
{
    public string Source => source;

    public ItemCatalog Catalog => catalog;

    /// <summary>The model that ranks; null when none does.</summary>
    public virtual LoadedModel? Model => null;

    /// <summary>The first items, as many as asked for or as there are, without those that are excluded.</summary>
    public abstract IReadOnlyList<RankedItem> Top(int count, ReadOnlySpan<bool> excluded);

    /// <summary>What is told of a score, with the parts that the request wants in addition; null of what is no score of a model.</summary>
    public virtual ScoreDetails? Details(RankedItem item, string[]? include) => null;
}

/// <summary>By the model's scores for a user and the circumstances.</summary>
internal sealed class ModelRanking(ItemCatalog catalog, RankingModel model, RowBuffer request) : Ranking(SourceName, catalog)
{
    public const string SourceName = "model";

    private readonly RowBuffer _joined = new();

    public override LoadedModel Model => model;

    public override IReadOnlyList<RankedItem> Top(int count, ReadOnlySpan<bool> excluded) => model.Ranker.Top(request.Row, count, excluded);

    public override ScoreDetails? Details(RankedItem item, string[]? include)
    {
        RequestRows.Join(_joined, request, model, item.Item);
        return ScoreDetails.Of(model, _joined.Row, item.Score, include);
    }
}

/// <summary>By the number of users who have interacted with an item.</summary>
internal sealed class PopularityRanking(ItemCatalog catalog) : Ranking(SourceName, catalog)
{
    public const string SourceName = "popularity";

    public override IReadOnlyList<RankedItem> Top(int count, ReadOnlySpan<bool> excluded)
    {
        var top = new List<RankedItem>(Math.Min(count, Catalog.Count));
        foreach (var item in Catalog.ByPopularity)
        {
            if (top.Count == count)
            {
                break;
            }

            if (!excluded[item])
            {
                top.Add(new(item, Catalog.Items[item].Users));
            }
        }

        return top;
    }
}

/// <summary>By the cosine of the items' vectors to that of an item, itself left out.</summary>
internal sealed class SimilarityRanking(ItemCatalog catalog, RankingModel model, int item) : Ranking("similarity", catalog)
{
    public override LoadedModel Model => model;

    public override IReadOnlyList<RankedItem> Top(int count, ReadOnlySpan<bool> excluded) => model.Ranker.Similar(item, count, excluded);
}
