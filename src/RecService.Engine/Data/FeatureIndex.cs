using System.Collections.Frozen;
using System.Runtime.InteropServices;

namespace RecService.Engine.Data;

/// <summary>The names behind the columns of a model: turns users, items and contexts into rows. Immutable and safe for concurrent use.</summary>
/// <remarks>
/// Categories below the minimum count lead to the <c>other</c> column of their field; those that training never saw have no column and are left out.
/// Numbers are standardised with the mean and deviation that those seen in training have without the wild ones, and clipped to
/// ±<see cref="NumericLimit"/> deviations.
/// </remarks>
public sealed class FeatureIndex
{
    /// <summary>Standardised numbers are clipped to this many deviations, so that no single wild input can dominate a score.</summary>
    public const float NumericLimit = 10;

    private readonly FrozenDictionary<string, FeatureGroup> _groups;

    /// <exception cref="ArgumentException">A column is negative, or the statistics of a numeric one cannot standardise.</exception>
    internal FeatureIndex(IEnumerable<FeatureGroup> groups)
    {
        // A group without features says no more than none.
        _groups = groups.Where(g => g.Categories.Count > 0 || g.Numeric is not null).ToFrozenDictionary(g => g.Name, StringComparer.Ordinal);
        foreach (var group in _groups.Values)
        {
            ColumnLimit = Math.Max(ColumnLimit, group.ColumnLimit());
        }
    }

    /// <summary>
    /// Every feature and its column: groups in ordinal order of their names; in a group the numeric feature, then the categories in ordinal order.
    /// </summary>
    public IEnumerable<IndexedFeature> Features => _groups.Values.OrderBy(g => g.Name, StringComparer.Ordinal).SelectMany(g => g.Features());

    /// <summary>The ids of the users that have a column, in no particular order.</summary>
    public IReadOnlyList<string> UserIds => _groups.TryGetValue(FeatureWalk.UserIdGroup, out var users) ? users.Categories.Keys : [];

    /// <summary>Upper bound of the columns: every column is below it.</summary>
    internal int ColumnLimit { get; }

    /// <summary>Appends the columns of a user: id, tags and attributes.</summary>
    public void AppendUser(EntityFeatures user, RowBuffer row)
    {
        var sink = new Encoder(_groups, row);
        FeatureWalk.User(user, ref sink);
    }

    /// <summary>Appends the columns of an item: id, attributes, then tags.</summary>
    public void AppendItem(EntityFeatures item, RowBuffer row)
    {
        var sink = new Encoder(_groups, row);
        FeatureWalk.Item(item, ref sink);
    }

    /// <summary>Appends the columns of an item as part of a history, field <c>history</c>: id and tags.</summary>
    public void AppendHistory(EntityFeatures item, RowBuffer row)
    {
        var sink = new Encoder(_groups, row);
        FeatureWalk.History(FeatureWalk.HistoryField, item, ref sink);
    }

    /// <summary>Appends the columns of an item as part of what was done just now, field <c>history.recent</c>: id and tags.</summary>
    public void AppendRecentHistory(EntityFeatures item, RowBuffer row)
    {
        var sink = new Encoder(_groups, row);
        FeatureWalk.History(FeatureWalk.RecentHistoryField, item, ref sink);
    }

    /// <summary>Appends the columns of an item that comes again, field <c>repeat</c>, each with the value 1.</summary>
    public void AppendRepeat(EntityFeatures item, RowBuffer row)
    {
        var sink = new Encoder(_groups, row);
        FeatureWalk.Repeat(item, ref sink);
    }

    /// <summary>Appends the columns of the tags and context keys of an interaction or a request.</summary>
    public void AppendContext(EntityFeatures context, RowBuffer row)
    {
        var sink = new Encoder(_groups, row);
        FeatureWalk.Context(context, ref sink);
    }

    /// <summary>Writes the names and statistics; columns are written as their numbers.</summary>
    public void Write(BinaryWriter writer)
    {
        writer.Write(_groups.Count);
        foreach (var group in _groups.Values.OrderBy(g => g.Name, StringComparer.Ordinal))
        {
            group.Write(writer);
        }
    }

    /// <summary>Reads what <see cref="Write"/> wrote.</summary>
    /// <exception cref="InvalidDataException">A count is negative.</exception>
    /// <exception cref="ArgumentException">A name stands twice, a column is negative, or the statistics of a numeric one cannot
    /// standardise.</exception>
    public static FeatureIndex Read(BinaryReader reader)
    {
        // A list, so that a count that a damaged file invents allocates nothing.
        var groups = new List<FeatureGroup>();
        for (var left = Count(reader); left > 0; left--)
        {
            groups.Add(FeatureGroup.Read(reader));
        }

        return new(groups);
    }

    /// <summary>The index that has these features: for columns that another than <see cref="FeatureIndexBuilder"/> has made.</summary>
    /// <exception cref="ArgumentException">A feature stands twice, a column is negative, or the statistics of a numeric one cannot
    /// standardise.</exception>
    public static FeatureIndex Of(IEnumerable<IndexedFeature> features)
    {
        var groups = new Dictionary<string, (Dictionary<string, int> Categories, NumericFeature? Numeric)>(StringComparer.Ordinal);
        foreach (var feature in features)
        {
            ref var group = ref CollectionsMarshal.GetValueRefOrAddDefault(groups, feature.Group, out var known);
            if (!known)
            {
                group.Categories = new(StringComparer.Ordinal);
            }

            if (feature.Category is { } category)
            {
                group.Categories.Add(category, feature.Column);
            }
            else if (group.Numeric is null)
            {
                group.Numeric = new(feature.Column, feature.Mean, feature.Deviation);
            }
            else
            {
                throw new ArgumentException($"The group '{feature.Group}' has two numeric features.", nameof(features));
            }
        }

        return new(groups.Select(g => new FeatureGroup(g.Key, g.Value.Categories.ToFrozenDictionary(StringComparer.Ordinal), g.Value.Numeric)));
    }

    /// <summary>The index without the ids of some users, and the columns that only those ids led to, in ascending order.</summary>
    internal (FeatureIndex Index, int[] Columns) WithoutUsers(IReadOnlySet<string> userIds)
    {
        if (!_groups.TryGetValue(FeatureWalk.UserIdGroup, out var users))
        {
            return (this, []);
        }

        var kept = users.Categories.Where(user => !userIds.Contains(user.Key)).ToFrozenDictionary(StringComparer.Ordinal);
        if (kept.Count == users.Categories.Count)
        {
            return (this, []);
        }

        var index = new FeatureIndex(_groups.Values.Select(group => ReferenceEquals(group, users) ? group with { Categories = kept } : group));
        // The column of rare categories is still that of the others, which may be tags and attributes of users, too.
        var used = index.Features.Where(feature => feature.Field == FeatureWalk.UserField).Select(feature => feature.Column).ToHashSet();
        return (
            index,
            [
                .. users
                    .Categories.Where(user => userIds.Contains(user.Key))
                    .Select(user => user.Value)
                    .Where(column => !used.Contains(column))
                    .Distinct()
                    .Order(),
            ]
        );
    }

    internal static int Count(BinaryReader reader) =>
        reader.ReadInt32() is >= 0 and var count ? count : throw new InvalidDataException("A feature index holds a negative count.");

    private readonly ref struct Encoder(FrozenDictionary<string, FeatureGroup> groups, RowBuffer row) : IFeatureSink
    {
        public void Category(string group, string category, float value)
        {
            if (groups.TryGetValue(group, out var known) && known.Categories.TryGetValue(category, out var column))
            {
                row.Add(column, value);
            }
        }

        public void Number(string group, double number)
        {
            if (groups.TryGetValue(group, out var known) && known.Numeric is { } numeric)
            {
                row.Add(numeric.Column, numeric.Standardise(number));
            }
        }
    }
}

/// <summary>A feature of a <see cref="FeatureIndex"/>: a category, or the number of a group.</summary>
/// <param name="Column">The column. That of the rare categories of a field is shared by several features.</param>
/// <param name="Group">
/// What the feature says something of: <c>user.id</c>, <c>user.tags</c>, <c>user.attributes.NAME</c>, <c>item.id</c>, <c>item.attributes.NAME</c>,
/// <c>tag</c>,
/// <c>context.tags</c>, <c>context.KEY</c>; of items as part of a history <c>history.id</c>, <c>history.tags</c>, <c>history.recent.id</c>,
/// <c>history.recent.tags</c>, <c>repeat</c>, <c>repeat.id</c>.
/// </param>
/// <param name="Category">The id, tag or text; null for a number.</param>
/// <param name="Mean">Of a number, which enters rows as (number − mean) / deviation.</param>
/// <param name="Deviation">Of a number, above 0; both without wild numbers, see <see cref="FeatureIndex"/>.</param>
public readonly record struct IndexedFeature(int Column, string Group, string? Category, double Mean = 0, double Deviation = 1)
{
    /// <summary>The field of the column.</summary>
    public string Field => FeatureWalk.FieldOf(Group);
}

/// <summary>The features that share a name: the categories of an attribute and, where numbers occur, its numeric column.</summary>
internal sealed record FeatureGroup(string Name, FrozenDictionary<string, int> Categories, NumericFeature? Numeric)
{
    public IEnumerable<IndexedFeature> Features()
    {
        if (Numeric is { } numeric)
        {
            yield return new(numeric.Column, Name, Category: null, numeric.Mean, numeric.Deviation);
        }

        foreach (var (category, column) in Categories.OrderBy(c => c.Key, StringComparer.Ordinal))
        {
            yield return new(column, Name, category);
        }
    }

    /// <summary>Checks the columns; returns an upper bound of them.</summary>
    public int ColumnLimit()
    {
        var (lowest, highest) = (0, -1);
        if (Numeric is { } numeric)
        {
            if (!double.IsFinite(numeric.Mean) || !double.IsFinite(numeric.Deviation) || numeric.Deviation <= 0)
            {
                throw new ArgumentException($"The numbers of '{Name}' have the mean {numeric.Mean} and the deviation {numeric.Deviation}.");
            }

            (lowest, highest) = (numeric.Column, numeric.Column);
        }
        foreach (var column in Categories.Values)
        {
            (lowest, highest) = (Math.Min(lowest, column), Math.Max(highest, column));
        }

        return lowest >= 0 && highest < int.MaxValue
            ? highest + 1
            : throw new ArgumentException($"The features of '{Name}' have columns from {lowest} to {highest}.");
    }

    public void Write(BinaryWriter writer)
    {
        writer.Write(Name);
        writer.Write(Numeric is not null);
        if (Numeric is { } numeric)
        {
            writer.Write(numeric.Column);
            writer.Write(numeric.Mean);
            writer.Write(numeric.Deviation);
        }
        writer.Write(Categories.Count);
        foreach (var (category, column) in Categories.OrderBy(c => c.Key, StringComparer.Ordinal))
        {
            writer.Write(category);
            writer.Write(column);
        }
    }

    public static FeatureGroup Read(BinaryReader reader)
    {
        var name = reader.ReadString();
        NumericFeature? numeric = reader.ReadBoolean() ? new(reader.ReadInt32(), reader.ReadDouble(), reader.ReadDouble()) : null;
        var count = FeatureIndex.Count(reader);
        var categories = new Dictionary<string, int>(StringComparer.Ordinal);
        for (var c = 0; c < count; c++)
        {
            categories.Add(reader.ReadString(), reader.ReadInt32());
        }

        return new(name, categories.ToFrozenDictionary(StringComparer.Ordinal), numeric);
    }
}

/// <summary>A numeric column with the statistics that standardise it.</summary>
internal readonly record struct NumericFeature(int Column, double Mean, double Deviation)
{
    public float Standardise(double number) => (float)Math.Clamp((number - Mean) / Deviation, -FeatureIndex.NumericLimit, FeatureIndex.NumericLimit);
}
