using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using RecService.Api.Tests.Fixtures;

namespace RecService.Api.Tests.Scoring;

public sealed class CrossFeatureTests(TrainedService service) : IClassFixture<TrainedService>
{
    [Theory]
    [InlineData("cross", "(40, 8)")]
    [InlineData("pooled", "(40, 6, 8)")]
    public async Task The_npy_array_holds_what_the_JSON_says(string part, string shape)
    {
        var random = new Random(3);
        var rows = new JsonArray([
            .. Enumerable
                .Range(0, 40)
                .Select(_ =>
                {
                    var row = TrainedService.RandomRequest(random);
                    row["itemId"] = TrainedService.Item(random.Next(TrainedService.Items));
                    return (JsonNode)row;
                }),
        ]);

        var json = await service.Client.PostJsonAsync("/v1/cross-features", new JsonObject { ["rows"] = rows.DeepClone() });
        using var request = new HttpRequestMessage(HttpMethod.Post, $"/v1/cross-features?part={part}")
        {
            Content = JsonContent.Create(new JsonObject { ["rows"] = rows }),
        };
        request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("application/x-npy"));
        using var answer = await service.Client.SendAsync(request);

        answer.StatusCode.ShouldBe(HttpStatusCode.OK);
        answer.Content.Headers.ContentType?.MediaType.ShouldBe("application/x-npy");
        answer.Headers.GetValues("X-Model-Version").ShouldBe([$"{service.ModelVersion}"]);
        var fields = json.GetProperty("fields").EnumerateArray().Select(f => f.GetString()!).ToList();
        fields.ShouldBe(["user", "item", "tag", "context.tags", "context.device", "context.hour"]);
        answer.Headers.GetValues("X-Fields").ShouldBe([string.Join(',', fields)]);
        var bytes = await answer.Content.ReadAsByteArrayAsync();
        var header = 10 + BitConverter.ToUInt16(bytes, 8);
        Encoding.ASCII.GetString(bytes, 10, header - 10).ShouldContain($"'shape': {shape}");
        var numbers = Enumerable.Range(0, (bytes.Length - header) / 4).Select(i => BitConverter.ToSingle(bytes, header + (4 * i)));
        numbers.ShouldBe(
            json.GetProperty("rows")
                .EnumerateArray()
                .SelectMany(row =>
                    part == "cross"
                        ? row.GetProperty("crossVector").EnumerateArray().Select(n => n.GetSingle())
                        : fields.SelectMany(f => row.GetProperty("pooled").GetProperty(f).EnumerateArray().Select(n => n.GetSingle()))
                )
        );
    }

    [Theory]
    [InlineData("/v1/recommendations", """{"userId": "u001", CONTEXT}""", "items")]
    [InlineData("/v1/scores", """{"userId": "u001", "itemIds": ["i001", "i002"], CONTEXT}""", "items")]
    [InlineData("/v1/cross-features", """{"rows": [{"userId": "u001", "itemId": "i001", CONTEXT}]}""", "rows")]
    public async Task A_null_in_a_context_is_as_if_the_name_were_not_there(string path, string body, string scored)
    {
        var absent = await AnswerAsync("\"context\": {\"device\": \"phone\"}");

        (await AnswerAsync("\"context\": {\"device\": \"phone\", \"hour\": null, \"tags\": null, \"no name\": null}")).ShouldBe(absent);
        (await AnswerAsync("\"context\": {\"device\": \"phone\", \"hour\": 3}")).ShouldNotBe(absent);

        async Task<string> AnswerAsync(string context) =>
            (await service.Client.SendTextAsync(HttpMethod.Post, path, body.Replace("CONTEXT", context, StringComparison.Ordinal)))
                .GetProperty(scored)
                .GetRawText();
    }

    [Fact]
    public async Task A_cross_vector_is_the_sum_of_the_products_of_pooled_vectors()
    {
        var json = await service.Client.PostJsonAsync(
            "/v1/cross-features",
            new JsonObject
            {
                ["rows"] = new JsonArray(
                    new JsonObject
                    {
                        ["userId"] = TrainedService.User(1),
                        ["itemId"] = TrainedService.Item(2),
                        ["context"] = new JsonObject { ["device"] = "phone" },
                    }
                ),
            }
        );

        var row = json.GetProperty("rows")[0];
        var pooled = row.GetProperty("pooled").EnumerateObject().Select(f => f.Value.EnumerateArray().Select(n => n.GetDouble()).ToArray()).ToList();
        for (var d = 0; d < 8; d++)
        {
            var expected = Enumerable.Range(0, pooled.Count).Sum(f => Enumerable.Range(0, f).Sum(g => pooled[f][d] * pooled[g][d]));
            row.GetProperty("crossVector")[d].GetDouble().ShouldBe(expected, 1e-5);
        }
    }

    [Theory]
    [InlineData("application/json, application/x-npy;q=0.5", "application/json")]
    [InlineData("application/x-npy, application/json;q=0.5", "application/x-npy")]
    [InlineData("application/x-npy;q=0", "application/json")]
    [InlineData("*/*", "application/json")]
    public async Task The_format_is_the_one_that_the_caller_likes_best(string accept, string mediaType)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/cross-features")
        {
            Content = JsonContent.Create(new { rows = new[] { new { itemId = "i001" } } }),
        };
        request.Headers.Accept.ParseAdd(accept);

        using var answer = await service.Client.SendAsync(request);

        answer.Content.Headers.ContentType?.MediaType.ShouldBe(mediaType);
        answer.Headers.Vary.ShouldContain("Accept");
    }

    [Fact]
    public async Task Rows_and_part_are_checked()
    {
        using var none = await service.Client.PostAsJsonAsync("/v1/cross-features", new { rows = Array.Empty<object>() });
        using var part = await service.Client.PostAsJsonAsync("/v1/cross-features?part=all", new { rows = new[] { new { userId = "a" } } });
        using var id = await service.Client.PostAsJsonAsync(
            "/v1/cross-features",
            new { rows = new object[] { new { userId = "a" }, new { itemId = "" } } }
        );

        (await FieldsAsync(none)).ShouldBe(["rows"]);
        (await FieldsAsync(part)).ShouldBe(["part"]);
        (await FieldsAsync(id)).ShouldBe(["rows[1].itemId"]);
    }

    private static async Task<IEnumerable<string>> FieldsAsync(HttpResponseMessage answer)
    {
        answer.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
        return (await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("errors").EnumerateObject().Select(e => e.Name).ToList();
    }
}
