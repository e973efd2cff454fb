using RecService.Api.Http;
using RecService.Engine.Data;
using FeatureValue = RecService.Api.Http.FeatureValue;

namespace RecService.Api.Scoring;

/// <summary>Checks what scoring requests hold and names the fields that are wrong.</summary>
internal static class ScoringValidation
{
    public const int DefaultCount = 10;

    private const int MaximumCount = 1_000;
    private const int MaximumCandidates = 10_000;
    private const int MaximumRows = 10_000;
    private const int MaximumFilterEntries = 10_000;

    public static void Count(int count, FieldErrors errors)
    {
        if (count is < 1 or > MaximumCount)
        {
            errors.Add("count", $"must lie between 1 and {MaximumCount}.");
        }
    }

    /// <summary>The number of items asked for.</summary>
    public static int Recommendation(RecommendationRequest request, FieldErrors errors)
    {
        var count = request.Count ?? DefaultCount;
        Count(count, errors);
        Id(request.UserId, "userId", errors);
        Include(request.Include, errors);
        if (request.Filter is { } filter)
        {
            Features.Tags(errors, "filter.anyTags", filter.AnyTags);
            Features.Tags(errors, "filter.allTags", filter.AllTags);
            Features.Tags(errors, "filter.noTags", filter.NoTags);
            Ids(filter.ItemIds, "filter.itemIds", MaximumFilterEntries, errors);
            Ids(filter.ExcludeItemIds, "filter.excludeItemIds", MaximumFilterEntries, errors);
        }
        return count;
    }

    public static void Score(ScoreRequest request, FieldErrors errors)
    {
        Id(request.UserId, "userId", errors);
        Include(request.Include, errors);
        if (request.ItemIds is not { Length: > 0 } ids)
        {
            errors.Add("itemIds", "must name at least one candidate.");
        }
        else if (Ids(ids, "itemIds", MaximumCandidates, errors) && ids.Distinct(StringComparer.Ordinal).Count() != ids.Length)
        {
            errors.Add("itemIds", "must be distinct.");
        }
    }

    /// <summary>The circumstances of each row.</summary>
    public static EntityFeatures[] Rows(CrossFeatureRow[]? rows, FieldErrors errors)
    {
        if (rows is not { Length: > 0 and <= MaximumRows })
        {
            errors.Add("rows", $"must hold 1 to {MaximumRows} rows.");
            return [];
        }
        var contexts = new EntityFeatures[rows.Length];
        for (var r = 0; r < rows.Length; r++)
        {
            var prefix = $"rows[{r}].";
            if (rows[r] is not { } row)
            {
                errors.Add($"rows[{r}]", "must be an object.");
                continue;
            }
            Id(row.UserId, prefix + "userId", errors);
            Id(row.ItemId, prefix + "itemId", errors);
            contexts[r] = Context(row.Context, row.Tags, prefix, errors);
        }
        return contexts;
    }

    /// <summary>Tags and context of a request as features; </summary>
    public static EntityFeatures Context(Dictionary<string, FeatureValue>? context, string[]? tags, string prefix, FieldErrors errors)
    {
        var distinct = Features.Tags(errors, prefix + "tags", tags);
        var values = Features.ContextValues(errors, prefix + "context", context);
        return EntityFeatures.Create(id: null, distinct, values.Select(v => KeyValuePair.Create(v.Key, ToEngine(v.Value))));
    }

    private static Engine.Data.FeatureValue ToEngine(FeatureValue value) =>
        value.Kind switch
        {
            FeatureValueKind.Text => Engine.Data.FeatureValue.Of(value.Text),
            FeatureValueKind.Number => Engine.Data.FeatureValue.Of(value.Number),
            FeatureValueKind.Flag => Engine.Data.FeatureValue.Of(value.Flag),
            _ => Engine.Data.FeatureValue.Of(value.Texts),
        };

    private static void Id(string? id, string field, FieldErrors errors)
    {
        if (id is not null && ExternalId.Problem(id) is { } problem)
        {
            errors.Add(field, problem);
        }
    }

    private static bool Ids(string[]? ids, string field, int most, FieldErrors errors)
    {
        if (ids is null)
        {
            return true;
        }

        if (ids.Length > most)
        {
            errors.Add(field, $"must hold at most {most} ids.");
            return false;
        }
        for (var i = 0; i < ids.Length; i++)
        {
            if (ExternalId.Problem(ids[i]) is { } problem)
            {
                errors.Add($"{field}[{i}]", problem);
            }
        }
        return true;
    }

    private static void Include(string[]? include, FieldErrors errors)
    {
        for (var i = 0; i < include?.Length; i++)
        {
            if (include[i] is not (ScoreDetails.ExplanationPart or ScoreDetails.CrossVectorPart))
            {
                errors.Add($"include[{i}]", $"must be '{ScoreDetails.ExplanationPart}' or '{ScoreDetails.CrossVectorPart}'.");
            }
        }
    }
}
