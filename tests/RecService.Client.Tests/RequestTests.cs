using System.Net;
using System.Text;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace RecService.Client.Tests;

/// <summary>How a request is sent, and how often.</summary>
public sealed class RequestTests
{
    private const string Item = """{"itemId": "a", "tags": [], "attributes": {}, "available": true, "updatedAt": "2026-01-31T00:00:00Z"}""";

    [Fact]
    public async Task A_request_carries_the_key_and_keeps_the_path_of_the_address()
    {
        using var answers = new Answers((_, _) => Answers.Json(Item));
        await using var shop = new Shop(answers);

        (await shop.Client.GetItemAsync("a/b", TestContext.Current.CancellationToken)).ItemId.ShouldBe("a");

        answers.Requests.Single().ShouldBe(new("GET /below/v1/items/a%2Fb", "rs_key", null, false, null, ""));
    }

    [Fact]
    public async Task A_key_that_changes_in_the_configuration_holds_for_the_next_request()
    {
        using var answers = new Answers((_, _) => Answers.Json(Item));
        using var configuration = new ConfigurationManager();
        configuration["BaseAddress"] = "http://recservice.example";
        configuration["ApiKey"] = "rs_old";
        var services = new ServiceCollection();
        services.AddRecServiceClient(configuration).ConfigurePrimaryHttpMessageHandler(() => answers);
        await using var application = services.BuildServiceProvider();
        var client = application.GetRequiredService<IRecServiceClient>();
        await client.GetItemAsync("a", TestContext.Current.CancellationToken);
        configuration["ApiKey"] = "rs_new";
        ((IConfigurationRoot)configuration).Reload();
        await client.GetItemAsync("a", TestContext.Current.CancellationToken);

        answers.Requests.Select(request => request.Key).ShouldBe(["rs_old", "rs_new"]);
    }

    [Fact]
    public async Task What_reads_is_sent_again_also_by_POST()
    {
        using var answers = new Answers((_, number) => number % 2 == 1 ? Answers.Away() : Answers.Json("""{"itemId": "a", "items": []}"""));
        await using var shop = new Shop(answers);

        await shop.Client.GetItemAsync("a", TestContext.Current.CancellationToken);
        await shop.Client.RecommendAsync(new() { UserId = "u" }, TestContext.Current.CancellationToken);
        await shop.Client.PutItemAsync("a", new(), TestContext.Current.CancellationToken);

        answers
            .Requests.Select(request => request.Line)
            .ShouldBe([
                "GET /below/v1/items/a",
                "GET /below/v1/items/a",
                "POST /below/v1/recommendations",
                "POST /below/v1/recommendations",
                "PUT /below/v1/items/a",
                "PUT /below/v1/items/a",
            ]);
    }

    [Fact]
    public async Task What_would_be_done_twice_is_not_sent_again()
    {
        using var answers = new Answers((_, _) => Answers.Away());
        await using var shop = new Shop(answers);

        var failure = await Should.ThrowAsync<RecServiceException>(() => shop.Client.CreateApiKeyAsync(new() { Name = "n", Roles = [Role.Score] }));

        failure.IsTemporary.ShouldBeTrue();
        answers.Requests.Single().Body.ShouldBe("""{"name":"n","roles":["score"]}""");
    }

    [Fact]
    public async Task What_has_found_no_service_is_sent_again_whatever_it_is()
    {
        using var answers = new Answers(
            (_, number) =>
                number == 1
                    ? Task.FromException<HttpResponseMessage>(new HttpRequestException(HttpRequestError.ConnectionError, "refused"))
                    : Task.FromResult(Answers.Json("""{"runId": 7, "status": "running"}""", HttpStatusCode.Accepted))
        );
        await using var shop = new Shop(answers);

        (await shop.Client.StartTrainingRunAsync(TestContext.Current.CancellationToken)).RunId.ShouldBe(7);

        answers.Requests.Count.ShouldBe(2);
    }

    [Fact]
    public async Task Interactions_go_under_one_key_however_often_they_are_sent()
    {
        using var answers = new Answers((_, number) => number == 1 ? Answers.Away() : Answers.Json("""{"accepted": 1, "errors": []}"""));
        await using var shop = new Shop(answers);
        InteractionBatchRequest batch = new() { Interactions = [Interactions.Click("u", "a")] };

        await shop.Client.PostInteractionsAsync(batch, cancellationToken: TestContext.Current.CancellationToken);
        await shop.Client.PostInteractionsAsync(batch, "mine", TestContext.Current.CancellationToken);

        var keys = answers.Requests.Select(request => request.IdempotencyKey).ToList();
        keys[0].ShouldNotBeNullOrEmpty();
        keys.ShouldBe([keys[0], keys[0], "mine"]);
    }

    [Fact(Timeout = 60_000)]
    public async Task A_service_that_wants_to_wait_long_is_not_waited_for()
    {
        using var answers = new Answers((_, _) => Answers.Json("{}", HttpStatusCode.TooManyRequests, TimeSpan.FromHours(1)));
        await using var shop = new Shop(answers);

        var failure = await Should.ThrowAsync<RecServiceException>(() => shop.Client.GetItemAsync("a", TestContext.Current.CancellationToken));

        failure.RetryAfter.ShouldBe(TimeSpan.FromHours(1));
        answers.Requests.Count.ShouldBe(1);
    }

    [Fact]
    public async Task An_answer_that_breaks_off_is_asked_for_again()
    {
        using var answers = new Answers((_, number) => number == 1 ? Broken() : Answers.Json(Item));
        await using var shop = new Shop(answers);

        (await shop.Client.GetItemAsync("a", TestContext.Current.CancellationToken)).ItemId.ShouldBe("a");

        answers.Requests.Count.ShouldBe(2);

        static HttpResponseMessage Broken()
        {
            var content = new StreamContent(new BrokenStream());
            content.Headers.ContentType = new("application/json");
            return new(HttpStatusCode.OK) { Content = content };
        }
    }

    [Fact]
    public async Task What_cannot_be_reached_is_named()
    {
        var refused = new HttpRequestException(HttpRequestError.ConnectionError, "Connection refused (localhost:80)");
        using var answers = new Answers((_, _) => Task.FromException<HttpResponseMessage>(refused));
        await using var shop = new Shop(answers, options => options.Retries = 0);

        var failure = await Should.ThrowAsync<HttpRequestException>(() => shop.Client.GetItemAsync("a"));

        failure.Message.ShouldBe("GET /below/v1/items/a: Connection refused (localhost:80)");
        failure.HttpRequestError.ShouldBe(HttpRequestError.ConnectionError);
        (await Should.ThrowAsync<HttpRequestException>(() => shop.Client.IsReadyAsync())).Message.ShouldStartWith("GET /below/health/ready");
    }

    [Fact]
    public async Task A_request_without_an_answer_ends()
    {
        using var answers = new Answers((_, _) => new TaskCompletionSource<HttpResponseMessage>().Task);
        await using var shop = new Shop(answers, options => (options.Timeout, options.Retries) = (TimeSpan.FromMilliseconds(200), 1));

        var failure = await Should.ThrowAsync<HttpRequestException>(() => shop.Client.GetItemAsync("a"));

        failure.Message.ShouldBe("GET /below/v1/items/a: no answer within 0.2 seconds.");
        answers.Requests.Count.ShouldBe(2);
    }

    [Fact]
    public async Task Large_bodies_are_compressed_and_small_ones_are_not()
    {
        using var answers = new Answers((_, _) => Answers.Json("""{"accepted": 1, "errors": []}"""));
        await using var shop = new Shop(answers);
        foreach (var count in new[] { 1, 100 })
        {
            InteractionBatchRequest batch = new() { Interactions = [.. Enumerable.Range(0, count).Select(i => Interactions.Click("u", $"i{i}"))] };
            await shop.Client.PostInteractionsAsync(batch, cancellationToken: TestContext.Current.CancellationToken);
        }

        answers.Requests.Select(request => request.IsCompressed).ShouldBe([false, true]);
        answers.Requests.Last().Body.ShouldEndWith("""{"userId":"u","itemId":"i99","type":"click"}]}""");
        answers.Requests.Last().MediaType.ShouldBe("application/json");
    }

    [Fact]
    public async Task A_problem_is_told_with_its_fields_and_its_trace()
    {
        const string problem = """{"title": "It is wrong.", "detail": "All of it.", "traceId": "0af7", "errors": {"count": ["is too large", "is odd"]}}""";
        using var answers = new Answers((_, _) => Answers.Json(problem, HttpStatusCode.BadRequest));
        await using var shop = new Shop(answers);

        var failure = await Should.ThrowAsync<RecServiceException>(() => shop.Client.RecommendAsync(new() { Count = 5000 }));

        failure.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
        failure.IsTemporary.ShouldBeFalse();
        failure.Problem!.Errors!["count"].ShouldBe(["is too large", "is odd"]);
        failure.Message.ShouldBe(
            "POST /below/v1/recommendations: 400 Bad Request: It is wrong.\n  All of it.\n  count: is too large is odd\n  trace 0af7"
        );
        answers.Requests.Count.ShouldBe(1);
    }

    [Fact]
    public async Task An_answer_of_something_between_is_told_as_well()
    {
        using var answers = new Answers(
            (_, _) => new HttpResponseMessage(HttpStatusCode.NotFound) { Content = new StringContent("<html>", Encoding.UTF8, "text/html") }
        );
        await using var shop = new Shop(answers);

        var failure = await Should.ThrowAsync<RecServiceException>(() => shop.Client.GetItemAsync("a"));

        failure.Problem.ShouldBeNull();
        failure.Response.ShouldBe("<html>");
        failure.Message.ShouldBe("GET /below/v1/items/a: 404 Not Found");
    }

    [Theory]
    [InlineData(null, 3)]
    [InlineData("ftp://recservice", 3)]
    [InlineData("http://recservice", -1)]
    public async Task Options_that_cannot_be_are_refused(string? address, int retries)
    {
        using var answers = new Answers((_, _) => Answers.Json(Item));
        await using var shop = new Shop(
            answers,
            options => (options.BaseAddress, options.Retries) = (address is null ? null : new Uri(address), retries)
        );

        Should.Throw<OptionsValidationException>(() => shop.Client);
    }

    [Fact]
    public async Task A_key_with_a_line_break_is_refused_without_being_told()
    {
        using var answers = new Answers((_, _) => Answers.Json(Item));
        await using var shop = new Shop(answers, options => options.ApiKey = "rs_secret\n");

        Should.Throw<OptionsValidationException>(() => shop.Client).Message.ShouldBe("ApiKey has characters that no key has.");
    }

    [Theory]
    [InlineData(HttpStatusCode.OK, true)]
    [InlineData(HttpStatusCode.ServiceUnavailable, false)]
    public async Task A_service_says_whether_it_is_ready(HttpStatusCode status, bool isReady)
    {
        using var answers = new Answers((_, _) => Answers.Json("{}", status));
        await using var shop = new Shop(answers, options => options.Retries = 0);

        (await shop.Client.IsReadyAsync(TestContext.Current.CancellationToken)).ShouldBe(isReady);

        answers.Requests.Single().Line.ShouldBe("GET /below/health/ready");
    }

    private sealed class BrokenStream : MemoryStream
    {
        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => throw new IOException("broken");
    }
}
