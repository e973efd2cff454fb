using System.Net;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using RecService.Api.Tests.Fixtures;
using RecService.Api.Tests.Scoring;
using RecService.Client;
using RecService.Client.Sending;

namespace RecService.Api.Tests.Clients;

/// <summary>The .NET client as an application has it, with the service as it is.</summary>
public sealed class ClientTests(TrainedService service) : IClassFixture<TrainedService>, IAsyncLifetime
{
    private readonly ServiceCollection _application = new();
    private ServiceProvider? _services;

    private IRecServiceClient Client => _services!.GetRequiredService<IRecServiceClient>();

    public ValueTask InitializeAsync()
    {
        _application.AddRecServiceClient(options =>
        {
            options.BaseAddress = service.Client.BaseAddress;
            options.ApiKey = TestKey.Text;
        });
        _application.AddInteractionSender();
        _services = _application.BuildServiceProvider();
        return ValueTask.CompletedTask;
    }

    public ValueTask DisposeAsync() => _services!.DisposeAsync();

    [Fact]
    public void Every_operation_of_the_document_is_a_method()
    {
        using var document = JsonDocument.Parse(Contract.OfService.Text);
        var operations = document
            .RootElement.GetProperty("paths")
            .EnumerateObject()
            .SelectMany(path => path.Value.EnumerateObject())
            .Select(operation => operation.Value.GetProperty("operationId").GetString()!)
            .Select(name => $"{char.ToUpperInvariant(name[0])}{name[1..]}Async")
            .ToList();

        operations.Count.ShouldBeGreaterThan(40);
        // Health is for probes, and not in the document.
        operations.Add(nameof(IRecServiceClient.IsReadyAsync));
        typeof(IRecServiceClient).GetMethods().Select(method => method.Name).ShouldBe(operations, ignoreOrder: true);
    }

    [Fact]
    public async Task An_item_is_stored_and_read_with_all_that_it_has()
    {
        var input = new ItemInput
        {
            Tags = ["drama"],
            Attributes = new Dictionary<string, object> { ["year"] = 1999, ["languages"] = new[] { "en", "fr" } },
            Metadata = new Dictionary<string, object> { ["title"] = "Größe \"L\"", ["picture"] = new { width = 100 } },
            Available = false,
        };
        await Client.PutItemAsync("client/item 1", input);

        var item = await Client.GetItemAsync("client/item 1");

        item.ItemId.ShouldBe("client/item 1");
        item.Tags.ShouldBe(["drama"]);
        item.Available.ShouldBeFalse();
        ((JsonElement)item.Attributes["languages"]).EnumerateArray().Select(value => value.GetString()).ShouldBe(["en", "fr"]);
        ((JsonElement)item.Metadata!["picture"]).GetProperty("width").GetInt32().ShouldBe(100);
        await Client.DeleteItemAsync("client/item 1");
        (await Should.ThrowAsync<RecServiceException>(() => Client.GetItemAsync("client/item 1"))).StatusCode.ShouldBe(HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task Recommendations_are_explained_and_go_on_page_by_page()
    {
        var request = new RecommendationRequest
        {
            UserId = TrainedService.User(1),
            Context = new Dictionary<string, object> { ["device"] = "phone", ["hour"] = 18.5 },
            Count = 7,
            Include = [Include.Explanation],
            HistoryMode = HistoryMode.Extend,
        };

        var answer = await Client.RecommendAsync(request);
        var all = new List<RecommendedItem>();
        await foreach (var item in Client.EnumerateRecommendationsAsync(request))
        {
            all.Add(item);
        }

        answer.Source.ShouldBe(RecommendationSource.Model);
        answer.Items.ShouldAllBe(item => item.Explanation != null);
        all.Take(7).Select(item => item.ItemId).ShouldBe(answer.Items.Select(item => item.ItemId));
        all.Count.ShouldBeGreaterThan(14);
        all.Select(item => item.ItemId).ShouldBeUnique();
    }

    [Fact]
    public async Task Cross_features_are_arrays()
    {
        var answer = await Client.CrossFeaturesAsync(new() { Rows = [new() { UserId = TrainedService.User(1), ItemId = TrainedService.Item(1) }] });

        float[] vector = answer.Rows[0].CrossVector;
        vector.Length.ShouldBe(answer.Factors);
        (answer.Rows[0].Bias + answer.Rows[0].Linear + vector.Sum()).ShouldBe(answer.Rows[0].Score, 1e-4);
        float[] pooled = answer.Rows[0].Pooled["user"];
        pooled.Length.ShouldBe(answer.Factors);
    }

    [Fact]
    public async Task Users_and_items_and_interactions_are_enumerated_over_all_pages()
    {
        await EachOnceAsync(Client.EnumerateUsersAsync(), user => user.UserId, TrainedService.Users);
        await EachOnceAsync(Client.EnumerateItemsAsync(), item => item.ItemId, TrainedService.Items);
        await EachOnceAsync(
            Client.EnumerateInteractionsAsync(type: "rating"),
            rating => $"{rating.UserId} {rating.ItemId}",
            TrainedService.Users * TrainedService.RatingsPerUser
        );
        await EachOnceAsync(Client.EnumerateModelsAsync(), model => $"{model.Version}", 1);
        await EachOnceAsync(Client.EnumerateTrainingRunsAsync(), run => $"{run.RunId}", 1);
    }

    [Fact]
    public async Task A_run_is_followed_to_its_end()
    {
        var run = await Client.EnumerateTrainingRunsAsync().FirstAsync();

        var told = await Client.FollowTrainingRunAsync(run.RunId).ToListAsync();

        told.SkipLast(1).Select(progress => progress.Epoch).ShouldBe(run.Epochs);
        told[^1].Finished!.Status.ShouldBe(TrainingRunStatus.Succeeded);
        told[^1].Finished!.ModelVersion.ShouldBe(service.ModelVersion);
        told[^1].Finished!.Settings.Objective.ShouldBe(TrainingObjective.Rating);
    }

    [Fact]
    public async Task Lines_are_imported_and_bad_ones_named()
    {
        var lines = Enumerable.Range(0, 5_000).Select(i => new UserLineInput { UserId = i == 1_234 ? "" : TrainedService.User(i % TrainedService.Users) });

        var answer = await Client.ImportUsersAsync(lines);

        answer.Rejected.ShouldBe(1);
        answer.Errors.Single().Line.ShouldBe(1_235);
    }

    [Fact]
    public async Task An_import_that_is_refused_tells_why()
    {
        using var csv = new MemoryStream("userId,colour\nu1,red\n"u8.ToArray());

        var refusal = await Should.ThrowAsync<RecServiceException>(() => Client.ImportUsersAsync(new FileParameter(csv, null, "text/csv")));

        refusal.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
        refusal.Problem!.Errors!.Keys.ShouldBe(["colour"]);
    }

    [Fact]
    public async Task An_export_is_a_stream()
    {
        using var export = await Client.ExportItemsAsync(ExportFormat.Ndjson);
        using var reader = new StreamReader(export.Stream);

        (await reader.ReadToEndAsync()).Split('\n', StringSplitOptions.RemoveEmptyEntries).Length.ShouldBe(TrainedService.Items);
    }

    [Fact]
    public async Task The_sender_stores_what_is_good_and_names_what_is_not()
    {
        var sender = _services!.GetRequiredService<InteractionSender>();
        for (var i = 0; i < 300; i++)
        {
            await sender.SendAsync(
                new()
                {
                    UserId = TrainedService.User(i % TrainedService.Users),
                    ItemId = i == 100 ? "" : TrainedService.Item(i % TrainedService.Items),
                    Type = "seen-by-sender",
                }
            );
        }

        await sender.FlushAsync();

        (sender.Accepted, sender.Rejected, sender.Dropped).ShouldBe((299, 1, 0));
        (await service.ScalarAsync<long>("SELECT count(*) FROM interactions WHERE type = 'seen-by-sender'")).ShouldBe(299);
    }

    private static async Task EachOnceAsync<T>(IAsyncEnumerable<T> elements, Func<T, string> id, int count)
    {
        var ids = await elements.Select(id).ToListAsync();
        ids.ShouldBeUnique();
        ids.Count.ShouldBe(count);
    }
}
