using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using RecService.Api.Http.Bulk;
using RecService.Api.Interactions;
using RecService.Api.Tests.Fixtures;

namespace RecService.Api.Tests.Interactions;

/// <summary>An interaction as tests send it.</summary>
internal sealed record Late(string UserId, string ItemId, string? InteractionId = null, string Type = "view");

/// <summary>Why one was not stored.</summary>
internal sealed record LateError(int Place, string Field, string Reason);

/// <summary>What became of them.</summary>
internal sealed record LateResponse(long Accepted, long Duplicates, long Rejected, LateError[] Errors);

/// <summary>The same interactions in every way in.</summary>
internal static class LateInteractions
{
    public const string Deleted = "was deleted; PUT or import the item to have it back";
    public const string Unknown = "is not known";

    /// <summary>A few rows, a whole set, NDJSON, CSV.</summary>
    public static TheoryData<string> Ways => ["direct", "whole", "ndjson", "csv"];

    /// <summary>Makes what all requests of <see cref="SendAsync"/> have besides.</summary>
    public static async Task PrepareAsync(HttpClient client)
    {
        await client.PutAsJsonAsync("/v1/users/known", new { });
        await client.PutAsJsonAsync("/v1/items/known", new { });
    }

    /// <summary>Sends them with others that are valid behind them, which are not counted.</summary>
    public static async Task<LateResponse> SendAsync(this HttpClient client, string way, params Late[] rows)
    {
        var others = way is "direct" ? 1 : DirectInsert.MaxRows;
        Late[] all = [.. rows, .. Enumerable.Repeat(new Late("known", "known"), others)];
        var response = way switch
        {
            "ndjson" => await client.SendTextAsync(
                HttpMethod.Post,
                "/v1/interactions/import",
                string.Join('\n', all.Select(row => JsonSerializer.Serialize(row, JsonSerializerOptions.Web))),
                NdJson.MediaType
            ),
            "csv" => await client.SendTextAsync(
                HttpMethod.Post,
                "/v1/interactions/import",
                string.Join(
                    '\n',
                    all.Select(row => $"{row.UserId},{row.ItemId},{row.InteractionId},{row.Type}").Prepend("userId,itemId,interactionId,type")
                ),
                Csv.MediaType
            ),
            _ => await client.PostJsonAsync("/v1/interactions", new { interactions = all }),
        };
        var (position, first) = way switch
        {
            "ndjson" => ("line", 1),
            "csv" => ("line", 2),
            _ => ("index", 0),
        };
        return new(
            response.GetProperty("accepted").GetInt64() - others,
            response.GetProperty("duplicates").GetInt64(),
            response.GetProperty("rejected").GetInt64(),
            [
                .. response
                    .GetProperty("errors")
                    .EnumerateArray()
                    .Select(error => new LateError(
                        error.GetProperty(position).GetInt32() - first,
                        error.GetProperty("field").GetString()!,
                        error.GetProperty("reason").GetString()!
                    )),
            ]
        );
    }

    public static Task DeleteItemAsync(this HttpClient client, string itemId) =>
        client.DeleteJsonAsync($"/v1/items/{itemId}", HttpStatusCode.NoContent);

    public static async Task<bool> HasAsync(this HttpClient client, string kind, string id)
    {
        using var response = await client.GetAsync(new Uri(string.Create(CultureInfo.InvariantCulture, $"/v1/{kind}/{id}"), UriKind.Relative));
        response.StatusCode.ShouldBeOneOf(HttpStatusCode.OK, HttpStatusCode.NotFound);
        return response.StatusCode == HttpStatusCode.OK;
    }
}
