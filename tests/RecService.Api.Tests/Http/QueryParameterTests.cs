using System.Net;
using RecService.Api.Tests.Fixtures;

namespace RecService.Api.Tests.Http;

public sealed class QueryParameterTests(ServiceFixture service) : IClassFixture<ServiceFixture>
{
    [Theory]
    [InlineData("GET", "/v1/interactions?user=a", "user")]
    [InlineData("GET", "/v1/interactions?userId=a&userId=b", "userId")]
    [InlineData("GET", "/v1/interactions?userId=a&USERID=b", "userId")]
    [InlineData("GET", "/v1/users?limits=3", "limits")]
    [InlineData("GET", "/v1/users?limit=3&database=x", "database")]
    [InlineData("GET", "/v1/users/a?userId=b", "userId")]
    [InlineData("DELETE", "/v1/items/a?dry", "dry")]
    [InlineData("GET", "/v1/models?cursors=x", "cursors")]
    [InlineData("GET", "/v1/recommendations/popular?count=3&count=4", "count")]
    [InlineData("POST", "/v1/training-runs?objective=rating", "objective")]
    [InlineData("POST", "/v1/cross-features?parts=pooled", "parts")]
    public async Task An_unknown_or_repeated_parameter_is_named(string method, string path, string field)
    {
        var problem = await service.Client.SendTextAsync(HttpMethod.Parse(method), path, "{}", expected: HttpStatusCode.BadRequest);
        problem.Errors().Keys.Single().ToUpperInvariant().ShouldBe(field.ToUpperInvariant());
    }

    [Theory]
    [InlineData("type=wish&form=2030-01-01T00:00:00Z", "form")]
    [InlineData("type=wish&from=2030-01-01T00:00:00", "from")]
    [InlineData("type=wish&from=2030-01-01", "from")]
    [InlineData("type=wish&to=", "to")]
    [InlineData("type=wish&type=view", "type")]
    public async Task A_condition_that_is_not_understood_deletes_nothing(string query, string field)
    {
        await service.Client.PostJsonAsync(
            "/v1/interactions",
            new
            {
                interactions = new[]
                {
                    new
                    {
                        userId = "u",
                        itemId = "i",
                        type = "wish",
                    },
                },
            }
        );
        (await service.Client.DeleteJsonAsync($"/v1/interactions?{query}", HttpStatusCode.BadRequest)).Errors().Keys.ShouldBe([field]);
        (await service.Client.GetJsonAsync("/v1/interactions?type=wish")).GetProperty("interactions").GetArrayLength().ShouldBeGreaterThan(0);
    }

    [Fact]
    public async Task Every_documented_parameter_is_known()
    {
        var document = await service.Client.GetJsonAsync("/openapi/v1.json");
        var checkedCount = 0;
        foreach (var path in document.GetProperty("paths").EnumerateObject())
        {
            foreach (var operation in path.Value.EnumerateObject().Where(each => each.Value.TryGetProperty("parameters", out _)))
            {
                // A second, unknown parameter keeps the request from being carried out.
                var names = operation
                    .Value.GetProperty("parameters")
                    .EnumerateArray()
                    .Where(each => each.GetProperty("in").GetString() == "query")
                    .Select(each => IsObject(each) ? "tags" : each.GetProperty("name").GetString()!)
                    .ToList();
                var query = string.Concat(names.Select(name => $"{name}=1&")) + "unheard=1";
                var address = path.Name.Replace("{runId}", "1", StringComparison.Ordinal).Replace("{version}", "1", StringComparison.Ordinal);
                using var request = new HttpRequestMessage(
                    HttpMethod.Parse(operation.Name),
                    HttpClientExtensions.Address(service.Client, $"{address}?{query}")
                );
                using var response = await service.Client.SendAsync(request, TestContext.Current.CancellationToken);
                if (response.StatusCode != HttpStatusCode.UnsupportedMediaType)
                {
                    var text = await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
                    response.StatusCode.ShouldBe(HttpStatusCode.BadRequest, text);
                    System
                        .Text.Json.JsonDocument.Parse(text)
                        .RootElement.Errors()
                        .Keys.ShouldHaveSingleItem($"{operation.Name} {path.Name}")
                        .ShouldBe("unheard");
                    checkedCount += names.Count;
                }
            }
        }

        checkedCount.ShouldBeGreaterThan(15);
    }

    /// <summary>Whether its properties are the parameters, such as the columns of imports, all of which have tags.</summary>
    private static bool IsObject(System.Text.Json.JsonElement parameter) =>
        parameter.GetProperty("schema").TryGetProperty("additionalProperties", out _);
}
