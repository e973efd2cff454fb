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

    /// <summary>What it rests on, in the words of the contract.</summary>
    public virtual string Personalization => RequestRow.ByNothing;

    /// <summary>The first items that are allowed, as many as asked for or as there are.</summary>
    public abstract IReadOnlyList<RankedItem> Top(int count, ItemSet allowed);

    /// <summary>What is told of a score, with the parts that the request wants in addition; null of what is no score of a model.</summary>
    public virtual ScoreDetails? Details(RankedItem item, string[]? include) => null;
}

/// <summary>By the model's scores for a user and the circumstances.</summary>
internal sealed class ModelRanking(ItemCatalog catalog, RankingModel model, RequestRow request) : Ranking(SourceName, catalog)
{
    public const string SourceName = "model";

    private readonly RowBuffer _joined = new();

    public override LoadedModel Model => model;

    public override string Personalization => request.Personalization;

    /// <summary>The items and vectors that rankings may go over together.</summary>
    public ItemRanker Ranker => model.Ranker;

    public override IReadOnlyList<RankedItem> Top(int count, ItemSet allowed) => Ranker.TopMany([Request(count, allowed)])[0];

    /// <summary>What the ranker is asked for the first items that are allowed.</summary>
    public RankingRequest Request(int count, ItemSet allowed) => new(request.Columns, count, allowed, request.History.Pooled.Repeats);

    public override ScoreDetails? Details(RankedItem item, string[]? include)
    {
        RequestRows.Join(_joined, request, model, item.Item, Catalog.Items[item.Item].ItemId);
        return ScoreDetails.Of(model, _joined.Row, item.Score, include, request.History, model.ItemRows[item.Item]);
    }
}

/// <summary>By a number of users.</summary>
internal abstract class CountRanking(ItemCatalog catalog) : Ranking(SourceName, catalog)
{
    public const string SourceName = "popularity";

    /// <summary>Indices of the items that can come, most users first.</summary>
    protected abstract IEnumerable<int> InOrder { get; }

    /// <summary>The number of an item.</summary>
    public abstract int UsersOf(int item);

    public override IReadOnlyList<RankedItem> Top(int count, ItemSet allowed)
    {
        var top = new List<RankedItem>(Math.Min(count, Catalog.Count));
        foreach (var item in InOrder)
        {
            if (top.Count == count)
            {
                break;
            }

            if (allowed[item])
            {
                top.Add(new(item, UsersOf(item)));
            }
        }

        return top;
    }
}

/// <summary>By the number of users of whom an item has a positive interaction, at whatever time.</summary>
internal sealed class PopularityRanking(ItemCatalog catalog) : CountRanking(catalog)
{
    protected override IEnumerable<int> InOrder => Catalog.ByPopularity;

    public override int UsersOf(int item) => Catalog.Items[item].Users;
}

/// <summary>By the number of users in a time; items without any are left out.</summary>
internal sealed class TrendRanking : CountRanking
{
    private readonly Dictionary<int, int> _users = [];

    /// <param name="catalog">The items.</param>
    /// <param name="users">Users by item key.</param>
    public TrendRanking(ItemCatalog catalog, IReadOnlyDictionary<long, int> users)
        : base(catalog)
    {
        foreach (var (key, count) in users)
        {
            if (catalog.IndexOf(key) is { } item)
            {
                _users.Add(item, count);
            }
        }

        InOrder = [.. _users.OrderByDescending(item => item.Value).ThenBy(item => item.Key, catalog.ById).Select(item => item.Key)];
    }

    protected override IEnumerable<int> InOrder { get; }

    public override int UsersOf(int item) => _users[item];
}

/// <summary>By the cosine of the items' vectors to that of an item, itself left out.</summary>
internal sealed class SimilarityRanking(ItemCatalog catalog, RankingModel model, int item) : Ranking("similarity", catalog)
{
    public override LoadedModel Model => model;

    public override IReadOnlyList<RankedItem> Top(int count, ItemSet allowed) => model.Ranker.Similar(item, count, allowed);
}
