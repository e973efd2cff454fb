using System.Collections.Frozen;
using System.Runtime.InteropServices;

namespace RecService.Engine.Data;

/// <summary>Counts the features of training data and gives each a column.</summary>
/// <remarks>
/// The tags of items and those of interactions are one vocabulary: every tag has a column in <c>tag</c> and one in <c>context.tags</c>, with a linear
/// weight each
/// and latent factors in common, so that a tag that a request names pulls the items that carry it.
/// </remarks>
public sealed class FeatureIndexBuilder
{
    /// <summary>
    /// The context keys that become fields, the most frequent first: pooled vectors have a place for every field, so their number must be bounded.
    /// </summary>
    public const int MaximumContextFields = 64;

    private static readonly string[] AlwaysPresent =
    [
        FeatureWalk.UserField,
        FeatureWalk.ItemField,
        FeatureWalk.TagField,
        FeatureWalk.ContextTagField,
    ];

    private readonly Dictionary<string, GroupCounts> _groups = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, long> _clipped = new(StringComparer.Ordinal);

    /// <summary>
    /// How many numbers the index that was built clips, by group as <see cref="IndexedFeature.Group"/> names it: one for each user and each item that was
    /// counted, and one for each example of a context. Groups of which none is clipped are left out.
    /// </summary>
    public IReadOnlyDictionary<string, long> Clipped => _clipped;

    /// <summary>The groups in which both numbers and texts or booleans were counted, which are different features; in ordinal order.</summary>
    public IReadOnlyList<string> Mixed =>
        [.. _groups.Where(group => group.Value is { Count: > 0, Categories.Count: > 0 }).Select(group => group.Key).Order(StringComparer.Ordinal)];

    /// <summary>Counts a user that occurs in <paramref name="examples"/> training examples.</summary>
    public void CountUser(EntityFeatures user, long examples)
    {
        if (examples <= 0)
        {
            return;
        }

        var sink = new Counter(_groups, examples, values: 1);
        FeatureWalk.User(user, ref sink);
    }

    /// <summary>Counts an item that occurs in <paramref name="examples"/> training examples.</summary>
    public void CountItem(EntityFeatures item, long examples)
    {
        if (examples <= 0)
        {
            return;
        }

        var sink = new Counter(_groups, examples, values: 1);
        FeatureWalk.Item(item, ref sink);
    }

    /// <summary>Counts a context that occurs in <paramref name="examples"/> training examples.</summary>
    public void CountContext(EntityFeatures context, long examples)
    {
        if (examples <= 0)
        {
            return;
        }

        var sink = new Counter(_groups, examples, values: examples);
        FeatureWalk.Context(context, ref sink);
    }

    /// <summary>
    /// Assigns columns: fields in the order user, item, tag, context.tags, those of histories, then the <see cref="MaximumContextFields"/> most frequent
    /// context keys by name; the frequent categories of a group first.
    /// </summary>
    /// <param name="minimumCount">Categories that occur in fewer examples share the <c>other</c> column of their field; numeric columns that do are
    /// left out. At least 1.</param>
    /// <param name="history">Whether items have columns as part of a history.</param>
    /// <param name="repeat">Whether items have columns for coming again, all with the same latent vector, which is to be 0.</param>
    public (FeatureSpace Space, FeatureIndex Index) Build(int minimumCount, bool history = false, bool repeat = false)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(minimumCount, 1);
        _clipped.Clear();
        var ofHistory = CountHistory(history, repeat);
        ShareTags();
        var contextKeys = _groups
            .Where(g => !AlwaysPresent.Concat(ofHistory).Contains(FeatureWalk.FieldOf(g.Key), StringComparer.Ordinal))
            .OrderByDescending(g => g.Value.Total)
            .ThenBy(g => g.Key, StringComparer.Ordinal)
            .Take(MaximumContextFields)
            .Select(g => g.Key);
        string[] fields = [.. AlwaysPresent, .. ofHistory, .. contextKeys.Order(StringComparer.Ordinal)];
        var groupsOf = _groups.ToLookup(g => FeatureWalk.FieldOf(g.Key), StringComparer.Ordinal);
        var columns = new ColumnList();
        var groups = new List<FeatureGroup>();
        for (var field = 0; field < fields.Length; field++)
        {
            int? other = null;
            // Coming again is a matter of weights alone: the columns of the field have one latent vector between them.
            int? lenderOfAll = fields[field] == FeatureWalk.RepeatField ? columns.Count : null;
            foreach (var (name, counts) in groupsOf[fields[field]].OrderBy(g => g.Key, StringComparer.Ordinal))
            {
                // The column of a tag in `tag` comes first; the one in `context.tags` borrows its factor row.
                var lender = name == FeatureWalk.ContextTagField ? groups.Find(g => g.Name == FeatureWalk.TagField) : null;
                var categories = new Dictionary<string, int>(StringComparer.Ordinal);
                foreach (var (category, count) in counts.Categories.OrderByDescending(c => c.Value).ThenBy(c => c.Key, StringComparer.Ordinal))
                {
                    categories.Add(
                        category,
                        count >= minimumCount
                            ? columns.Add(field, lender?.Categories[category] ?? lenderOfAll)
                            : other ??= columns.Add(field, lenderOfAll)
                    );
                }
                NumericFeature? numeric =
                    name == FeatureWalk.RepeatGroup && lenderOfAll is not null ? new(columns.Add(field, lenderOfAll), 0, 1)
                    : counts.Count >= minimumCount && counts.Scale() is { Deviation: > 0 } scale ? Numeric(name, counts, scale, columns.Add(field))
                    : null;
                groups.Add(new(name, categories.ToFrozenDictionary(StringComparer.Ordinal), numeric));
            }
        }
        return (columns.ToSpace(fields), new(groups));
    }

    private NumericFeature Numeric(string group, GroupCounts counts, NumberScale scale, int column)
    {
        if (counts.Clipped(scale) is > 0 and var clipped)
        {
            _clipped.Add(group, clipped);
        }

        return new(column, scale.Mean, scale.Deviation);
    }

    /// <summary>Counts items in the roles of a history as often as in their own; returns the fields that there are for it.</summary>
    private string[] CountHistory(bool history, bool repeat)
    {
        (string Group, string From)[] roles =
        [
            .. history
                ? [
                    ("history.id", FeatureWalk.ItemIdGroup),
                    ("history.tags", FeatureWalk.TagField),
                    ("history.recent.id", FeatureWalk.ItemIdGroup),
                    ("history.recent.tags", FeatureWalk.TagField),
                ]
                : Array.Empty<(string, string)>(),
            .. repeat ? [(FeatureWalk.RepeatIdGroup, FeatureWalk.ItemIdGroup)] : Array.Empty<(string, string)>(),
        ];
        foreach (var (group, from) in roles)
        {
            var categories = Categories(group);
            categories.Clear();
            foreach (var (category, count) in Categories(from))
            {
                categories.Add(category, count);
            }
        }

        if (repeat)
        {
            Categories(FeatureWalk.RepeatGroup).Clear();
        }

        return
        [
            .. history ? [FeatureWalk.HistoryField, FeatureWalk.RecentHistoryField] : Array.Empty<string>(),
            .. repeat ? [FeatureWalk.RepeatField] : Array.Empty<string>(),
        ];
    }

    private void ShareTags()
    {
        var ofItems = Categories(FeatureWalk.TagField);
        var ofContexts = Categories(FeatureWalk.ContextTagField);
        foreach (var (tag, count) in ofContexts)
        {
            CollectionsMarshal.GetValueRefOrAddDefault(ofItems, tag, out _) += count;
        }

        foreach (var (tag, count) in ofItems)
        {
            ofContexts[tag] = count;
        }
    }

    private Dictionary<string, long> Categories(string group)
    {
        ref var counts = ref CollectionsMarshal.GetValueRefOrAddDefault(_groups, group, out _);
        return (counts ??= new()).Categories;
    }

    private sealed class GroupCounts
    {
        /// <summary>By examples, and by what has them.</summary>
        private readonly NumberCounts _numbers = new(),
            _values = new();

        public Dictionary<string, long> Categories { get; } = new(StringComparer.Ordinal);

        /// <summary>Examples that have a number.</summary>
        public long Count => _numbers.Count;

        /// <summary>Occurrences of whatever kind.</summary>
        public long Total => Count + Categories.Values.Sum();

        public void AddNumber(double number, long examples, long values)
        {
            _numbers.Add(number, examples);
            _values.Add(number, values);
        }

        public NumberScale Scale() => NumberScale.Of(_numbers);

        public long Clipped(NumberScale scale) => _values.InOrder().Where(entry => scale.Clips(entry.Number)).Sum(entry => entry.Times);
    }

    private readonly ref struct Counter(Dictionary<string, GroupCounts> groups, long examples, long values) : IFeatureSink
    {
        public void Category(string group, string category, float value) =>
            CollectionsMarshal.GetValueRefOrAddDefault(Group(group).Categories, category, out _) += examples;

        public void Number(string group, double number) => Group(group).AddNumber(number, examples, values);

        private GroupCounts Group(string name)
        {
            ref var group = ref CollectionsMarshal.GetValueRefOrAddDefault(groups, name, out _);
            return group ??= new();
        }
    }

    private sealed class ColumnList
    {
        private readonly List<int> _fields = [];
        private readonly List<int> _factors = [];
        private int _factorCount;

        public int Count => _fields.Count;

        /// <param name="field">The field of the column.</param>
        /// <param name="lendingColumn">The column whose latent vector it has, too; a vector of its own where there is none or no such column yet.</param>
        public int Add(int field, int? lendingColumn = null)
        {
            _fields.Add(field);
            _factors.Add(lendingColumn < _factors.Count ? _factors[lendingColumn.Value] : _factorCount++);
            return _fields.Count - 1;
        }

        public FeatureSpace ToSpace(string[] fields) => new(fields, [.. _fields], _factorCount == _fields.Count ? null : [.. _factors]);
    }
}
