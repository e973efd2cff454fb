using RecService.Api.Models;
using RecService.Api.Publishing;
using RecService.Engine.Data;

namespace RecService.Api.Scoring;

/// <summary>
/// Builds the rows that requests are scored by. The columns of user and context come first, then those of the item: the order that ranking uses, so
/// that sums are equal to the bit.
/// </summary>
internal static class RequestRows
{
    /// <summary>
    /// The columns of a user and the circumstances. A user that the store does not know contributes nothing, whatever the model remembers of the id.
    /// </summary>
    public static RowBuffer ForRequest(LoadedModel model, EntityFeatures? user, EntityFeatures context)
    {
        var row = new RowBuffer();
        if (user is not null)
        {
            model.Index.AppendUser(user, row);
        }

        model.Index.AppendContext(context, row);
        return row;
    }

    /// <summary>Replaces what <paramref name="joined"/> holds by a request's columns and those of an item of the snapshot.</summary>
    public static void Join(RowBuffer joined, RowBuffer request, RankingModel model, int item)
    {
        joined.Clear();
        joined.Append(request.Row);
        joined.Append(model.ItemRows[item]);
    }

    /// <summary>Replaces what <paramref name="joined"/> holds by a request's columns and those of an item given by its features.</summary>
    public static void Join(RowBuffer joined, RowBuffer request, LoadedModel model, EntityFeatures? item)
    {
        joined.Clear();
        joined.Append(request.Row);
        if (item is not null)
        {
            model.Index.AppendItem(item, joined);
        }
    }
}
