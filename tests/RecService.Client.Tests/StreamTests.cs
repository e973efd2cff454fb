using System.Net;
using System.Text;

namespace RecService.Client.Tests;

/// <summary>What comes or goes as a stream: pages, lines and events.</summary>
public sealed class StreamTests
{
    [Fact]
    public async Task Pages_are_read_when_they_are_needed()
    {
        using var answers = new Answers(
            (request, _) =>
                Answers.Json(
                    request.Line.EndsWith("/items", StringComparison.Ordinal)
                        ? """{"items": [{"itemId": "a"}, {"itemId": "b"}], "nextCursor": "c1"}"""
                        : """{"items": [{"itemId": "c"}], "nextCursor": null}"""
                )
        );
        await using var shop = new Shop(answers);

        var ids = new List<string>();
        await foreach (var item in shop.Client.EnumerateItemsAsync(TestContext.Current.CancellationToken))
        {
            ids.Add($"{item.ItemId} of page {answers.Requests.Count}");
        }

        ids.ShouldBe(["a of page 1", "b of page 1", "c of page 2"]);
        answers.Requests.Last().Line.ShouldBe("GET /below/v1/items?cursor=c1");
    }

    [Fact]
    public async Task An_import_sends_every_line_however_many_there_are()
    {
        using var answers = new Answers((_, _) => Answers.Json("""{"accepted": 3000, "rejected": 0, "errors": []}"""));
        await using var shop = new Shop(answers);
        var users = Enumerable.Range(0, 3_000).Select(i => new UserLineInput { UserId = $"u{i}", Tags = [$"a tag of user {i}, as long as tags may be"] });

        (await shop.Client.ImportUsersAsync(users, TestContext.Current.CancellationToken)).Accepted.ShouldBe(3_000);

        var request = answers.Requests.Single();
        request.MediaType.ShouldBe("application/x-ndjson");
        request.Body.Length.ShouldBeGreaterThan(2 * 64 * 1024);
        var sent = request.Body.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        sent.Length.ShouldBe(3_000);
        sent[^1].ShouldBe("""{"userId":"u2999","tags":["a tag of user 2999, as long as tags may be"]}""");
    }

    [Fact]
    public async Task An_import_whose_lines_fail_is_not_half_an_import()
    {
        using var answers = new Answers((_, _) => Answers.Json("""{"accepted": 1, "rejected": 0, "errors": []}"""));
        await using var shop = new Shop(answers);

        var failure = await Should.ThrowAsync<InvalidOperationException>(() => shop.Client.ImportItemsAsync(Lines()));

        failure.Message.ShouldBe("no more");
        answers.Requests.ShouldBeEmpty();

        static IEnumerable<ItemLineInput> Lines()
        {
            yield return new() { ItemId = "a" };
            throw new InvalidOperationException("no more");
        }
    }

    [Fact]
    public async Task A_run_is_followed_over_a_connection_that_breaks_without_telling_an_epoch_twice()
    {
        using var answers = new Answers((_, number) => Events(number == 1 ? [Epoch(1), Epoch(2)] : [Epoch(1), Epoch(2), Epoch(3), Finished, Epoch(4)]));
        await using var shop = new Shop(answers);

        var told = new List<string>();
        await foreach (var progress in shop.Client.FollowTrainingRunAsync(5, TestContext.Current.CancellationToken))
        {
            told.Add(progress.Epoch is { } epoch ? $"{epoch.Phase} {epoch.Epoch}" : $"{progress.Finished!.Status}");
        }

        told.ShouldBe(["Fit 1", "Fit 2", "Fit 3", "Succeeded"]);
        answers.Requests.Select(request => request.Line).ShouldBe(["GET /below/v1/training-runs/5/events", "GET /below/v1/training-runs/5/events"]);
    }

    [Fact]
    public async Task A_run_that_goes_on_is_joined()
    {
        using var answers = new Answers((_, number) =>
        {
            var answer = number == 1 ? Answers.Json("""{"runId": 7}""", HttpStatusCode.Accepted) : Answers.Json("{}", HttpStatusCode.Conflict);
            answer.Headers.Location = number == 2 ? new("/v1/training-runs/6", UriKind.Relative) : null;
            return answer;
        });
        await using var shop = new Shop(answers);

        (await shop.Client.StartOrJoinTrainingRunAsync(TestContext.Current.CancellationToken)).ShouldBe((7, true));
        (await shop.Client.StartOrJoinTrainingRunAsync(TestContext.Current.CancellationToken)).ShouldBe((6, false));
        await Should.ThrowAsync<RecServiceException>(() => shop.Client.StartOrJoinTrainingRunAsync());
    }

    private const string Finished = "event: finished\ndata: {\"runId\": 5, \"status\": \"succeeded\"}\n\n";

    private static string Epoch(int number) => $"event: epoch\ndata: {{\"epoch\": {number}, \"phase\": \"fit\", \"trainLoss\": 0.5, \"seconds\": 1}}\n\n";

    private static HttpResponseMessage Events(IEnumerable<string> events) =>
        new(HttpStatusCode.OK) { Content = new StringContent(string.Concat(events), Encoding.UTF8, "text/event-stream") };
}
