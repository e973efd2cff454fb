using RecService.Api.Models;
using RecService.Api.Publishing;
using RecService.Engine.Data;

namespace RecService.Api.Scoring;

/// <summary>A request in the terms of a model, before the columns of an item are joined to it.</summary>
/// <param name="Columns">The columns of user, circumstances and history.</param>
/// <param name="History">What was done before.</param>
/// <param name="Personalization">What the columns rest on, in the words of the contract.</param>
internal sealed record RequestRow(RowBuffer Columns, RequestHistory History, string Personalization)
{
    public const string ByHistory = "history";
    public const string ByAttributes = "attributes";
    public const string ByContext = "context";
    public const string ByNothing = "none";
}

/// <summary>
/// Builds the rows that requests are scored by. The columns of user, context and history come first, then those of the item: the order that ranking uses, so
/// that sums are equal to the bit.
/// </summary>
internal static class RequestRows
{
    /// <summary>
    /// The columns of a user, the circumstances and what was done before. A user that the store does not know contributes nothing, whatever the model remembers of the id.
    /// </summary>
    public static RequestRow ForRequest(LoadedModel model, EntityFeatures? user, EntityFeatures context, RequestHistory history)
    {
        var row = new RowBuffer();
        if (user is not null)
        {
            model.Index.AppendUser(user, row);
        }

        var ofUser = row.Count;
        model.Index.AppendContext(context, row);
        var personalization =
            !history.Pooled.IsEmpty ? RequestRow.ByHistory
            : ofUser > 0 ? RequestRow.ByAttributes
            : row.Count > 0 ? RequestRow.ByContext
            : RequestRow.ByNothing;
        row.Append(history.Pooled.Row);
        return new(row, history, personalization);
    }

    /// <summary>Replaces what <paramref name="joined"/> holds by a request's columns and those of an item of the snapshot.</summary>
    public static void Join(RowBuffer joined, RequestRow request, RankingModel model, int item, string itemId)
    {
        joined.Clear();
        joined.Append(request.Columns.Row);
        joined.Append(model.ItemRows[item]);
        if (model.Roles?.Repeat is { } repeat && request.History.RepeatOf(itemId) is not 0 and var value)
        {
            AppendTimes(joined, repeat[item], value);
        }
    }

    /// <summary>Replaces what <paramref name="joined"/> holds by a request's columns and those of an item given by its features.</summary>
    public static void Join(RowBuffer joined, RequestRow request, LoadedModel model, EntityFeatures? item)
    {
        joined.Clear();
        joined.Append(request.Columns.Row);
        if (item is null)
        {
            return;
        }

        model.Index.AppendItem(item, joined);
        if (request.History.RepeatOf(item.Id!) is not 0 and var value)
        {
            var repeat = new RowBuffer();
            model.Index.AppendRepeat(item, repeat);
            AppendTimes(joined, repeat.Row, value);
        }
    }

    private static void AppendTimes(RowBuffer joined, SparseRow row, float factor)
    {
        for (var e = 0; e < row.Length; e++)
        {
            joined.Add(row.Columns[e], factor * row.ValueAt(e));
        }
    }
}
