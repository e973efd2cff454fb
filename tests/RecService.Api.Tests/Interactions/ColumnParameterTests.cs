using System.Net;
using System.Text.Json;
using RecService.Api.Tests.Fixtures;

namespace RecService.Api.Tests.Interactions;

public sealed class ColumnParameterTests(ServiceFixture service) : IClassFixture<ServiceFixture>
{
    private const string Path = "/v1/interactions/import";

    [Theory]
    [InlineData("userId=userId&itemId=movieId&value=rating&occurredAt=timestamp&type=rating")]
    [InlineData("itemId=movieId&value=rating&occurredAt=timestamp&type==rating")]
    [InlineData("type=rating&itemId=movieId&value=rating&occurredAt=timestamp")]
    public async Task A_file_of_ratings_imports_as_it_is(string query)
    {
        var user = Guid.NewGuid().ToString();

        var result = await ImportAsync(query, $"userId,movieId,rating,timestamp\r\n{user},1,4.0,964982703\r\n");

        result.GetProperty("accepted").GetInt64().ShouldBe(1);
        var stored = await StoredAsync(user);
        stored.GetProperty("itemId").GetString().ShouldBe("1");
        stored.GetProperty("type").GetString().ShouldBe("rating");
        stored.GetProperty("value").GetDouble().ShouldBe(4);
        stored.GetProperty("occurredAt").GetString().ShouldBe("2000-07-30T18:45:03Z");
    }

    [Fact]
    public async Task A_type_is_that_of_each_row_where_the_file_has_its_column()
    {
        var body = "visitor,item,event,hour,note\nmapped-types,i,addtocart,17,x\nmapped-types,j,transaction,,\n";

        await ImportAsync("userId=visitor&itemId=item&type=event&context.hour:number=hour&ignore=note&context.source==web", body);

        var stored = (await service.Client.GetJsonAsync("/v1/interactions?userId=mapped-types")).GetProperty("interactions").EnumerateArray().ToList();
        stored.Select(interaction => interaction.GetProperty("type").GetString()).ShouldBe(["transaction", "addtocart"]);
        stored
            .Select(interaction => interaction.GetProperty("context").GetRawText().Replace(" ", "", StringComparison.Ordinal))
            .ShouldBe(["""{"source":"web"}""", """{"hour":17,"source":"web"}"""]);
    }

    [Fact]
    public async Task What_a_parameter_names_is_not_read_by_its_own_name()
    {
        await ImportAsync("userId=itemId&itemId=userId&type==view", "userId,itemId\nan-item,swapped\n");

        (await StoredAsync("swapped")).GetProperty("itemId").GetString().ShouldBe("an-item");
    }

    [Fact]
    public async Task A_context_may_be_an_object_as_a_whole()
    {
        var result = await ImportAsync(
            "type==view",
            """
            userId,itemId,context
            whole,i,"{""device"":""phone"",""hour"":7}"
            whole,j,"{""device"":{}}"
            whole,j,[]
            """
        );

        result.GetProperty("accepted").GetInt64().ShouldBe(1);
        result.GetProperty("errors").EnumerateArray().Select(error => error.GetProperty("field").GetString()).ShouldBe(["context.device", "context"]);
        (await StoredAsync("whole")).GetProperty("context").GetProperty("hour").GetDouble().ShouldBe(7);
    }

    [Fact]
    public async Task Errors_of_cells_have_the_names_of_the_api()
    {
        var result = await ImportAsync("itemId=movieId&value=rating&occurredAt=timestamp&type==rating", "userId,movieId,rating,timestamp\nu,1,good,soon\n");

        result.GetProperty("errors").EnumerateArray().Select(error => error.GetProperty("field").GetString()).ShouldBe(["value", "occurredAt"]);
    }

    [Theory]
    [InlineData("itemid=movieId", "itemid", "is not a known query parameter")]
    [InlineData("columns=1", "columns", "is not a known query parameter")]
    [InlineData("itemId=movie", "itemId", "names the column 'movie', which the file does not have")]
    [InlineData("itemId=movieId&value=movieId", "value", "names the column 'movieId', which 'itemId' names too")]
    [InlineData("itemId=movieId&itemId=userId", "itemId", "is given twice")]
    [InlineData("itemId=movieId&userId==u", "userId", "is given twice")]
    [InlineData("itemId=movieId&ignore=note", "ignore", "names the column 'note', which the file does not have")]
    [InlineData("itemId=movieId&ignore=movieId", "itemId", "names the column 'movieId', which 'ignore' names too")]
    [InlineData("itemId=movieId&type==", "type", "must not be empty")]
    [InlineData("itemId=movieId&type==view&context.a b==x", "context.a b", "is not made of")]
    [InlineData("itemId=movieId&type==view&context==x&context.a==x", "context", "is given as a whole and by names")]
    public async Task A_wrong_parameter_is_named_and_nothing_is_stored(string query, string field, string reason)
    {
        var problem = await service.Client.SendTextAsync(
            HttpMethod.Post,
            $"{Path}?{query.Replace(" ", "%20", StringComparison.Ordinal)}",
            "userId,movieId\nnever,i\n",
            "text/csv",
            HttpStatusCode.BadRequest
        );

        problem.Errors()[field].ShouldContain(text => text.Contains(reason, StringComparison.Ordinal));
        await service.Client.GetJsonAsync("/v1/users/never", HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task A_column_that_nobody_names_is_unknown() =>
        (await service.Client.SendTextAsync(HttpMethod.Post, $"{Path}?type==view", "userId,itemId,note\n", "text/csv", HttpStatusCode.BadRequest))
            .Errors()
            .Keys.ShouldBe(["note"]);

    [Fact]
    public async Task Lines_of_ndjson_have_no_columns() =>
        (
            await service.Client.SendTextAsync(
                HttpMethod.Post,
                $"{Path}?itemId=movieId&ignore=x",
                """{"userId":"u","itemId":"i","type":"view"}""",
                "application/x-ndjson",
                HttpStatusCode.BadRequest
            )
        )
            .Errors()
            .Keys.ShouldBe(["itemId", "ignore"], ignoreOrder: true);

    private Task<JsonElement> ImportAsync(string query, string body) =>
        service.Client.SendTextAsync(HttpMethod.Post, $"{Path}?{query}", body, "text/csv");

    private async Task<JsonElement> StoredAsync(string user) =>
        (await service.Client.GetJsonAsync($"/v1/interactions?userId={user}")).GetProperty("interactions").EnumerateArray().Single();
}
