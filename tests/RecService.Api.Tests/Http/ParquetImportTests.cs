using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Parquet.Schema;
using RecService.Api.Tests.Fixtures;

namespace RecService.Api.Tests.Http;

public sealed class ParquetImportTests(ParquetImportTests.Service service) : IClassFixture<ParquetImportTests.Service>
{
    private static readonly DataField ItemId = new("itemId", typeof(string), isNullable: false);

    [Fact]
    public async Task Interactions_have_the_columns_of_csv_in_types_of_their_own()
    {
        var file = await ParquetFiles.WriteAsync(
            (new DataField("user", typeof(long), isNullable: false), new[] { 9_007_199_254_740_993, 2L }),
            (ItemId, new[] { "a", "b" }),
            (new DataField("value", typeof(float), isNullable: false), new[] { 0.1f, 4f }),
            (new DataField<long>("occurredAt", nullable: true), new long?[] { 964_982_703, null }),
            (new ListField("tags", new DataField<string>("element")), new[] { ["x", "y"], Array.Empty<string>() }),
            (new DataField("context.device", typeof(string), isNullable: true), new[] { "phone", null }),
            (new DataField("context.hour", typeof(double), isNullable: true), new double?[] { 7.5, null }),
            (new DataField("context.new", typeof(bool), isNullable: false), new[] { true, false }),
            (new DataField("note", typeof(string), isNullable: true), new[] { "not read", null })
        );

        var result = await ImportAsync("interactions", file, "?userId=user&ignore=note&type==view");

        result.GetProperty("accepted").GetInt64().ShouldBe(2);
        var first = (await service.Client.GetJsonAsync("/v1/interactions?userId=9007199254740993")).GetProperty("interactions")[0];
        first.GetProperty("value").GetDouble().ShouldBe(0.1);
        first.GetProperty("occurredAt").GetString().ShouldBe("2000-07-30T18:45:03Z");
        first.GetProperty("tags").Deserialize<string[]>().ShouldBe(["x", "y"]);
        first.GetProperty("context").GetProperty("device").GetString().ShouldBe("phone");
        first.GetProperty("context").GetProperty("hour").GetDouble().ShouldBe(7.5);
        first.GetProperty("context").GetProperty("new").GetBoolean().ShouldBeTrue();
        var second = (await service.Client.GetJsonAsync("/v1/interactions?userId=2")).GetProperty("interactions")[0];
        second.GetProperty("tags").GetArrayLength().ShouldBe(0);
        second.GetProperty("context").EnumerateObject().Select(key => key.Name).ShouldBe(["new"]);
    }

    [Fact]
    public async Task Times_may_be_timestamps_and_dates_and_an_object_may_be_json()
    {
        var time = new DateTime(2024, 2, 29, 1, 2, 3, 4, 5, DateTimeKind.Utc);
        var instants = await ParquetFiles.WriteAsync(
            (ItemId, new[] { "a" }),
            (new DateTimeDataField("occurredAt", DateTimeFormat.Timestamp, isAdjustedToUTC: true, DateTimeTimeUnit.Micros, isNullable: false), new[] { time }),
            (new DataField("context", typeof(string), isNullable: true), new[] { """{"device": "phone"}""" })
        );
        var dates = await ParquetFiles.WriteAsync(
            (ItemId, new[] { "b" }),
            (new DataField("occurredAt", typeof(DateOnly), isNullable: false), new[] { new DateOnly(2024, 2, 29) })
        );

        await ImportAsync("interactions", instants, "?userId==timely&type==view");
        await ImportAsync("interactions", dates, "?userId==timely&type==view");

        var stored = (await service.Client.GetJsonAsync("/v1/interactions?userId=timely")).GetProperty("interactions");
        stored.EnumerateArray().Select(each => each.GetProperty("occurredAt").GetString()).ShouldBe(["2024-02-29T00:00:00Z", "2024-02-29T01:02:03.004005Z"]);
        stored[1].GetProperty("context").GetProperty("device").GetString().ShouldBe("phone");
    }

    [Fact]
    public async Task Users_and_items_import_and_bad_rows_are_named()
    {
        var items = await ParquetFiles.WriteAsync(
            (ItemId, new[] { "p-1", "", "p-3" }),
            (new DataField("tags", typeof(string), isNullable: true), new[] { "a|b", null, null }),
            (new DataField("attributes.year", typeof(double), isNullable: true), new double?[] { 1990, 1, double.NaN }),
            (new DataField("available", typeof(bool), isNullable: false), new[] { false, true, true }),
            (new DataField("metadata.title", typeof(string), isNullable: true), new[] { "Größe", null, null })
        );
        var users = await ParquetFiles.WriteAsync(
            (new DataField("userId", typeof(string), isNullable: false), new[] { "p-user" }),
            (new DataField("attributes", typeof(string), isNullable: true), new[] { """{"age": 34}""" })
        );

        var result = await ImportAsync("items", items);
        (await ImportAsync("users", users)).GetProperty("accepted").GetInt64().ShouldBe(1);

        result.GetProperty("accepted").GetInt64().ShouldBe(1);
        result
            .GetProperty("errors")
            .EnumerateArray()
            .Select(error => (error.GetProperty("line").GetInt64(), error.GetProperty("field").GetString()))
            .ShouldBe([(2, "itemId"), (3, "attributes.year")]);
        var item = await service.Client.GetJsonAsync("/v1/items/p-1");
        item.GetProperty("tags").Deserialize<string[]>().ShouldBe(["a", "b"]);
        item.GetProperty("available").GetBoolean().ShouldBeFalse();
        item.GetProperty("metadata").GetProperty("title").GetString().ShouldBe("Größe");
        (await service.Client.GetJsonAsync("/v1/users/p-user")).GetProperty("attributes").GetProperty("age").GetDouble().ShouldBe(34);
    }

    [Fact]
    public async Task What_is_no_file_is_refused_wherever_it_is_broken()
    {
        var file = await ParquetFiles.WriteAsync((ItemId, Enumerable.Range(0, 300).Select(i => $"broken-{i}").ToArray()));
        var random = new Random(1);
        foreach (var body in (byte[][])[[], "PAR1"u8.ToArray(), Encoding.UTF8.GetBytes(new string('x', 100)), file[..^9], file[10..]])
        {
            (await ImportAsync("items", body, expected: HttpStatusCode.BadRequest)).Errors()["$"].Single().ShouldBe("is no Parquet file that can be read");
        }

        for (var i = 0; i < 200; i++)
        {
            var damaged = (byte[])file.Clone();
            damaged[random.Next(4, damaged.Length)] = (byte)random.Next(256);
            using var response = await SendAsync("items", damaged, "");
            ((int)response.StatusCode).ShouldBeOneOf(200, 400, 413);
        }
    }

    [Fact]
    public async Task A_type_that_is_not_taken_is_named()
    {
        var file = await ParquetFiles.WriteAsync(
            (ItemId, new[] { "a" }),
            (new ListField("metadata.length", new DataField<double>("element", nullable: true)), new[] { 1.0, 2.0 })
        );

        (await ImportAsync("items", file, expected: HttpStatusCode.BadRequest)).Errors().Keys.ShouldBe(["metadata.length"]);
        (await ImportAsync("items", file, "?ignore=metadata.length")).GetProperty("accepted").GetInt64().ShouldBe(1);
    }

    [Fact]
    public async Task Columns_of_other_names_are_named()
    {
        var file = await ParquetFiles.WriteAsync((ItemId, new[] { "a" }), (new DataField("colour", typeof(string), isNullable: true), new[] { "red" }));

        (await ImportAsync("items", file, expected: HttpStatusCode.BadRequest)).Errors().Keys.ShouldBe(["colour"]);
        (await ImportAsync("items", file, "?metadata.hue=farbe", HttpStatusCode.BadRequest)).Errors().Keys.ShouldBe(["metadata.hue"]);
    }

    [Fact]
    public async Task A_file_that_is_mostly_errors_ends_early()
    {
        var file = await ParquetFiles.WriteAsync((ItemId, Enumerable.Repeat("", 1_500).ToArray()));

        (await ImportAsync("items", file, expected: HttpStatusCode.BadRequest)).Errors()["$"].Single().ShouldStartWith("has 1001 invalid lines");
    }

    [Fact]
    public async Task What_needs_more_memory_or_room_than_there_is_is_refused()
    {
        var group = await ParquetFiles.WriteAsync((ItemId, Enumerable.Repeat("many", 1_000_000).ToArray()));
        (await ImportAsync("items", group, expected: HttpStatusCode.RequestEntityTooLarge)).GetRawText().ShouldContain("has a row group of 1000000 rows");

        var large = new byte[3 * 1024 * 1024];
        (await ImportAsync("items", large, expected: HttpStatusCode.RequestEntityTooLarge)).GetRawText().ShouldContain("is a Parquet file of more than 2 MiB");
    }

    [Fact]
    public async Task A_file_sent_again_under_its_key_is_answered_as_before()
    {
        var file = await ParquetFiles.WriteAsync((ItemId, new[] { "again" }));
        for (var i = 0; i < 2; i++)
        {
            using var response = await SendAsync("interactions", file, "?userId==parquet-again&type==view", "again");
            response.StatusCode.ShouldBe(HttpStatusCode.OK);
        }

        (await service.Client.GetJsonAsync("/v1/interactions?userId=parquet-again")).GetProperty("interactions").GetArrayLength().ShouldBe(1);
    }

    private async Task<JsonElement> ImportAsync(string kind, byte[] file, string query = "", HttpStatusCode expected = HttpStatusCode.OK)
    {
        using var response = await SendAsync(kind, file, query);
        var text = await response.Content.ReadAsStringAsync();
        response.StatusCode.ShouldBe(expected, text);
        return JsonDocument.Parse(text).RootElement;
    }

    private async Task<HttpResponseMessage> SendAsync(string kind, byte[] file, string query, string? key = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, HttpClientExtensions.Address(service.Client, $"/v1/{kind}/import{query}"))
        {
            Content = new ByteArrayContent(file) { Headers = { ContentType = new MediaTypeHeaderValue("application/vnd.apache.parquet") } },
        };
        if (key is not null)
        {
            request.Headers.Add("Idempotency-Key", key);
        }

        return await service.Client.SendAsync(request);
    }

    public sealed class Service(DatabaseServer server) : ServiceFixture(server)
    {
        protected override IReadOnlyDictionary<string, string> Settings { get; } =
            new Dictionary<string, string>(StringComparer.Ordinal)
            {
                ["Training:Enabled"] = "false",
                ["Load:Imports:RejectedLines"] = "1000",
                ["Load:Imports:ParquetMebibytes"] = "2",
                ["Load:Imports:RowGroupMebibytes"] = "16",
            };
    }
}
