using System.Net;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using RecService.Api.Tests.Fixtures;
using RecService.Api.Tests.Training;
using RecService.Engine.Synthetic;

namespace RecService.Api.Tests.Operations;

/// <summary>The OpenAPI document, held against the service on data like those that the demo loads.</summary>
public sealed class ApiDescriptionTests(ApiDescriptionTests.Service service, ITestOutputHelper output) : IClassFixture<ApiDescriptionTests.Service>
{
    // Deleting comes last, so that the other examples find what they name.
    private static readonly string[] Order = ["put", "post", "get", "delete"];

    [Fact]
    public async Task Every_example_executes_to_a_success()
    {
        var executed = 0;
        var failures = new List<string>();
        foreach (var method in Order)
        {
            foreach (var (path, operation) in await OperationsAsync(method))
            {
                using var request = ExampleOf(method, path, operation);
                using var answer = await service.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
                executed++;
                output.WriteLine($"{(int)answer.StatusCode} {request.Method} {request.RequestUri!.PathAndQuery}");
                if (!answer.IsSuccessStatusCode)
                {
                    failures.Add(
                        $"{request.Method} {request.RequestUri!.PathAndQuery}: {(int)answer.StatusCode} {await answer.Content.ReadAsStringAsync()}"
                    );
                }

                if (answer.StatusCode == HttpStatusCode.Accepted && path == "/v1/training-runs")
                {
                    await service.Client.EndOfRunAsync(
                        long.Parse(answer.Headers.Location!.ToString().Split('/')[^1], System.Globalization.CultureInfo.InvariantCulture)
                    );
                }
            }
        }

        failures.ShouldBeEmpty();
        executed.ShouldBe(43);
    }

    [Fact]
    public async Task Every_operation_has_a_name_a_summary_examples_and_its_errors()
    {
        foreach (var method in Order)
        {
            foreach (var (path, operation) in await OperationsAsync(method))
            {
                var name = $"{method} {path}";
                operation.TryGetProperty("operationId", out _).ShouldBeTrue(name);
                operation.GetProperty("summary").GetString().ShouldNotBeNullOrWhiteSpace(name);
                if (operation.TryGetProperty("requestBody", out var body))
                {
                    body.GetProperty("content").EnumerateObject().Any(media => media.Value.TryGetProperty("example", out _)).ShouldBeTrue(name);
                }

                foreach (var parameter in Parameters(operation).Where(p => p.GetProperty("in").GetString() == "path"))
                {
                    parameter.TryGetProperty("example", out _).ShouldBeTrue($"{name} {parameter.GetProperty("name")}");
                }

                var statuses = operation.GetProperty("responses").EnumerateObject().Select(response => response.Name).ToList();
                string[] refusals = ["401", "403", "429", "503"];
                refusals.ShouldBeSubsetOf(statuses, name);
            }
        }
    }

    [Fact]
    public async Task Every_answer_has_an_example_of_its_own_shape()
    {
        var schemas = (await service.Client.GetJsonAsync("/openapi/v1.json")).GetProperty("components").GetProperty("schemas");
        var answers = new HashSet<string>(StringComparer.Ordinal) { "ProblemDetails", "HttpValidationProblemDetails" };
        foreach (var method in Order)
        {
            foreach (var (_, operation) in await OperationsAsync(method))
            {
                answers.UnionWith(
                    operation
                        .GetProperty("responses")
                        .EnumerateObject()
                        .Where(response =>
                            response.Value.TryGetProperty("content", out var content) && content.TryGetProperty("application/json", out _)
                        )
                        .Select(response => NameOf(response.Value.GetProperty("content").GetProperty("application/json").GetProperty("schema")))
                );
            }
        }

        // Pages are shown with the example of what they list.
        foreach (var name in answers.Where(name => !name.EndsWith("Page", StringComparison.Ordinal)))
        {
            schemas.GetProperty(name).TryGetProperty("examples", out var examples).ShouldBeTrue(name);
            Compare(schemas, schemas.GetProperty(name), examples[0], name);
        }
    }

    [Fact]
    public async Task What_can_hold_certain_texts_only_names_them()
    {
        var schemas = (await service.Client.GetJsonAsync("/openapi/v1.json")).GetProperty("components").GetProperty("schemas");
        Texts(schemas.GetProperty("TrainingRunResponse").GetProperty("properties").GetProperty("status"))
            .ShouldBe(["running", "succeeded", "failed", "cancelled"]);
        Texts(schemas.GetProperty("ApiKeyInput").GetProperty("properties").GetProperty("roles").GetProperty("items"))
            .ShouldBe(["score", "ingest", "admin"]);

        static IEnumerable<string?> Texts(JsonElement schema) => schema.GetProperty("enum").EnumerateArray().Select(text => text.GetString());
    }

    [Fact]
    public async Task The_document_says_what_it_is()
    {
        using var answer = await service.Client.GetAsync(new Uri("/openapi/v1.json", UriKind.Relative));
        answer.Content.Headers.ContentType!.MediaType.ShouldBe("application/json");
        var document = await service.Client.GetJsonAsync("/openapi/v1.json");
        (await service.Client.GetByteArrayAsync(new Uri("/openapi/v1.json", UriKind.Relative))).ShouldBe(Contract.OfService.Text);
        document.GetProperty("openapi").GetString().ShouldNotBeNull().ShouldStartWith("3.1");
        document.GetProperty("servers")[0].GetProperty("url").GetString().ShouldBe("/");
        document.GetProperty("paths").EnumerateObject().ShouldNotContain(path => path.Name.StartsWith("/openapi", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Swagger_UI_is_there()
    {
        (await service.Client.GetStringAsync(new Uri("/swagger/index.html", UriKind.Relative))).ShouldContain("swagger-ui");
        (await service.Client.GetStringAsync(new Uri("/swagger/index.js", UriKind.Relative))).ShouldContain("/openapi/v1.json");
    }

    private async Task<List<(string Path, JsonElement Operation)>> OperationsAsync(string method)
    {
        var document = await service.Client.GetJsonAsync("/openapi/v1.json");
        return
        [
            .. document
                .GetProperty("paths")
                .EnumerateObject()
                .Where(p => p.Value.TryGetProperty(method, out _))
                .Select(p => (p.Name, p.Value.GetProperty(method))),
        ];
    }

    private HttpRequestMessage ExampleOf(string method, string path, JsonElement operation)
    {
        var query = new List<string>();
        foreach (var parameter in Parameters(operation))
        {
            if (parameter.TryGetProperty("example", out var example))
            {
                var name = parameter.GetProperty("name").GetString()!;
                if (parameter.GetProperty("in").GetString() == "path")
                {
                    path = path.Replace($"{{{name}}}", Uri.EscapeDataString(example.ToString()), StringComparison.Ordinal);
                }
                else
                {
                    query.Add($"{name}={Uri.EscapeDataString(example.ToString())}");
                }
            }
        }

        var request = new HttpRequestMessage(
            HttpMethod.Parse(method),
            HttpClientExtensions.Address(service.Client, path + (query.Count > 0 ? "?" + string.Join('&', query) : ""))
        );
        if (operation.TryGetProperty("requestBody", out var body))
        {
            var media = body.GetProperty("content").EnumerateObject().First(m => m.Value.TryGetProperty("example", out _));
            var example = media.Value.GetProperty("example");
            request.Content = new StringContent(
                example.ValueKind == JsonValueKind.String ? example.GetString()! : example.ToString(),
                Encoding.UTF8,
                media.Name
            );
        }

        return request;
    }

    private static string NameOf(JsonElement reference) => reference.GetProperty("$ref").GetString()!.Split('/')[^1];

    private static void Compare(JsonElement schemas, JsonElement schema, JsonElement example, string path)
    {
        if (schema.TryGetProperty("oneOf", out var choices))
        {
            schema = choices.EnumerateArray().Single(choice => choice.TryGetProperty("$ref", out _));
        }

        if (schema.TryGetProperty("$ref", out _))
        {
            schema = schemas.GetProperty(NameOf(schema));
        }

        if (example.ValueKind == JsonValueKind.Array && schema.TryGetProperty("items", out var items))
        {
            foreach (var element in example.EnumerateArray())
            {
                Compare(schemas, items, element, path + "[]");
            }
        }
        else if (example.ValueKind == JsonValueKind.Object && schema.TryGetProperty("properties", out var properties))
        {
            var optional = path.EndsWith("ProblemDetails", StringComparison.Ordinal);
            var names = properties
                .EnumerateObject()
                .Select(property => property.Name)
                .Where(name => !optional || example.TryGetProperty(name, out _));
            example.EnumerateObject().Select(property => property.Name).ShouldBe(names, ignoreOrder: true, path);
            foreach (var property in example.EnumerateObject())
            {
                Compare(schemas, properties.GetProperty(property.Name), property.Value, $"{path}.{property.Name}");
            }
        }
    }

    private static IEnumerable<JsonElement> Parameters(JsonElement operation) =>
        operation.TryGetProperty("parameters", out var parameters) ? parameters.EnumerateArray() : [];

    public sealed class Service(DatabaseServer server) : ServiceFixture(server)
    {
        protected override IReadOnlyDictionary<string, string> Settings { get; } =
            new Dictionary<string, string>(StringComparer.Ordinal)
            {
                ["Training:Enabled"] = "false",
                ["Training:Objective"] = "rating",
                ["Training:Epochs"] = "3",
            };

        public override async ValueTask InitializeAsync()
        {
            await base.InitializeAsync();
            // The prefix of a key is never the caller's choice, so no request could make the one that the examples name.
            await ScalarAsync<long>(
                "INSERT INTO api_keys (prefix, hash, name, roles, created_at) VALUES ('example0key1', '\\x00', 'example', '{score}', now()) RETURNING key_id"
            );
            var truth = GroundTruth.Create(
                new()
                {
                    Users = 60,
                    Items = 40,
                    Interactions = 900,
                }
            );
            await Client.SendTextAsync(
                HttpMethod.Post,
                "/v1/users/import",
                Lines(truth.Users.Select(u => new JsonObject { ["userId"] = u.Id })),
                "application/x-ndjson"
            );
            await Client.SendTextAsync(
                HttpMethod.Post,
                "/v1/items/import",
                Lines(truth.Items.Select(i => new JsonObject { ["itemId"] = i.Id })),
                "application/x-ndjson"
            );
            await Client.SendTextAsync(
                HttpMethod.Post,
                "/v1/interactions/import",
                Lines(
                    truth
                        .Interactions()
                        .Select(i => new JsonObject
                        {
                            ["userId"] = i.UserId,
                            ["itemId"] = i.ItemId,
                            ["type"] = "rating",
                            ["value"] = i.Value,
                        })
                ),
                "application/x-ndjson"
            );
            (await Client.TrainAsync()).GetProperty("modelVersion").GetInt64().ShouldBe(1);
            await Task.Delay(1500);
        }

        private static string Lines(IEnumerable<JsonObject> objects) => string.Join('\n', objects.Select(o => o.ToJsonString()));
    }
}
