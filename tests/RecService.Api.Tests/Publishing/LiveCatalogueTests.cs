using System.Net;
using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using RecService.Api.Models;
using RecService.Api.Publishing;
using RecService.Api.Tests.Fixtures;
using RecService.Api.Tests.Training;
using RecService.Engine.Data;
using RecService.Engine.Model;
using RecService.Engine.Scoring;

namespace RecService.Api.Tests.Publishing;

/// <summary>Changes of items in the snapshot of another process than the one that made them.</summary>
public sealed class LiveCatalogueTests(LiveCatalogueTests.Service service, DatabaseServer server) : IClassFixture<LiveCatalogueTests.Service>
{
    [Fact]
    public async Task A_change_of_an_item_is_applied_to_its_rows_alone()
    {
        using var other = await OtherAsync();
        await service.ImportAsync("many", 2_500);
        await other.RefreshAsync();
        var (catalog, model) = (other.Current.Catalog, other.Current.Model!);
        var first = catalog.IndexOf("many0")!.Value;
        // Which they are depends on the places that the store had for them.
        var far = Enumerable.Range(0, catalog.Count).First(index => catalog.ChunkOf(index) != catalog.ChunkOf(first));

        await service.Client.PutJsonAsync("/v1/items/many0", new { tags = new[] { "even" }, attributes = new { colour = "red" }, available = false });
        await other.RefreshAsync();

        var now = other.Current.Catalog;
        now.Items[first].Facts.Available.ShouldBeFalse();
        now.Items[first].Facts.Tags.ShouldBe(["even"]);
        now.Tagged("even").ShouldContain(first);
        now.Tagged("odd").ShouldNotContain(first);
        now.ChunkOf(far).ShouldBeSameAs(catalog.ChunkOf(far));
        now.ChunkOf(first).ShouldNotBeSameAs(catalog.ChunkOf(first));
        other.Current.Model!.Model.ShouldBeSameAs(model.Model);
        catalog.Items[first].Facts.Available.ShouldBeTrue("whoever has taken the snapshot keeps it");
    }

    [Fact]
    public async Task Only_what_has_changed_is_read()
    {
        var reader = service.Factory.Services.GetRequiredService<CatalogReader>();
        await service.ImportAsync("kept", 100);
        var moment = (await reader.ReadAsync(encoder: null, CancellationToken.None)).Moment;
        await service.Client.PutJsonAsync("/v1/items/kept7", new { tags = new[] { "odd" }, attributes = new { size = 3 } });
        await service.Client.PutJsonAsync("/v1/items/kept7", new { tags = new[] { "prime" } });
        await service.Client.DeleteJsonAsync("/v1/items/kept8", HttpStatusCode.NoContent);

        var blocks = new List<CatalogChanges>();
        var until = await reader.ReadChangesAsync(moment, Take, CancellationToken.None);
        blocks.SelectMany(block => block.Items).Select(item => item.ItemId).ShouldBe(["kept7"]);
        blocks.SelectMany(block => block.Features).Single().Tags.ShouldBe(["prime"]);
        blocks.SelectMany(block => block.Deleted).Count().ShouldBe(1);

        blocks.Clear();
        await reader.ReadChangesAsync(until!, Take, CancellationToken.None);
        blocks.SelectMany(block => block.Items).ShouldBeEmpty();

        Task Take(CatalogChanges changes)
        {
            blocks.Add(changes);
            return Task.CompletedTask;
        }
    }

    [Fact]
    public async Task A_new_item_ranks_as_in_a_snapshot_made_anew_and_a_deleted_one_is_gone()
    {
        using var other = await OtherAsync();
        var before = other.Current.Catalog.Count;
        await service.Client.PutJsonAsync("/v1/items/fresh", new { tags = new[] { "t1" } }, HttpStatusCode.Created);
        await other.RefreshAsync();

        var index = other.Current.Catalog.IndexOf("fresh").ShouldNotBeNull();
        index.ShouldBe(before);
        using (var anew = await OtherAsync())
        {
            SameRanking(other.Current, anew.Current);
            anew.Current.Catalog.IndexOf("fresh").ShouldNotBe(index, "by id, in a catalogue that was read as a whole");
        }

        await service.Client.DeleteJsonAsync("/v1/items/fresh", HttpStatusCode.NoContent);
        await other.RefreshAsync();
        other.Current.Catalog.IndexOf("fresh").ShouldBeNull();
        other.Current.Catalog.Items[index].Facts.Available.ShouldBeFalse();

        await service.Client.PutJsonAsync("/v1/items/fresh", new { tags = new[] { "t2" } }, HttpStatusCode.Created);
        await other.RefreshAsync();
        other.Current.Catalog.IndexOf("fresh").ShouldBe(index);
        using var last = await OtherAsync();
        SameRanking(other.Current, last.Current);
    }

    [Fact]
    public async Task An_item_without_a_finite_score_is_named_and_ranks_as_one_that_nothing_is_known_of()
    {
        var reader = service.Factory.Services.GetRequiredService<CatalogReader>();
        var served = service.Factory.Services.GetRequiredService<Publisher>().Current.Model!.Model;
        var weights = new float[served.Space.ColumnCount];
        // Finite for one column, not for an id and a tag together.
        Array.Fill(weights, float.MaxValue);
        var wild = new LoadedModel(
            1,
            DateTimeOffset.UnixEpoch,
            new FactorizationModel(
                served.Space,
                served.Crossing,
                served.Loss,
                served.Factors,
                bias: 0,
                weights,
                new float[served.Space.FactorCount * served.Stride],
                served.TargetMinimum,
                served.TargetMaximum,
                served.Features
            ),
            erasureHorizon: 0
        );
        var encoder = new ItemEncoder(wild);
        var (catalog, _) = await reader.ReadAsync(encoder, CancellationToken.None);
        var (tagged, plain) = (catalog.IndexOf("i0")!.Value, catalog.IndexOf("i1")!.Value);

        var (model, unfit) = RankingModel.Prepare(wild, encoder, catalog);
        unfit.ShouldBe([tagged]);
        model.Ranker.Score(default, plain).ShouldBe(float.MaxValue);

        var (next, left) = model.With(
            catalog.Count,
            [plain, tagged],
            [EntityFeatures.Create("i1", ["known"], []), EntityFeatures.Create("i0", [], [])]
        );
        left.ShouldBe([plain]);
        next.Ranker.Score(default, plain).ShouldBe(0);
        next.Ranker.Score(default, tagged).ShouldBe(float.MaxValue);
        model.Ranker.Score(default, plain).ShouldBe(float.MaxValue, "whoever has the former one keeps it");
    }

    [Fact]
    public async Task An_import_of_thousands_is_followed_in_blocks()
    {
        using var other = await OtherAsync();
        await service.ImportAsync("bulk", 12_000);
        await other.RefreshAsync();

        for (var i = 0; i < 12_000; i += 1_111)
        {
            other.Current.Catalog.IndexOf($"bulk{i}").ShouldNotBeNull();
        }

        using var anew = await OtherAsync();
        SameRanking(other.Current, anew.Current);
        await service.ScalarAsync<long>("WITH d AS (DELETE FROM items WHERE item_id LIKE 'bulk%' RETURNING 1) SELECT count(*) FROM d");
        await other.RefreshAsync();
        other.Current.Catalog.IndexOf("bulk1").ShouldBeNull();
        other.Current.Catalog.Count.ShouldBeLessThan(12_000, "more than a quarter was of deleted items");
        other.Current.Catalog.Deleted.ShouldBe(0);
    }

    [Fact]
    public async Task A_transaction_that_commits_late_is_not_missed_and_what_it_rolled_back_does_not_count()
    {
        using var other = await OtherAsync();
        await using var connection = await service.Database.OpenConnectionAsync();
        await using var late = await connection.BeginTransactionAsync();
        await using (var insert = new NpgsqlCommand("INSERT INTO items (item_id, created_at, updated_at) VALUES ('late', now(), now())", connection))
        {
            await insert.ExecuteNonQueryAsync();
        }

        await service.Client.PutJsonAsync("/v1/items/early", new { }, HttpStatusCode.Created);
        await other.RefreshAsync();
        other.Current.Catalog.IndexOf("early").ShouldNotBeNull();
        other.Current.Catalog.IndexOf("late").ShouldBeNull();
        await late.CommitAsync();
        await other.RefreshAsync();
        other.Current.Catalog.IndexOf("late").ShouldNotBeNull();
    }

    [Fact]
    public async Task A_new_model_takes_up_all_that_happened_while_it_was_built()
    {
        using var other = await OtherAsync();
        using var stop = new CancellationTokenSource();
        var writing = Task.Run(async () =>
        {
            var written = 0;
            for (; !stop.IsCancellationRequested; written++)
            {
                await service.Client.PutJsonAsync($"/v1/items/while{written}", new { }, HttpStatusCode.Created);
            }

            return written;
        });
        var version = (await service.Client.TrainAsync()).GetProperty("modelVersion").GetInt64();
        await other.RefreshAsync();
        await stop.CancelAsync();
        var count = await writing;
        await other.RefreshAsync();

        other.Current.Model!.Version.ShouldBe(version);
        Enumerable.Range(0, count).ShouldAllBe(i => other.Current.Catalog.IndexOf($"while{i}") != null);
        using var anew = await OtherAsync();
        SameRanking(other.Current, anew.Current);
    }

    [Fact]
    public async Task Items_that_were_truncated_are_gone()
    {
        await using var own = new Service(server);
        await own.InitializeAsync();
        var publisher = own.Factory.Services.GetRequiredService<Publisher>();
        await publisher.RefreshAsync(retryRefused: false, CancellationToken.None);
        publisher.Current.Items.ShouldBeGreaterThan(0);
        await using (var command = own.Database.CreateCommand("TRUNCATE items CASCADE"))
        {
            await command.ExecuteNonQueryAsync();
        }

        await publisher.RefreshAsync(retryRefused: false, CancellationToken.None);
        publisher.Current.Catalog.Count.ShouldBe(0);
    }

    [Fact]
    public async Task Another_process_recommends_an_item_that_was_stored_through_this_one()
    {
        using var process = new ServiceProcess(("ConnectionStrings:RecService", service.ConnectionString), ("Training:Enabled", "false"));
        using var client = await process.ClientAsync();
        await service.Client.PutJsonAsync("/v1/items/across", new { tags = new[] { "t1" } }, HttpStatusCode.Created);

        using var limit = new CancellationTokenSource(Backstop.Limit);
        var request = new JsonObject { ["filter"] = new JsonObject { ["itemIds"] = new JsonArray("across") } };
        while ((await client.PostJsonAsync("/v1/recommendations", request.DeepClone())).GetProperty("items").GetArrayLength() == 0)
        {
            await Task.Delay(20, limit.Token);
        }
    }

    private static void SameRanking(Snapshot followed, Snapshot anew)
    {
        Ranked(followed).ShouldBe(Ranked(anew));
        followed.Catalog.ByPopularity.Select(item => followed.Catalog.Items[item])
            .Where(item => item.ItemKey != 0)
            .Select(item => item.ItemId)
            .ShouldBe(anew.Catalog.ByPopularity.Select(item => anew.Catalog.Items[item].ItemId));
    }

    private static IEnumerable<(string, float)> Ranked(Snapshot snapshot)
    {
        var available = new ItemSet(snapshot.Catalog.Count);
        available.CopyFrom(snapshot.Catalog.Available, snapshot.Catalog.Count);
        return snapshot.Model!.Ranker.Top(default, 200, available).Select(ranked => (snapshot.Catalog.Items[ranked.Item].ItemId, ranked.Score));
    }

    private async Task<OtherPublisher> OtherAsync()
    {
        var other = new OtherPublisher(service.Factory.Services);
        await other.RefreshAsync();
        return other;
    }

    /// <summary>A publisher of its own, as a second process has one, which looks for changes when it is told to.</summary>
    private sealed class OtherPublisher(IServiceProvider services) : IDisposable
    {
        private readonly Publisher _publisher = ActivatorUtilities.CreateInstance<Publisher>(services);

        public Snapshot Current => _publisher.Current;

        public Task RefreshAsync() => _publisher.RefreshAsync(retryRefused: false, CancellationToken.None);

        public void Dispose() => _publisher.Dispose();
    }

    public sealed class Service(DatabaseServer server) : ServiceFixture(server)
    {
        protected override IReadOnlyDictionary<string, string> Settings { get; } =
            new Dictionary<string, string>(StringComparer.Ordinal)
            {
                ["Training:Enabled"] = "false",
                ["Training:Objective"] = "Implicit",
                ["Training:Epochs"] = "2",
                ["Training:Gate"] = "Off",
            };

        public override async ValueTask InitializeAsync()
        {
            await base.InitializeAsync();
            await ImportAsync("base", 40);
            await Client.PutJsonAsync("/v1/items/i0", new { tags = new[] { "known" } }, HttpStatusCode.Created);
            await Client.PostRatingsAsync(users: 12, items: 10);
            var version = (await Client.TrainAsync()).GetProperty("modelVersion").GetInt64();
            await Client.UntilServedAsync(version);
        }

        public Task ImportAsync(string name, int count)
        {
            var lines = Enumerable.Range(0, count).Select(i => $$"""{"itemId": "{{name}}{{i}}", "tags": ["{{(i % 2 == 0 ? "even" : "odd")}}"]}""");
            return Client.SendTextAsync(HttpMethod.Post, "/v1/items/import", string.Join('\n', lines), "application/x-ndjson");
        }
    }
}
