using System.Collections.Frozen;

namespace RecService.Engine.Data;

/// <summary>The names behind the columns of a model: turns users, items and contexts into rows. Immutable and safe for concurrent use.</summary>
/// <remarks>
/// Categories below the minimum count lead to the <c>other</c> column of their field; those that training never saw have no column and are left out.
/// Numbers are standardised with the mean and deviation seen in training and clipped to ±<see cref="NumericLimit"/> deviations.
/// </remarks>
public sealed class FeatureIndex
{
    /// <summary>Standardised numbers are clipped to this many standard deviations, so that no single wild input can dominate a score.</summary>
    public const float NumericLimit = 10;

    private readonly FrozenDictionary<string, FeatureGroup> _groups;

    internal FeatureIndex(IEnumerable<FeatureGroup> groups) => _groups = groups.ToFrozenDictionary(g => g.Name, StringComparer.Ordinal);

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
            group.Write(writer);
    }

    /// <summary>Reads what <see cref="Write"/> wrote.</summary>
    /// <exception cref="InvalidDataException">A count is negative.</exception>
    public static FeatureIndex Read(BinaryReader reader)
    {
        // A list, so that a count that a damaged file invents allocates nothing.
        var groups = new List<FeatureGroup>();
        for (var left = Count(reader); left > 0; left--)
            groups.Add(FeatureGroup.Read(reader));
        return new(groups);
    }

    internal static int Count(BinaryReader reader) =>
        reader.ReadInt32() is >= 0 and var count ? count : throw new InvalidDataException("A feature index holds a negative count.");

    private readonly ref struct Encoder(FrozenDictionary<string, FeatureGroup> groups, RowBuffer row) : IFeatureSink
    {
        public void Category(string group, string category, float value)
        {
            if (groups.TryGetValue(group, out var known) && known.Categories.TryGetValue(category, out var column))
                row.Add(column, value);
        }

        public void Number(string group, double number)
        {
            if (groups.TryGetValue(group, out var known) && known.Numeric is { } numeric)
                row.Add(numeric.Column, numeric.Standardise(number));
        }
    }
}

/// <summary>The features that share a name: the categories of an attribute and, where numbers occur, its numeric column.</summary>
internal sealed record FeatureGroup(string Name, FrozenDictionary<string, int> Categories, NumericFeature? Numeric)
{
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
            categories.Add(reader.ReadString(), reader.ReadInt32());
        return new(name, categories.ToFrozenDictionary(StringComparer.Ordinal), numeric);
    }
}

/// <summary>A numeric column with the statistics that standardise it.</summary>
internal readonly record struct NumericFeature(int Column, double Mean, double Deviation)
{
    public float Standardise(double number) => (float)Math.Clamp((number - Mean) / Deviation, -FeatureIndex.NumericLimit, FeatureIndex.NumericLimit);
}
