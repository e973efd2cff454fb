using System.Text.Json.Nodes;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;
using RecService.Api.Access;
using RecService.Api.Domain;
using RecService.Api.Http;
using RecService.Api.Http.Queries;
using RecService.Api.Models;
using RecService.Api.Scoring;

namespace RecService.Api.Operations;

/// <summary>The examples of the OpenAPI document. They work as they are on the data that the demo loads.</summary>
internal static class OperationExamples
{
    public const string KeyPrefix = "example0key1";

    private const string TooLongId = "is longer than 256 characters";
    private const string User = "user-0001";
    private const string Item = "item-0001";
    private const string NewUser = "example-user";
    private const string NewItem = "example-item";

    private const string InteractionJson =
        $$$"""{"interactionId": "example-1", "userId": "{{{NewUser}}}", "itemId": "{{{Item}}}", "type": "rating", "value": 4.5, "occurredAt": "2026-01-01T12:00:00Z", "context": {"device": "phone"}}""";

    private static readonly Dictionary<string, Example> ByOperation = new(StringComparer.Ordinal)
    {
        ["putUser"] = new([new("userId", NewUser)], """{"tags": ["newsletter"], "attributes": {"age": 34, "city": "Rome", "member": true}}"""),
        ["getUser"] = new([new("userId", User)]),
        ["deleteUser"] = new([new("userId", NewUser)]),
        ["listUsers"] = new([new("limit", 10)]),
        ["importUsers"] = new(
            [],
            $$$"""{"userId": "{{{NewUser}}}", "tags": ["newsletter"], "attributes": {"age": 34}}""" + "\n",
            "application/x-ndjson"
        ),
        ["putItem"] = new(
            [new("itemId", NewItem)],
            """{"tags": ["drama", "war"], "attributes": {"year": 1990}, "available": true, "metadata": {"title": "An example", "picture": "https://example.com/1.jpg"}}"""
        ),
        ["getItem"] = new([new("itemId", Item)]),
        ["deleteItem"] = new([new("itemId", NewItem)]),
        ["listItems"] = new([new("limit", 10)]),
        ["importItems"] = new(
            [],
            $$$"""{"itemId": "{{{NewItem}}}", "tags": ["drama"], "metadata": {"title": "An example"}}""" + "\n",
            "application/x-ndjson"
        ),
        ["postInteractions"] = new([], $$$"""{"interactions": [{{{InteractionJson}}}]}"""),
        ["importInteractions"] = new([], InteractionJson + "\n", "application/x-ndjson"),
        ["listInteractions"] = new([new("userId", User), new("limit", 10)]),
        ["listInteractionTypes"] = new([]),
        ["deleteInteractions"] = new([new("userId", NewUser), new("type", "rating")]),
        ["exportInteractions"] = new([]),
        ["exportUsers"] = new([]),
        ["exportItems"] = new([]),
        ["recommend"] = new(
            [],
            $$$"""{"userId": "{{{User}}}", "context": {"device": "phone"}, "count": 5, "filter": {"excludeSeen": true}, "include": ["explanation"]}"""
        ),
        ["recommendBatch"] = new([], $$$"""{"requests": [{"userId": "{{{User}}}", "count": 5}, {"userId": "user-0002", "count": 5}]}"""),
        ["listPopularItems"] = new([new("count", 5), new("since", "2026-01-01T00:00:00Z"), new("userId", User)]),
        ["listSimilarItems"] = new([new("itemId", Item), new("count", 5), new("userId", User)]),
        ["listNextItems"] = new([new("itemId", Item), new("count", 5), new("userId", User)]),
        ["scoreItems"] = new(
            [],
            $$$"""{"userId": "{{{User}}}", "context": {"device": "phone"}, "itemIds": ["item-0001", "item-0002", "item-0003"], "include": ["crossVector"]}"""
        ),
        ["crossFeatures"] = new(
            [new("part", "cross")],
            $$$"""{"rows": [{"userId": "{{{User}}}", "itemId": "{{{Item}}}", "context": {"device": "phone"}}, {"userId": "{{{User}}}", "itemId": "item-0002"}]}"""
        ),
        ["planTrainingRun"] = new([]),
        ["listTrainingRuns"] = new([new("limit", 10)]),
        ["getTrainingRun"] = new([new("runId", 1)]),
        ["cancelTrainingRun"] = new([new("runId", 1)]),
        ["watchTrainingRun"] = new([new("runId", 1)]),
        ["createApiKey"] = new([], """{"name": "shop, scoring", "roles": ["score"], "expiresAt": "2099-01-01T00:00:00Z"}"""),
        ["listApiKeys"] = new([new("limit", 10)]),
        ["getApiKey"] = new([new("prefix", KeyPrefix)]),
        ["rotateApiKey"] = new([new("prefix", KeyPrefix), new("graceSeconds", 3600)]),
        ["revokeApiKey"] = new([new("prefix", KeyPrefix)]),
        ["listAuditLog"] = new([new("action", "key.create"), new("limit", 10)]),
        ["listModels"] = new([new("limit", 10)]),
        ["getModel"] = new([new("version", 1)]),
        ["activateModel"] = new([new("version", 1)]),
        ["exportModel"] = new([new("version", 1), new("format", "onnx")]),
        ["pinModel"] = new([new("version", 1)]),
        ["unpinModel"] = new([new("version", 1)]),
    };

    private static readonly Dictionary<string, (string Field, string Reason)> Faults = new(StringComparer.Ordinal)
    {
        ["putUser"] = ("attributes.age", AttributeValueConverter.Allowed),
        ["putItem"] = ("metadata", "must be an object"),
        ["importUsers"] = ("$", "does not decompress by its Content-Encoding"),
        ["importItems"] = ("$", "does not decompress by its Content-Encoding"),
        ["postInteractions"] = ("interactions[0].itemId", "is required"),
        ["importInteractions"] = ("$", "does not decompress by its Content-Encoding"),
        ["deleteInteractions"] = ("$", "must name at least one of userId, itemId, type, from and to"),
        ["recommend"] = ("count", $"must be from 1 to {RequestValidation.MaximumCount}"),
        ["recommendBatch"] = ("requests", $"must be an array of 1 to {RecommendationBatchRequest.MaxCount} requests"),
        ["scoreItems"] = ("itemIds", "must name at least one candidate"),
        ["crossFeatures"] = ("rows[0].context.device", AttributeValueConverter.Allowed),
        ["exportModel"] = ("format", $"must be one of {ModelExport.Rfm}, {ModelExport.Safetensors}, {ModelExport.Onnx}"),
        ["createApiKey"] = ("roles[0]", $"must be one of {string.Join(", ", Roles.All)}"),
        ["rotateApiKey"] = ("graceSeconds", $"must be from 0 to {ApiKeyEndpoints.MostGraceSeconds}"),
    };

    public static Task ApplyAsync(OpenApiOperation operation, OpenApiOperationTransformerContext context, CancellationToken cancellationToken)
    {
        if (operation.OperationId is null || !ByOperation.TryGetValue(operation.OperationId, out var example))
        {
            return Task.CompletedTask;
        }

        foreach (var parameter in operation.Parameters?.OfType<OpenApiParameter>() ?? [])
        {
            foreach (var (name, value) in example.Parameters)
            {
                if (name == parameter.Name)
                {
                    parameter.Example = value.DeepClone();
                }
            }
        }
        if (example.Body is not null && operation.RequestBody?.Content is { } content && content.TryGetValue(example.MediaType, out var body))
        {
            body.Example = example.MediaType == "application/json" ? JsonNode.Parse(example.Body) : JsonValue.Create(example.Body);
        }

        return Task.CompletedTask;
    }

    /// <summary>A field of the operation with what may be wrong with it, as an answer with status 400 would say it.</summary>
    public static (string Field, string Reason) FaultOf(OpenApiOperation operation)
    {
        if (operation.OperationId is { } name && Faults.TryGetValue(name, out var fault))
        {
            return fault;
        }

        bool Takes(string parameter) => operation.Parameters?.Any(p => p.Name == parameter) == true;
        return Takes("limit") ? ("limit", $"must be from 1 to {Paging.MaxLimit}")
            : Takes("count") ? ("count", $"must be from 1 to {RequestValidation.MaximumCount}")
            : Takes("userId") ? ("userId", TooLongId)
            : Takes("itemId") ? ("itemId", TooLongId)
            : ("verbose", QueryParameters.Unknown);
    }

    private sealed record Example(KeyValuePair<string, JsonNode>[] Parameters, string? Body = null, string MediaType = "application/json");
}
