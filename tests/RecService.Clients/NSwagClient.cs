using RecService.Clients.NSwag;

namespace RecService.Clients;

internal static class NSwagClient
{
    public static async Task RunAsync(HttpClient http, CancellationToken cancellationToken)
    {
        var expected = new Expected("nswag");
        var client = new RecServiceClient(http) { BaseUrl = http.BaseAddress!.ToString() };
        await IngestAsync(client, expected, cancellationToken);
        await TrainAsync(client, expected, cancellationToken);
        await RecommendAsync(client, expected, cancellationToken);
        await ExportAsync(client, expected, cancellationToken);

        var key = await client.CreateApiKeyAsync(new() { Name = "generated", Roles = [Roles.Score] }, cancellationToken);
        Expected.Same(Roles2.Score, key.Record.Roles.Single(), "the role of a key");
        try
        {
            await client.RecommendAsync(new() { Count = 0 }, cancellationToken);
            throw new InvalidOperationException("A request for nothing was answered.");
        }
        catch (ApiException<HttpValidationProblemDetails> problem)
        {
            Expected.Same("must be from 1 to 1000", problem.Result.Errors!["count"].Single(), "the reason");
            expected.Say($"a bad request names its field: count {problem.Result.Errors["count"].Single()}");
        }
    }

    private static async Task IngestAsync(RecServiceClient client, Expected expected, CancellationToken cancellationToken)
    {
        var lines = new FileParameter(expected.ItemLines(), fileName: null, contentType: "application/x-ndjson");
        var import = await client.ImportItemsAsync(columns: null, ignore: null, lines, cancellationToken);
        Expected.Same(Expected.Items, import.Accepted, "items imported");
        await client.PutItemAsync(
            expected.Item,
            new()
            {
                Tags = ["tag-0"],
                Attributes = new Dictionary<string, object> { ["year"] = 1990, ["new"] = true },
                Metadata = new Dictionary<string, object> { ["title"] = Expected.Title },
            },
            cancellationToken
        );
        var item = await client.GetItemAsync(expected.Item, cancellationToken);
        Expected.Same(Expected.Title, item.Metadata!["title"].ToString(), "the title");
        Expected.Same("1990", item.Attributes["year"].ToString(), "the year");

        var interactions = Enumerable
            .Range(0, Expected.Users * Expected.InteractionsOfUser)
            .Select(i => new InteractionInput
            {
                UserId = expected.UserOf(i % Expected.Users),
                ItemId = expected.ItemOf((i + (i / Expected.Users)) % Expected.Items),
                Type = "purchase",
                OccurredAt = DateTimeOffset.UtcNow.AddMinutes(-i),
                Context = new Dictionary<string, object> { ["device"] = "phone", ["hour"] = 18.5 },
            });
        var batch = await client.PostInteractionsAsync(idempotency_Key: null, new() { Interactions = [.. interactions] }, cancellationToken);
        Expected.Same(Expected.Users * Expected.InteractionsOfUser, batch.Accepted, "interactions posted");
        var csv = new FileParameter(expected.InteractionRows(), fileName: null, contentType: "text/csv");
        var rows = await client.ImportInteractionsAsync(idempotency_Key: null, columns: null, ignore: null, csv, cancellationToken);
        Expected.Same(2, rows.Accepted, "rows imported");
        var page = await client.ListInteractionsAsync(expected.User, null, null, null, null, 10, null, cancellationToken);
        Expected.Same("phone", page.Interactions.First().Context["device"].ToString(), "the device");
        expected.Say($"{import.Accepted} items and {rows.Accepted} rows imported, {batch.Accepted} interactions with a context posted and read");
    }

    private static async Task TrainAsync(RecServiceClient client, Expected expected, CancellationToken cancellationToken)
    {
        var run = await client.StartTrainingRunAsync(cancellationToken);
        while (run.Status == TrainingRunResponseStatus.Running)
        {
            await Task.Delay(200, cancellationToken);
            run = await client.GetTrainingRunAsync(run.RunId, cancellationToken);
        }

        Expected.Same(TrainingRunResponseStatus.Succeeded, run.Status, $"run {run.RunId}");
        Expected.Same(TrainingRunSettingsObjective.Next, run.Settings.Objective, "the objective");
        var model = await client.GetModelAsync(run.ModelVersion!.Value, cancellationToken);
        expected.Say($"run {run.RunId} trained model {model.Version} in {run.Epochs.Count} epochs, {run.Metrics!.HoldoutRows} rows held out");
    }

    private static async Task RecommendAsync(RecServiceClient client, Expected expected, CancellationToken cancellationToken)
    {
        var answer = await client.RecommendAsync(
            new()
            {
                UserId = expected.User,
                Context = new Dictionary<string, object> { ["device"] = "phone" },
                Count = 3,
                Include = [Include.Explanation],
            },
            cancellationToken
        );
        Expected.Same(3, answer.Items.Count, "recommended items");
        Expected.Same(true, answer.Items.All(item => item.Explanation is not null), "that items are explained");
        var vectors = await client.CrossFeaturesAsync(
            Part.Cross,
            new() { Rows = [new() { UserId = expected.User, ItemId = expected.Item }] },
            cancellationToken
        );
        Expected.Same(vectors.Factors, vectors.Rows.Single().CrossVector.Count, "the length of a cross vector");
        expected.Say($"recommended {string.Join(", ", answer.Items.Select(item => item.ItemId))}, vectors of {vectors.Factors}");
    }

    private static async Task ExportAsync(RecServiceClient client, Expected expected, CancellationToken cancellationToken)
    {
        using var export = await client.ExportInteractionsAsync(format: null, cancellationToken);
        var lines = await expected.CountAsync(export.Stream);
        Expected.Same((Expected.Users * Expected.InteractionsOfUser) + 2, lines, "exported interactions");
        using var file = await client.ExportModelAsync(
            (await client.ListModelsAsync(1, null, cancellationToken)).Models.Single().Version,
            format: null,
            cancellationToken
        );
        using var bytes = new MemoryStream();
        await file.Stream.CopyToAsync(bytes, cancellationToken);
        Expected.Same(true, bytes.Length > 0, "that a model has bytes");
        expected.Say($"{lines} interactions and a model of {bytes.Length} bytes exported");
    }
}
