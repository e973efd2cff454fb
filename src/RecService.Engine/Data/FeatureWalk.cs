namespace RecService.Engine.Data;

/// <summary>Receives the features of an entity one after the other.</summary>
internal interface IFeatureSink
{
    /// <summary>A category of a group, present with the given value.</summary>
    void Category(string group, string category, float value);

    /// <summary>The number of a numeric group.</summary>
    void Number(string group, double number);
}

/// <summary>
/// Names the features of users, items and contexts. Training and scoring both go through here, so a feature means the same to both.
/// </summary>
internal static class FeatureWalk
{
    public const string UserField = "user";
    public const string ItemField = "item";
    public const string TagField = "tag";
    public const string ContextTagField = "context.tags";
    public const string UserIdGroup = "user.id";
    public const string ItemIdGroup = "item.id";
    public const string HistoryField = "history";
    public const string RecentHistoryField = "history.recent";
    public const string RepeatField = "repeat";

    /// <summary>The number whose weight every item has in common when it comes again.</summary>
    public const string RepeatGroup = RepeatField;

    public const string RepeatIdGroup = "repeat.id";

    private const string ContextPrefix = "context.";

    /// <summary>
    /// The field that the features of a group are pooled in: groups of users, of items and of histories join one field, every other group is a field of
    /// its own.
    /// </summary>
    public static string FieldOf(string group) =>
        group.StartsWith("user.", StringComparison.Ordinal) ? UserField
        : group.StartsWith("item.", StringComparison.Ordinal) ? ItemField
        : group switch
        {
            "history.id" or "history.tags" => HistoryField,
            "history.recent.id" or "history.recent.tags" => RecentHistoryField,
            RepeatIdGroup => RepeatField,
            _ => group,
        };

    /// <summary>The user's id, tags and attributes, all in field <c>user</c>.</summary>
    public static void User<TSink>(EntityFeatures user, ref TSink sink)
        where TSink : IFeatureSink, allows ref struct
    {
        if (user.Id is not null)
        {
            sink.Category(UserIdGroup, user.Id, 1);
        }

        Several("user.tags", user.Tags, ref sink);
        Values("user.attributes.", user.Values, ref sink);
    }

    /// <summary>The item's id and attributes in field <c>item</c>, its tags in field <c>tag</c>.</summary>
    public static void Item<TSink>(EntityFeatures item, ref TSink sink)
        where TSink : IFeatureSink, allows ref struct
    {
        if (item.Id is not null)
        {
            sink.Category(ItemIdGroup, item.Id, 1);
        }

        Values("item.attributes.", item.Values, ref sink);
        Several(TagField, item.Tags, ref sink);
    }

    /// <summary>What an item is as part of a history: its id and its tags, in a field of histories.</summary>
    public static void History<TSink>(string field, EntityFeatures item, ref TSink sink)
        where TSink : IFeatureSink, allows ref struct
    {
        var (idGroup, tagGroup) = field == HistoryField ? ("history.id", "history.tags") : ("history.recent.id", "history.recent.tags");
        if (item.Id is not null)
        {
            sink.Category(idGroup, item.Id, 1);
        }

        Several(tagGroup, item.Tags, ref sink);
    }

    /// <summary>What an item is when it comes again, once.</summary>
    public static void Repeat<TSink>(EntityFeatures item, ref TSink sink)
        where TSink : IFeatureSink, allows ref struct
    {
        sink.Number(RepeatGroup, 1);
        if (item.Id is not null)
        {
            sink.Category(RepeatIdGroup, item.Id, 1);
        }
    }

    /// <summary>The tags of an interaction or request in field <c>context.tags</c>, each context key in a field of its own.</summary>
    public static void Context<TSink>(EntityFeatures context, ref TSink sink)
        where TSink : IFeatureSink, allows ref struct
    {
        Several(ContextTagField, context.Tags, ref sink);
        Values(ContextPrefix, context.Values, ref sink);
    }

    private static void Several<TSink>(string group, IReadOnlyList<string> categories, ref TSink sink)
        where TSink : IFeatureSink, allows ref struct
    {
        if (categories.Count == 0)
        {
            return;
        }

        var value = 1 / MathF.Sqrt(categories.Count);
        foreach (var category in categories)
        {
            sink.Category(group, category, value);
        }
    }

    private static void Values<TSink>(string prefix, IReadOnlyList<KeyValuePair<string, FeatureValue>> values, ref TSink sink)
        where TSink : IFeatureSink, allows ref struct
    {
        foreach (var (key, value) in values)
        {
            var group = prefix + key;
            if (value.IsNumber)
            {
                sink.Number(group, value.Number);
                continue;
            }
            var texts = value.Texts;
            foreach (var text in texts)
            {
                sink.Category(group, text, 1 / MathF.Sqrt(texts.Length));
            }
        }
    }
}
