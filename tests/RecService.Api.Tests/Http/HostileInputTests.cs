using System.Net;
using System.Net.Http.Headers;
using System.Text;
using RecService.Api.Domain;
using RecService.Api.Http.Json;
using RecService.Api.Http.Queries;
using RecService.Api.Tests.Fixtures;

namespace RecService.Api.Tests.Http;

public sealed class HostileInputTests(ServiceFixture service) : IClassFixture<ServiceFixture>
{
    [Theory]
    [InlineData("{\"\\ud800\":1}")]
    [InlineData("{\"\u00ff\":1}")]
    [InlineData("")]
    [InlineData("[")]
    [InlineData("null")]
    [InlineData("{\"interactions\":[{\"userId\":\"\\udc00\"}]}")]
    public async Task A_body_that_is_no_batch_is_a_bad_request(string text)
    {
        using var content = new ByteArrayContent(Encoding.Latin1.GetBytes(text));
        content.Headers.ContentType = new("application/json");

        using var answer = await service.Client.PostAsync(HttpClientExtensions.Address(service.Client, "/v1/interactions"), content);

        answer.StatusCode.ShouldBe(HttpStatusCode.BadRequest, await answer.Content.ReadAsStringAsync());
        answer.Content.Headers.ContentType?.MediaType.ShouldBe("application/problem+json");
    }

    [Theory]
    [InlineData("POST", "/v1/recommendations", """{"us\ner":1}""", "us\ner", "is not a known field")]
    [InlineData("POST", "/v1/recommendations", """{"us\ner":1,"us\ner":1}""", "us\ner", null)]
    [InlineData("POST", "/v1/recommendations", """{"userId":"a","userId":"b"}""", "userId", "is given twice")]
    [InlineData("POST", "/v1/api-keys", "{}", "name", "is required")]
    [InlineData("POST", "/v1/api-keys", """{"name":"a"}""", "roles", "is required")]
    [InlineData("PUT", "/v1/items/a", """{"metadata":7}""", "metadata", "must be an object")]
    public async Task What_is_wrong_with_JSON_is_said_in_the_callers_words(string method, string path, string body, string field, string? reason)
    {
        var problem = await service.Client.SendTextAsync(HttpMethod.Parse(method), path, body, expected: HttpStatusCode.BadRequest);

        var error = problem.Errors().ShouldHaveSingleItem();
        error.Key.ShouldBe(field);
        error.Value.ShouldBe([reason ?? error.Value[0]]);
        problem.ToString().ShouldNotContain("RecService.");
        problem.ToString().ShouldNotContain(".NET");
        problem.ToString().ShouldNotContain("deserialization");
    }

    [Fact]
    public void The_words_of_a_serializer_that_are_not_known_are_not_passed_on() =>
        JsonError.Describe(new("The type RecService.Secret went wrong.", "$.a", 0, 0)).ShouldBe(new FieldError("a", "is not what this field takes"));

    [Theory]
    [InlineData("POST", "/v1/recommendations")]
    [InlineData("POST", "/v1/scores")]
    [InlineData("POST", "/v1/cross-features")]
    [InlineData("PUT", "/v1/users/a")]
    [InlineData("PUT", "/v1/items/a")]
    public async Task An_unknown_charset_is_an_unsupported_media_type(string method, string path)
    {
        using var request = new HttpRequestMessage(HttpMethod.Parse(method), HttpClientExtensions.Address(service.Client, path))
        {
            Content = new ByteArrayContent("{}"u8.ToArray()),
        };
        request.Content.Headers.ContentType = MediaTypeHeaderValue.Parse("application/json; charset=nope");

        using var answer = await service.Client.SendAsync(request);

        answer.StatusCode.ShouldBe(HttpStatusCode.UnsupportedMediaType, await answer.Content.ReadAsStringAsync());
    }

    [Theory]
    [InlineData("users", "\0")]
    [InlineData("interactions", "one")]
    [InlineData("models", "99999999999999999999999")]
    [InlineData("training-runs", "")]
    public async Task A_forged_cursor_is_named(string list, string place) =>
        (await service.Client.GetJsonAsync($"/v1/{list}?cursor={Paging.Cursor(list, place)}", HttpStatusCode.BadRequest))
            .Errors()
            .Keys.ShouldBe(["cursor"]);
}
