using System.Net;
using System.Text;
using System.Text.Json;
using RecService.Api.Models;
using RecService.Api.Tests.Access;
using RecService.Api.Tests.Fixtures;
using RecService.Api.Training;

namespace RecService.Api.Tests.Operations;

/// <summary>The OpenAPI document as generators of clients take it: what they stumbled over does not come back.</summary>
public sealed class GeneratorTests(KeyedService service) : IClassFixture<KeyedService>
{
    [Fact]
    public void What_is_null_or_something_else_is_never_null_in_two_ways()
    {
        foreach (var choices in Everywhere(Schemas, "oneOf"))
        {
            var others = choices.EnumerateArray().Where(choice => choice.TryGetProperty("$ref", out _)).ToList();
            others.Count.ShouldBe(choices.GetArrayLength() - 1, choices.ToString());
            others.ShouldAllBe(other => Target(other).GetProperty("type").ValueKind == JsonValueKind.String);
        }

        Everywhere(Schemas, "anyOf").ShouldBeEmpty();
    }

    [Fact]
    public void Texts_of_a_list_that_may_be_null_have_null_in_the_list()
    {
        var listed = Properties().Where(property => property.Value.TryGetProperty("enum", out _)).ToList();
        listed.ShouldContain(property => property.Path == "ScoreRequest.historyMode");
        foreach (var (path, property) in listed)
        {
            property
                .GetProperty("enum")
                .EnumerateArray()
                .Any(value => value.ValueKind == JsonValueKind.Null)
                .ShouldBe(property.GetProperty("type").ToString().Contains("null", StringComparison.Ordinal), path);
        }
    }

    [Fact]
    public void An_object_says_what_it_may_hold()
    {
        foreach (var (path, property) in Properties())
        {
            if (property.TryGetProperty("type", out var type) && type.ToString().Contains("object", StringComparison.Ordinal))
            {
                property.TryGetProperty("additionalProperties", out _).ShouldBeTrue(path);
            }
        }

        string[] ofCallers = ["RecommendationRequest", "ScoreRequest", "CrossFeatureInput", "InteractionInput", "InteractionResponse"];
        foreach (var name in ofCallers)
        {
            var values = Schemas.GetProperty(name).GetProperty("properties").GetProperty("context").GetProperty("additionalProperties");
            values.EnumerateObject().Select(keyword => keyword.Name).ShouldBe(["description"], name);
        }

        string[] withMetadata = ["ItemInput", "ItemResponse", "RecommendedItem", "SimilarItem", "PopularItem"];
        foreach (var name in withMetadata)
        {
            var metadata = Schemas.GetProperty(name).GetProperty("properties").GetProperty("metadata");
            metadata.GetProperty("type").EnumerateArray().Select(type => type.GetString()).ShouldBe(["null", "object"], name);
            metadata.GetProperty("additionalProperties").EnumerateObject().ShouldBeEmpty(name);
        }
    }

    [Fact]
    public void What_a_request_has_to_name_is_not_null_and_what_it_may_leave_out_may_be_null()
    {
        var requests = Operations()
            .Where(operation => operation.Value.TryGetProperty("requestBody", out _))
            .SelectMany(operation => Media(operation.Value.GetProperty("requestBody")))
            .Where(media => media.Name == "application/json")
            .SelectMany(media => Reached(media.Value.GetProperty("schema").GetProperty("$ref").GetString()!))
            .Append("ItemLineInput")
            .Append("UserLineInput")
            .Distinct(StringComparer.Ordinal);
        foreach (var name in requests)
        {
            var schema = Schemas.GetProperty(name);
            var required = schema.TryGetProperty("required", out var names) ? names.EnumerateArray().Select(n => n.GetString()).ToHashSet() : [];
            foreach (var property in schema.GetProperty("properties").EnumerateObject())
            {
                var takesNull =
                    property.Value.TryGetProperty("oneOf", out _)
                    || property.Value.GetProperty("type").ToString().Contains("null", StringComparison.Ordinal);
                takesNull.ShouldBe(!required.Contains(property.Name), $"{name}.{property.Name}");
            }
        }
    }

    [Fact]
    public void Bodies_that_are_no_JSON_are_bytes()
    {
        var others = Operations()
            .SelectMany(operation => Bodies(operation.Value))
            .SelectMany(Media)
            .Where(media => !Contract.IsJson(media.Name))
            .ToList();
        others
            .Select(media => media.Name)
            .Distinct(StringComparer.Ordinal)
            .ShouldBe(
                ["application/x-ndjson", "text/csv", "application/vnd.apache.parquet", "text/event-stream", "application/octet-stream", "application/x-npy"],
                ignoreOrder: true
            );
        others.ShouldAllBe(media => media.Value.GetProperty("schema").GetProperty("format").GetString() == "binary");
    }

    [Fact]
    public void The_part_of_cross_features_names_its_values()
    {
        var (_, operation) = Operations().Single(operation => operation.Value.GetProperty("operationId").GetString() == "crossFeatures");
        var part = operation.GetProperty("parameters").EnumerateArray().Single(parameter => parameter.GetProperty("name").GetString() == "part");
        part.GetProperty("schema").GetProperty("enum").EnumerateArray().Select(value => value.GetString()).ShouldBe(["cross", "pooled"]);
    }

    [Fact]
    public void Runs_show_every_setting_that_they_have()
    {
        static IEnumerable<string> Names(Type type) => type.GetProperties().Where(property => property.CanWrite).Select(property => property.Name);

        Names(typeof(TrainingRunSettings)).ShouldBe(Names(typeof(TrainingOptions)), ignoreOrder: true);
        Names(typeof(InteractionTypeSettings)).ShouldBe(Names(typeof(InteractionTypeOptions)), ignoreOrder: true);
    }

    [Fact]
    public void Every_problem_is_shown_with_its_own_status_and_a_field_of_its_own_endpoint()
    {
        foreach (var (name, operation) in Operations())
        {
            var (method, path) = (name.Split(' ')[0], name.Split(' ')[1]);
            foreach (var response in operation.GetProperty("responses").EnumerateObject().Where(response => response.Name[0] is '4' or '5'))
            {
                var example = Media(response.Value).Single().Value.GetProperty("example");
                example.GetProperty("status").GetInt32().ToString(System.Globalization.CultureInfo.InvariantCulture).ShouldBe(response.Name, name);
                Contract
                    .OfService.Violation(
                        method,
                        path,
                        int.Parse(response.Name, System.Globalization.CultureInfo.InvariantCulture),
                        "application/problem+json",
                        Encoding.UTF8.GetBytes(example.ToString())
                    )
                    .ShouldBeNull();
                if (response.Name != "400")
                {
                    example.GetProperty("detail").GetString().ShouldNotBeNullOrEmpty($"{name} {response.Name}");
                    continue;
                }

                var fault = example.GetProperty("errors").EnumerateObject().Single();
                IsField(operation, fault.Name).ShouldBe(fault.Value[0].GetString() != "is not a known query parameter", $"{name} {fault}");
            }
        }
    }

    [Theory]
    [InlineData("GET", "/v1/nothing", null, HttpStatusCode.NotFound)]
    [InlineData("PATCH", "/v1/users", null, HttpStatusCode.MethodNotAllowed)]
    [InlineData("POST", "/v1/items/import", "text/plain", HttpStatusCode.UnsupportedMediaType)]
    [InlineData("POST", "/v1/scores", "text/plain", HttpStatusCode.UnsupportedMediaType)]
    public async Task Errors_are_problems_whatever_the_caller_accepts(string method, string path, string? mediaType, HttpStatusCode expected)
    {
        foreach (var accept in new[] { "text/html", "application/x-npy", "*/*;q=0" })
        {
            using var request = new HttpRequestMessage(HttpMethod.Parse(method), path);
            request.Headers.TryAddWithoutValidation("Accept", accept);
            request.Content = mediaType is null ? null : new StringContent("x", Encoding.UTF8, mediaType);
            using var answer = await service.Client.SendAsync(request);
            answer.StatusCode.ShouldBe(expected);
            answer.Content.Headers.ContentType!.MediaType.ShouldBe("application/problem+json");
            using var problem = JsonDocument.Parse(await answer.Content.ReadAsByteArrayAsync());
            problem.RootElement.GetProperty("detail").GetString().ShouldNotBeNullOrEmpty();
            problem.RootElement.GetProperty("traceId").GetString().ShouldNotBeNullOrEmpty();
        }
    }

    [Theory]
    [InlineData("GET", "/v1/users/ann", 418, "application/problem+json", "{}", "no status 418")]
    [InlineData("GET", "/v1/users/ann", 200, "text/plain", "ann", "media type 'text/plain'")]
    [InlineData("GET", "/v1/users/ann", 200, "application/json", """{"userId": "ann"}""", "not of its schema")]
    [InlineData("GET", "/v1/users/ann", 200, "application/json", "ann", "no JSON")]
    [InlineData("GET", "/v1/users/ann", 404, "application/problem+json", """{"status": "404"}""", "not of its schema")]
    [InlineData("DELETE", "/v1/items/a", 204, "application/json", "{}", "there must be none")]
    [InlineData("PATCH", "/v1/users/ann", 200, "application/json", "{}", "no operation")]
    [InlineData("GET", "/v1/nothing", 404, "text/plain", "?", "media type 'text/plain'")]
    [InlineData("GET", "/v1/items/import", 404, "application/problem+json", """{"status": 404}""", null)]
    [InlineData("GET", "/v1/interactions/types", 200, "application/json", """{"types": []}""", null)]
    public void The_check_of_answers_finds_what_is_not_as_the_document_says(
        string method,
        string path,
        int status,
        string mediaType,
        string body,
        string? violation
    )
    {
        var found = Contract.OfService.Violation(method, path, status, mediaType, Encoding.UTF8.GetBytes(body));
        if (violation is null)
        {
            found.ShouldBeNull();
        }
        else
        {
            found.ShouldNotBeNull().ShouldContain(violation);
        }
    }

    private static JsonElement Document { get; } = JsonDocument.Parse(Contract.OfService.Text).RootElement;

    private static JsonElement Schemas => Document.GetProperty("components").GetProperty("schemas");

    private static JsonElement Target(JsonElement reference) => Schemas.GetProperty(reference.GetProperty("$ref").GetString()!.Split('/')[^1]);

    private static IEnumerable<(string Path, JsonElement Value)> Properties() =>
        Schemas
            .EnumerateObject()
            .Where(schema => schema.Value.TryGetProperty("properties", out _))
            .SelectMany(schema =>
                schema.Value.GetProperty("properties").EnumerateObject().Select(property => ($"{schema.Name}.{property.Name}", property.Value))
            );

    private static IEnumerable<(string Name, JsonElement Value)> Operations() =>
        Document
            .GetProperty("paths")
            .EnumerateObject()
            .SelectMany(path => path.Value.EnumerateObject().Select(method => ($"{method.Name.ToUpperInvariant()} {path.Name}", method.Value)));

    private static IEnumerable<JsonProperty> Media(JsonElement body) =>
        body.TryGetProperty("content", out var content) ? content.EnumerateObject() : [];

    private static IEnumerable<JsonElement> Bodies(JsonElement operation)
    {
        var answers = operation.GetProperty("responses").EnumerateObject().Select(response => response.Value);
        return operation.TryGetProperty("requestBody", out var body) ? answers.Append(body) : answers;
    }

    private static IEnumerable<JsonElement> Everywhere(JsonElement element, string keyword) =>
        element.ValueKind switch
        {
            JsonValueKind.Object => element
                .EnumerateObject()
                .SelectMany(property => property.NameEquals(keyword) ? [property.Value] : Everywhere(property.Value, keyword)),
            JsonValueKind.Array => element.EnumerateArray().SelectMany(child => Everywhere(child, keyword)),
            _ => [],
        };

    /// <summary>The names of the schema that is referred to, and of those that it is made of.</summary>
    private static IEnumerable<string> Reached(string reference)
    {
        var name = reference.Split('/')[^1];
        return Everywhere(Schemas.GetProperty(name), "$ref").SelectMany(inner => Reached(inner.GetString()!)).Prepend(name);
    }

    /// <summary>Whether the operation has the field, such as <c>interactions[0].itemId</c>, in its body or among its parameters.</summary>
    private static bool IsField(JsonElement operation, string path)
    {
        if (
            operation.TryGetProperty("parameters", out var parameters)
            && parameters.EnumerateArray().Any(parameter => parameter.GetProperty("name").GetString() == path)
        )
        {
            return true;
        }

        if (path is "$")
        {
            return operation.TryGetProperty("requestBody", out _) || parameters.ValueKind == JsonValueKind.Array;
        }

        if (!operation.TryGetProperty("requestBody", out var body) || Media(body).First() is not { Name: "application/json" } media)
        {
            return false;
        }

        var schema = Target(media.Value.GetProperty("schema"));
        foreach (var name in path.Split('.'))
        {
            if (schema.TryGetProperty("properties", out var properties))
            {
                if (!properties.TryGetProperty(name.Split('[')[0], out schema))
                {
                    return false;
                }
            }
            else
            {
                schema = schema.GetProperty("additionalProperties");
            }

            if (name.EndsWith(']'))
            {
                schema = schema.GetProperty("items");
            }

            if (schema.TryGetProperty("$ref", out _))
            {
                schema = Target(schema);
            }
        }

        return true;
    }
}
