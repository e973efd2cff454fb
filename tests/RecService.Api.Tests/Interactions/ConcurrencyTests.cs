using System.Net;
using System.Text.Json;
using RecService.Api.Tests.Fixtures;

namespace RecService.Api.Tests.Interactions;

public sealed class ConcurrencyTests(ServiceFixture service) : IClassFixture<ServiceFixture>
{
    [Fact]
    public async Task Concurrent_batches_with_the_same_new_users_and_items_lose_nothing()
    {
        const int writers = 8;
        const int batches = 6;
        const int size = 200;
        await Task.WhenAll(
            Enumerable
                .Range(0, writers)
                .Select(async writer =>
                {
                    var random = new Random(writer);
                    for (var batch = 0; batch < batches; batch++)
                    {
                        // All writers invent the same users and items, each in an order of its own.
                        var interactions = Enumerable
                            .Range(0, size)
                            .Select(_ => new
                            {
                                userId = $"c-u{random.Next(300)}",
                                itemId = $"c-i{random.Next(300)}",
                                type = "view",
                                tags = new[] { $"w{writer}-{batch}" },
                            })
                            .ToArray();
                        var result = await service.Client.PostJsonAsync("/v1/interactions", new { interactions });
                        result.GetProperty("accepted").GetInt64().ShouldBe(size);
                    }
                })
        );

        (await service.ScalarAsync<long>("SELECT count(*) FROM interactions JOIN users USING (user_key) WHERE user_id LIKE 'c-u%'")).ShouldBe(
            writers * batches * size
        );
    }

    [Fact]
    public async Task The_same_batch_sent_at_once_by_many_is_stored_once()
    {
        var interactions = Enumerable
            .Range(0, 300)
            .Select(i => new
            {
                interactionId = $"r{i}",
                userId = $"r-u{i % 40}",
                itemId = $"r-i{i % 30}",
                type = "view",
            })
            .ToArray();
        var results = await Task.WhenAll(
            Enumerable
                .Range(0, 8)
                .Select(sender =>
                {
                    var shuffled = interactions.ToArray();
                    new Random(sender).Shuffle(shuffled);
                    return service.Client.PostJsonAsync("/v1/interactions", new { interactions = shuffled });
                })
        );

        results.Sum(result => result.GetProperty("accepted").GetInt64()).ShouldBe(300);
        results.Sum(result => result.GetProperty("duplicates").GetInt64()).ShouldBe(7 * 300);
        results.Sum(result => result.GetProperty("rejected").GetInt64()).ShouldBe(0);
        (await service.ScalarAsync<long>("SELECT count(*) FROM interactions JOIN users USING (user_key) WHERE user_id LIKE 'r-u%'")).ShouldBe(300);
    }

    [Fact]
    public async Task Erasing_users_while_they_interact_fails_no_request()
    {
        using var done = new CancellationTokenSource();
        var erasing = Task.Run(async () =>
        {
            var random = new Random(1);
            while (!done.IsCancellationRequested)
            {
                using var response = await service.Client.DeleteAsync(HttpClientExtensions.Address(service.Client, $"/v1/users/e-u{random.Next(5)}"));
                response.StatusCode.ShouldBeOneOf(HttpStatusCode.OK, HttpStatusCode.NotFound);
            }
        });
        await Task.WhenAll(
            Enumerable
                .Range(0, 4)
                .Select(async writer =>
                {
                    for (var batch = 0; batch < 40; batch++)
                    {
                        var interactions = Enumerable
                            .Range(0, 20)
                            .Select(i => new
                            {
                                userId = $"e-u{i % 5}",
                                itemId = $"e-i{i}",
                                type = "view",
                            })
                            .ToArray();
                        (await service.Client.PostJsonAsync("/v1/interactions", new { interactions }))
                            .GetProperty("accepted")
                            .GetInt64()
                            .ShouldBe(20);
                    }
                })
        );
        await done.CancelAsync();
        await erasing;
    }

    [Fact]
    public async Task Concurrent_imports_of_the_same_items_do_not_block_each_other_for_ever()
    {
        var results = await Task.WhenAll(
            Enumerable
                .Range(0, 4)
                .Select(sender =>
                {
                    var lines = Enumerable
                        .Range(0, 500)
                        .Select(i => JsonSerializer.Serialize(new { itemId = $"imp-{i}", tags = new[] { $"s{sender}" } }))
                        .ToArray();
                    new Random(sender).Shuffle(lines);
                    return service.Client.SendTextAsync(HttpMethod.Post, "/v1/items/import", string.Join('\n', lines), "application/x-ndjson");
                })
        );
        results.ShouldAllBe(result => result.GetProperty("accepted").GetInt64() == 500);
        (await service.ScalarAsync<long>("SELECT count(*) FROM items WHERE item_id LIKE 'imp-%'")).ShouldBe(500);
    }
}
