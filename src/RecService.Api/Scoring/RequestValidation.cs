using RecService.Api.Domain;
using RecService.Engine.Data;

namespace RecService.Api.Scoring;

/// <summary>Checks what scoring requests hold and names the fields that are wrong.</summary>
internal static class RequestValidation
{
    public const int DefaultCount = 10;
    public const int MaximumCount = 1_000;

    private const int MaximumCandidates = 10_000;
    private const int MaximumRows = 10_000;

    public static void Count(FieldErrors errors, int count)
    {
        if (count is < 1 or > MaximumCount)
        {
            errors.Add("count", $"must be from 1 to {MaximumCount}");
        }
    }

    /// <summary>An id that may be absent.</summary>
    public static void Id(FieldErrors errors, string field, string? id)
    {
        if (id is not null && ExternalId.Problem(id) is { } problem)
        {
            errors.Add(field, problem);
        }
    }

    /// <summary>Ids that may be absent.</summary>
    public static void Ids(FieldErrors errors, string field, string[]? ids, int most)
    {
        if (ids?.Length > most)
        {
            errors.Add(field, $"must hold at most {most} ids");
            return;
        }

        for (var i = 0; i < ids?.Length; i++)
        {
            if (ExternalId.Problem(ids[i]) is { } problem)
            {
                errors.Add($"{field}[{i}]", problem);
            }
        }
    }

    /// <summary>The caller's own candidates.</summary>
    public static void Candidates(FieldErrors errors, string field, string[]? ids)
    {
        if (ids is not { Length: > 0 })
        {
            errors.Add(field, "must name at least one candidate");
            return;
        }

        Ids(errors, field, ids, MaximumCandidates);
        if (ids.Length <= MaximumCandidates && ids.Distinct(StringComparer.Ordinal).Count() != ids.Length)
        {
            errors.Add(field, "must be distinct");
        }
    }

    /// <summary>The circumstances of each row.</summary>
    public static EntityFeatures[] Rows(FieldErrors errors, string field, CrossFeatureInput[]? rows)
    {
        if (rows is not { Length: > 0 and <= MaximumRows })
        {
            errors.Add(field, $"must hold from 1 to {MaximumRows} rows");
            return [];
        }

        var contexts = new EntityFeatures[rows.Length];
        for (var r = 0; r < rows.Length; r++)
        {
            if (rows[r] is not { } row)
            {
                errors.Add($"{field}[{r}]", "must be an object");
                continue;
            }

            var prefix = $"{field}[{r}].";
            Id(errors, prefix + "userId", row.UserId);
            Id(errors, prefix + "itemId", row.ItemId);
            contexts[r] = Context(errors, prefix, row.Context, row.Tags);
        }

        return contexts;
    }

    /// <summary>Tags and context of a request as features; errors name them after the prefix.</summary>
    public static EntityFeatures Context(FieldErrors errors, string prefix, Dictionary<string, AttributeValue>? context, string[]? tags)
    {
        var distinct = Features.Tags(errors, prefix + "tags", tags);
        var values = Features.ContextValues(errors, prefix + "context", context);
        return EntityFeatures.Create(id: null, distinct, values.Select(v => KeyValuePair.Create(v.Key, ToEngine(v.Value))));
    }

    /// <summary>What answers may be asked to tell in addition.</summary>
    public static void Include(FieldErrors errors, string[]? include)
    {
        for (var i = 0; i < include?.Length; i++)
        {
            if (include[i] is not (ScoreDetails.ExplanationPart or ScoreDetails.CrossVectorPart))
            {
                errors.Add($"include[{i}]", $"must be one of {ScoreDetails.ExplanationPart}, {ScoreDetails.CrossVectorPart}");
            }
        }
    }

    private static FeatureValue ToEngine(AttributeValue value) =>
        value.Kind switch
        {
            AttributeValueKind.Text => FeatureValue.Of(value.Text),
            AttributeValueKind.Number => FeatureValue.Of(value.Number),
            AttributeValueKind.Flag => FeatureValue.Of(value.Flag),
            _ => FeatureValue.Of(value.Texts),
        };
}
