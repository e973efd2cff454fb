using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using RecService.Api.Tests.Fixtures;

namespace RecService.Api.Tests.Interactions;

public sealed class ImportTests(ServiceFixture service) : IClassFixture<ServiceFixture>
{
    private const string Path = "/v1/interactions/import";
    private const string NdJson = "application/x-ndjson";

    private HttpClient Client => service.Client;

    [Fact]
    public async Task Invalid_lines_are_named_and_the_others_stored()
    {
        var body = """
            {"userId":"lines-u","itemId":"i1","type":"view"}
            {"userId":"lines-u","itemId":"i2"}

            broken
            {"userId":"lines-u","itemId":"i3","type":"view"}
            """;
        var result = await Client.SendTextAsync(HttpMethod.Post, Path, body, NdJson);
        Counts(result).ShouldBe((2, 0, 2));
        result
            .GetProperty("errors")
            .EnumerateArray()
            .Select(error => (error.GetProperty("line").GetInt64(), error.GetProperty("field").GetString()))
            .ShouldBe([(2, "type"), (4, "$")]);
    }

    [Fact]
    public async Task The_list_of_errors_is_bounded_conflicts_included()
    {
        var body = string.Concat(
            Enumerable.Range(0, 1200).Select(i => $$"""{"interactionId":"x","userId":"bounded","itemId":"i{{i}}","type":"view"}""" + "\n")
        );
        var result = await Client.SendTextAsync(HttpMethod.Post, Path, body, NdJson);
        Counts(result).ShouldBe((1, 0, 1199));
        result.GetProperty("errors").GetArrayLength().ShouldBe(1000);
        result.GetProperty("errorsTruncated").GetBoolean().ShouldBeTrue();
    }

    [Fact]
    public async Task What_is_stored_already_is_a_duplicate_or_a_conflict_and_creates_no_item()
    {
        const string stored = """{"interactionId":"1","userId":"again-u","itemId":"again-i","type":"view"}""";
        await Client.SendTextAsync(HttpMethod.Post, Path, stored, NdJson);

        var body = $$"""
            {"interactionId":"1","userId":"again-u","itemId":"again-other","type":"view"}
            {"interactionId":"2","userId":"again-u","itemId":"again-i","type":"view"}
            {{stored}}
            {"interactionId":"2","userId":"again-u","itemId":"again-i","type":"click"}
            """;
        var result = await Client.SendTextAsync(HttpMethod.Post, Path, body, NdJson);

        Counts(result).ShouldBe((1, 1, 2));
        result.GetProperty("errors").EnumerateArray().Select(error => error.GetProperty("line").GetInt64()).ShouldBe([1, 4]);
        (await service.ScalarAsync<long>("SELECT count(*) FROM items WHERE item_id LIKE 'again-%'")).ShouldBe(1);
    }

    [Fact]
    public async Task An_import_that_breaks_off_leaves_nothing()
    {
        var address = Client.BaseAddress!;
        using (var socket = new TcpClient())
        {
            await socket.ConnectAsync(address.Host, address.Port);
            var stream = socket.GetStream();
            await stream.WriteAsync(
                Encoding.ASCII.GetBytes(
                    $"POST {Path} HTTP/1.1\r\nHost: {address.Authority}\r\n{TestKey.Header}: {TestKey.Text}\r\nContent-Type: {NdJson}\r\nTransfer-Encoding: chunked\r\n\r\n"
                )
            );
            var lines = string.Concat(
                Enumerable.Range(0, 5000).Select(i => $$"""{"userId":"broken-u{{i}}","itemId":"broken-i","type":"view"}""" + "\n")
            );
            await stream.WriteAsync(Encoding.ASCII.GetBytes($"{lines.Length:x}\r\n{lines}\r\n"));

            // Until the service works on it, a cut would prove nothing.
            await UntilAsync(() => ActiveImportsAsync(), active => active > 0);
        }

        await UntilAsync(() => ActiveImportsAsync(), active => active == 0);
        (await service.ScalarAsync<long>("SELECT count(*) FROM users WHERE user_id LIKE 'broken-u%'")).ShouldBe(0);
        await Client.GetJsonAsync("/v1/items/broken-i", HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task Csv_is_read_with_quotes_tags_and_context_columns()
    {
        var body =
            "\uFEFF"
            + """
                userId,itemId,type,value,occurredAt,tags,context.device,interactionId
                csv-u,"a ""quoted"", item",rating,4.5,2024-01-01T00:00:00Z,x|y,mobile,1
                csv-u,plain,view,,,,,

                csv-u,"two
                lines",view,,,,,
                """.ReplaceLineEndings("\r\n");
        var result = await Client.SendTextAsync(HttpMethod.Post, Path, body, "text/csv");
        Counts(result).ShouldBe((2, 0, 1));
        result.GetProperty("errors")[0].GetProperty("line").GetInt64().ShouldBe(5);
        result.GetProperty("errors")[0].GetProperty("field").GetString().ShouldBe("itemId");

        var stored = (await Client.GetJsonAsync("/v1/interactions?userId=csv-u&type=rating")).GetProperty("interactions")[0];
        stored.GetProperty("itemId").GetString().ShouldBe("a \"quoted\", item");
        stored.GetProperty("value").GetDouble().ShouldBe(4.5);
        stored.GetProperty("occurredAt").GetString().ShouldBe("2024-01-01T00:00:00Z");
        stored.GetProperty("tags").Deserialize<string[]>().ShouldBe(["x", "y"]);
        stored.GetProperty("context").GetProperty("device").GetString().ShouldBe("mobile");
        stored.GetProperty("interactionId").GetString().ShouldBe("1");
    }

    [Fact]
    public async Task Columns_of_csv_hold_texts_or_declare_that_they_hold_numbers_as_json_does()
    {
        var body = """
            userId,itemId,type,context.hour:number,context.zip,context.size:text
            csv-typed,csv,view,7.5,08001,42
            csv-typed,none,view,,,
            csv-typed,wrong,view,noon,1,1
            csv-typed,huge,view,1e999,1,1
            """;
        var result = await Client.SendTextAsync(HttpMethod.Post, Path, body, "text/csv");

        Counts(result).ShouldBe((2, 0, 2));
        result
            .GetProperty("errors")
            .EnumerateArray()
            .Select(error => (error.GetProperty("line").GetInt64(), error.GetProperty("field").GetString(), error.GetProperty("reason").GetString()))
            .ShouldBe([(4, "context.hour:number", "must be a number"), (5, "context.hour:number", "must be a number")]);
        var json = """{"userId":"csv-typed","itemId":"json","type":"view","context":{"hour":7.5,"size":"42","zip":"08001"}}""";
        await Client.SendTextAsync(HttpMethod.Post, Path, json, NdJson);
        var stored = (await Client.GetJsonAsync("/v1/interactions?userId=csv-typed"))
            .GetProperty("interactions")
            .EnumerateArray()
            .ToDictionary(
                interaction => interaction.GetProperty("itemId").GetString()!,
                interaction => interaction.GetProperty("context").ToString()
            );
        stored["csv"].ShouldBe(stored["json"]);
        stored["none"].ShouldBe("{}");
    }

    [Theory]
    [InlineData("csv-bad,i,view,x", "value")]
    [InlineData("csv-bad,i,view,NaN", "value")]
    [InlineData("csv-bad,i", "$")]
    [InlineData("csv-bad,i,view,1,2", "$")]
    [InlineData("csv-bad,\"i\"x,view,1", "$")]
    [InlineData(",i,view,1", "userId")]
    public async Task A_bad_row_of_csv_is_named(string row, string field)
    {
        var result = await Client.SendTextAsync(HttpMethod.Post, Path, $"userId,itemId,type,value\n{row}\ncsv-good,i,view,1\n", "text/csv");
        Counts(result).ShouldBe((1, 0, 1));
        result.GetProperty("errors")[0].GetProperty("line").GetInt64().ShouldBe(2);
        result.GetProperty("errors")[0].GetProperty("field").GetString().ShouldBe(field);
    }

    [Theory]
    [InlineData("userId,itemId,type,colour\n", "colour")]
    [InlineData("userId,itemId,type,type\n", "type")]
    [InlineData("userId,itemId,type,context.a b\n", "context.a b")]
    [InlineData("userId,itemId,type,context.hour:int\n", "context.hour:int")]
    [InlineData("userId,itemId,type,context.hour:\n", "context.hour:")]
    [InlineData("userId,itemId,type,context.a:b:number\n", "context.a:b:number")]
    [InlineData("userId,itemId,type,value:number\n", "value:number")]
    [InlineData("userId,itemId,type,context.hour,context.hour:number\n", "context.hour")]
    [InlineData("userId,itemId\n", "type")]
    public async Task A_wrong_header_of_csv_is_refused(string body, string field)
    {
        var problem = await Client.SendTextAsync(HttpMethod.Post, Path, body, "text/csv", HttpStatusCode.BadRequest);
        problem.Errors().Keys.ShouldBe([field]);
    }

    [Fact]
    public async Task A_quotation_mark_that_is_not_closed_refuses_the_import_and_stores_nothing()
    {
        var body = "userId,itemId,type\nunclosed,i,view\nunclosed,\"i,view\n" + string.Concat(Enumerable.Repeat("unclosed,i,view\n", 20_000));
        var problem = await Client.SendTextAsync(HttpMethod.Post, Path, body, "text/csv", HttpStatusCode.BadRequest);
        problem.Errors().Keys.ShouldBe(["$"]);
        await Client.GetJsonAsync("/v1/users/unclosed", HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task Another_media_type_is_refused() =>
        await Client.SendTextAsync(HttpMethod.Post, Path, "{}", "application/json", HttpStatusCode.UnsupportedMediaType);

    [Fact]
    public async Task An_empty_import_stores_nothing() => Counts(await Client.SendTextAsync(HttpMethod.Post, Path, "", NdJson)).ShouldBe((0, 0, 0));

    private Task<long> ActiveImportsAsync() =>
        service.ScalarAsync<long>(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'COPY incoming%' AND state <> 'idle'"
        );

    private static async Task UntilAsync(Func<Task<long>> value, Func<long, bool> reached)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (!reached(await value()))
        {
            await Task.Delay(20, limit.Token);
        }
    }

    private static (long Accepted, long Duplicates, long Rejected) Counts(JsonElement result) =>
        (result.GetProperty("accepted").GetInt64(), result.GetProperty("duplicates").GetInt64(), result.GetProperty("rejected").GetInt64());
}
