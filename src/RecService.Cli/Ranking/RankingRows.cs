using RecService.Engine.Data;
using RecService.Engine.Data.Histories;

namespace RecService.Cli.Ranking;

/// <summary>Which columns there are.</summary>
/// <param name="UserIds">Whether the ids of users have columns.</param>
/// <param name="ItemFeaturesApart">Whether features of items are a field of their own, which crosses with the items' ids.</param>
/// <param name="History">Whether items have columns as part of a history.</param>
/// <param name="Repeat">Whether items that come again have.</param>
internal sealed record RankingColumns(bool UserIds, bool ItemFeaturesApart, bool History, bool Repeat);

/// <summary>
/// Users, items and contexts as rows. Only what occurs in training has a column: an item that does not is what its features say, and so is a user.
/// </summary>
internal sealed class RankingRows
{
    private readonly List<string> _fields = [];
    private readonly List<int> _columnFields = [];
    private readonly List<int> _columnFactors = [];
    private readonly List<IndexedFeature> _features = [];
    private int _factorRows;

    /// <param name="files">What is known.</param>
    /// <param name="users">Users that training has, which are the first ones.</param>
    /// <param name="items">Items that training has, which are the first ones.</param>
    /// <param name="contexts">Contexts that training has, which are the first ones.</param>
    /// <param name="columns">Which columns there are.</param>
    public RankingRows(RankingFiles files, int users, int items, int contexts, RankingColumns columns)
    {
        (TrainUsers, Users) = Entities(files.Users, users, columns.UserIds ? "user.id" : null, files.UserFeatures, "user.tags");
        (TrainItems, Items) = Entities(files.Items, items, "item.id", files.ItemFeatures, columns.ItemFeaturesApart ? "tag" : "item.tags");
        if (columns.History)
        {
            var history = Entities(files.Items, items, "history.id", files.ItemFeatures, "history.tags");
            var recent = Entities(files.Items, items, "history.recent.id", files.ItemFeatures, "history.recent.tags");
            var repeat = columns.Repeat ? RepeatRows(files.Items, items) : default;
            (TrainRoles, Roles) = (new(history.Train, recent.Train, repeat.Train), new(history.All, recent.All, repeat.All));
        }

        if (files.ContextFields > 0)
        {
            (TrainContexts, Contexts) = ContextRows(files, contexts);
        }

        Space = new(_fields, [.. _columnFields], columns.Repeat ? [.. _columnFactors] : null);
        Index = FeatureIndex.Of(_features);
    }

    /// <summary>The columns.</summary>
    public FeatureSpace Space { get; }

    /// <summary>Their names.</summary>
    public FeatureIndex Index { get; }

    /// <summary>A row for each user of training.</summary>
    public SparseRows TrainUsers { get; }

    /// <summary>A row for each user.</summary>
    public SparseRows Users { get; }

    /// <summary>A row for each item of training.</summary>
    public SparseRows TrainItems { get; }

    /// <summary>A row for each item.</summary>
    public SparseRows Items { get; }

    /// <summary>The columns of each item of training as part of a history; null when there are none.</summary>
    public ItemRoles? TrainRoles { get; }

    /// <summary>The columns of each item as part of a history; null when there are none.</summary>
    public ItemRoles? Roles { get; }

    /// <summary>A row for each context of training; null when there are none.</summary>
    public SparseRows? TrainContexts { get; }

    /// <summary>A row for each context; null when there are none.</summary>
    public SparseRows? Contexts { get; }

    /// <summary>Rows of users or items, once of those that training has, once of all.</summary>
    private (SparseRows Train, SparseRows All) Entities(Ids ids, int trained, string? idGroup, KnownFeatures known, string featureGroup)
    {
        var firstId = _features.Count;
        for (var entity = 0; entity < trained && idGroup is not null; entity++)
        {
            AddColumn(idGroup, ids[entity]);
        }

        var featureColumns = new int[known.Names.Count];
        Array.Fill(featureColumns, -1);
        for (var entity = 0; entity < trained; entity++)
        {
            foreach (var (feature, _) in known[entity])
            {
                if (featureColumns[feature] < 0)
                {
                    featureColumns[feature] = AddColumn(featureGroup, known.Names[feature]);
                }
            }
        }

        var rows = new SparseRowsBuilder();
        SparseRows? train = null;
        for (var entity = 0; entity < ids.Count; entity++)
        {
            if (entity == trained)
            {
                train = rows.Build();
            }

            if (entity < trained && idGroup is not null)
            {
                rows.Add(firstId + entity);
            }

            foreach (var (feature, value) in known[entity])
            {
                if (featureColumns[feature] >= 0)
                {
                    rows.Add(featureColumns[feature], value);
                }
            }

            rows.EndRow();
        }

        var all = rows.Build();
        return (train ?? all, all);
    }

    /// <summary>The columns of items that come again: one that all have, and one of each. Their latent vector, which all share, stays 0.</summary>
    private (SparseRows Train, SparseRows All) RepeatRows(Ids ids, int trained)
    {
        var rows = new SparseRowsBuilder();
        SparseRows? train = null;
        var ofAll = AddColumn("repeat", category: null);
        for (var item = 0; item < ids.Count; item++)
        {
            if (item == trained)
            {
                train = rows.Build();
            }

            rows.Add(ofAll);
            if (item < trained)
            {
                rows.Add(AddColumn("repeat.id", ids[item], ofAll));
            }

            rows.EndRow();
        }

        var all = rows.Build();
        return (train ?? all, all);
    }

    private (SparseRows Train, SparseRows All) ContextRows(RankingFiles files, int trained)
    {
        var columns = new Dictionary<(int Part, string Value), int>();
        var rows = new SparseRowsBuilder();
        SparseRows? train = null;
        for (var context = 0; context < files.Contexts.Count; context++)
        {
            if (context == trained)
            {
                train = rows.Build();
            }

            var parts = files.Contexts[context].Split('\t');
            for (var part = 0; part < parts.Length; part++)
            {
                if (context < trained && !columns.ContainsKey((part, parts[part])))
                {
                    columns.Add((part, parts[part]), AddColumn(FormattableString.Invariant($"context{part + 1}"), parts[part]));
                }

                if (columns.TryGetValue((part, parts[part]), out var column))
                {
                    rows.Add(column);
                }
            }

            rows.EndRow();
        }

        var all = rows.Build();
        return (train ?? all, all);
    }

    private int AddColumn(string group, string? category, int? lender = null)
    {
        var feature = new IndexedFeature(_features.Count, group, category);
        var field = _fields.IndexOf(feature.Field);
        if (field < 0)
        {
            field = _fields.Count;
            _fields.Add(feature.Field);
        }

        _features.Add(feature);
        _columnFields.Add(field);
        _columnFactors.Add(lender is { } column ? _columnFactors[column] : _factorRows++);
        return feature.Column;
    }
}
