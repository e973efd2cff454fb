using Microsoft.Kiota.Abstractions.Authentication;
using Microsoft.Kiota.Abstractions.Serialization;
using Microsoft.Kiota.Http.HttpClientLibrary;
using RecService.Clients.Kiota;
using RecService.Clients.Kiota.Models;
using RecService.Clients.Kiota.V1.CrossFeatures;

namespace RecService.Clients;

internal static class KiotaClient
{
    public static async Task RunAsync(HttpClient http, CancellationToken cancellationToken)
    {
        var expected = new Expected("kiota");
        using var adapter = new HttpClientRequestAdapter(new AnonymousAuthenticationProvider(), httpClient: http)
        {
            BaseUrl = http.BaseAddress!.ToString().TrimEnd('/'),
        };
        var client = new RecServiceClient(adapter);
        await IngestAsync(client, expected, cancellationToken);
        await TrainAsync(client, expected, cancellationToken);
        await RecommendAsync(client, expected, cancellationToken);
        await ExportAsync(client, expected, cancellationToken);

        var key = await client.V1.ApiKeys.PostAsync(
            new() { Name = "generated", Roles = [ApiKeyInput_roles.Score] },
            cancellationToken: cancellationToken
        );
        Expected.Same(ApiKeyResponse_roles.Score, key!.Record!.Roles!.Single()!.Value, "the role of a key");
        try
        {
            await client.V1.Recommendations.PostAsync(new() { Count = 0 }, cancellationToken: cancellationToken);
            throw new InvalidOperationException("A request for nothing was answered.");
        }
        catch (HttpValidationProblemDetails problem)
        {
            var reasons = (UntypedArray)problem.Errors!.AdditionalData["count"];
            var reason = ((UntypedString)reasons.GetValue().Single()).GetValue();
            Expected.Same("must be from 1 to 1000", reason, "the reason");
            expected.Say($"a bad request names its field: count {reason}");
        }
    }

    private static async Task IngestAsync(RecServiceClient client, Expected expected, CancellationToken cancellationToken)
    {
        var import = await client.V1.Items.Import.PostAsync(expected.ItemLines(), "application/x-ndjson", cancellationToken: cancellationToken);
        Expected.Same(Expected.Items, import!.Accepted, "items imported");
        await client
            .V1.Items[expected.Item]
            .PutAsync(
                new()
                {
                    Tags = ["tag-0"],
                    Attributes = new() { AdditionalData = { ["year"] = 1990, ["new"] = true } },
                    Metadata = new() { AdditionalData = { ["title"] = Expected.Title } },
                },
                cancellationToken: cancellationToken
            );
        var item = await client.V1.Items[expected.Item].GetAsync(cancellationToken: cancellationToken);
        Expected.Same(Expected.Title, Text(item!.Metadata!.AdditionalData["title"]), "the title");
        Expected.Same("1990", Text(item.Attributes!.AdditionalData["year"]), "the year");

        var interactions = Enumerable
            .Range(0, Expected.Users * Expected.InteractionsOfUser)
            .Select(i => new InteractionInput
            {
                UserId = expected.UserOf(i % Expected.Users),
                ItemId = expected.ItemOf((i + (i / Expected.Users)) % Expected.Items),
                Type = "purchase",
                OccurredAt = DateTimeOffset.UtcNow.AddMinutes(-i),
                Context = new() { AdditionalData = { ["device"] = "phone", ["hour"] = 18.5 } },
            });
        var batch = await client.V1.Interactions.PostAsync(new() { Interactions = [.. interactions] }, cancellationToken: cancellationToken);
        Expected.Same(Expected.Users * Expected.InteractionsOfUser, batch!.Accepted, "interactions posted");
        var rows = await client.V1.Interactions.Import.PostAsync(expected.InteractionRows(), "text/csv", cancellationToken: cancellationToken);
        Expected.Same(2, rows!.Accepted, "rows imported");
        var page = await client.V1.Interactions.GetAsync(request => request.QueryParameters.UserId = expected.User, cancellationToken);
        Expected.Same("phone", Text(page!.Interactions![0].Context!.AdditionalData["device"]), "the device");
        expected.Say($"{import.Accepted} items and {rows.Accepted} rows imported, {batch.Accepted} interactions with a context posted and read");
    }

    private static async Task TrainAsync(RecServiceClient client, Expected expected, CancellationToken cancellationToken)
    {
        var run = await client.V1.TrainingRuns.PostAsync(cancellationToken: cancellationToken);
        while (run!.Status == TrainingRunResponse_status.Running)
        {
            await Task.Delay(200, cancellationToken);
            run = await client.V1.TrainingRuns[run.RunId!.Value].GetAsync(cancellationToken: cancellationToken);
        }

        Expected.Same(TrainingRunResponse_status.Succeeded, run.Status!.Value, $"run {run.RunId}");
        Expected.Same(TrainingRunSettings_objective.Next, run.Settings!.Objective!.Value, "the objective");
        var model = await client.V1.Models[run.ModelVersion!.Value].GetAsync(cancellationToken: cancellationToken);
        expected.Say($"run {run.RunId} trained model {model!.Version} in {run.Epochs!.Count} epochs, {run.Metrics!.HoldoutRows} rows held out");
    }

    private static async Task RecommendAsync(RecServiceClient client, Expected expected, CancellationToken cancellationToken)
    {
        var answer = await client.V1.Recommendations.PostAsync(
            new()
            {
                UserId = expected.User,
                Context = new() { AdditionalData = { ["device"] = "phone" } },
                Count = 3,
                Include = [RecommendationRequest_include.Explanation],
            },
            cancellationToken: cancellationToken
        );
        Expected.Same(3, answer!.Items!.Count, "recommended items");
        Expected.Same(true, answer.Items.All(item => item.Explanation is not null), "that items are explained");
        var vectors = await client.V1.CrossFeatures.PostAsync(
            new() { Rows = [new() { UserId = expected.User, ItemId = expected.Item }] },
            request => request.QueryParameters.PartAsPostPartQueryParameterType = PostPartQueryParameterType.Cross,
            cancellationToken
        );
        Expected.Same(vectors!.Factors!.Value, vectors.Rows!.Single().CrossVector!.Count, "the length of a cross vector");
        expected.Say($"recommended {string.Join(", ", answer.Items.Select(item => item.ItemId))}, vectors of {vectors.Factors}");
    }

    private static async Task ExportAsync(RecServiceClient client, Expected expected, CancellationToken cancellationToken)
    {
        await using var export = await client.V1.Interactions.Export.GetAsync(cancellationToken: cancellationToken);
        var lines = await expected.CountAsync(export!);
        Expected.Same((Expected.Users * Expected.InteractionsOfUser) + 2, lines, "exported interactions");
        var newest = (await client.V1.Models.GetAsync(request => request.QueryParameters.Limit = 1, cancellationToken))!.Models!.Single();
        await using var file = await client.V1.Models[newest.Version!.Value].Export.GetAsync(cancellationToken: cancellationToken);
        using var bytes = new MemoryStream();
        await file!.CopyToAsync(bytes, cancellationToken);
        Expected.Same(true, bytes.Length > 0, "that a model has bytes");
        expected.Say($"{lines} interactions and a model of {bytes.Length} bytes exported");
    }

    private static string? Text(object value) => Convert.ToString(value, System.Globalization.CultureInfo.InvariantCulture);
}
