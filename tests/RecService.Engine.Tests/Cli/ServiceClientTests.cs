using System.Net;
using System.Text;
using RecService.Cli.Commands;
using RecService.Cli.Service;

namespace RecService.Engine.Tests.Cli;

/// <summary>The client of the REST API, with answers that a test gives.</summary>
public sealed class ServiceClientTests : IDisposable
{
    private readonly HttpListener _listener = new();
    private readonly RecServiceClient _client;

    public ServiceClientTests()
    {
        // Port 0 is not for listeners of this kind.
        for (var port = 41_000 + (Environment.ProcessId % 5_000); ; port++)
        {
            try
            {
                _listener.Prefixes.Add($"http://127.0.0.1:{port}/");
                _listener.Start();
                _client = new(new Uri($"http://127.0.0.1:{port}/"), "rs_key");
                return;
            }
            catch (HttpListenerException)
            {
                _listener = new();
            }
        }
    }

    public void Dispose()
    {
        _client.Dispose();
        _listener.Close();
    }

    [Fact]
    public async Task A_run_that_is_started_and_one_that_is_going_on_are_told_apart()
    {
        var started = _client.StartTrainingAsync(CancellationToken.None);
        var request = await AnswerAsync(202, """{"runId": 7, "status": "running", "objective": "rating", "epochs": []}""");
        (await started).ShouldBe((7, true));
        request.Method.ShouldBe("POST /v1/training-runs");
        request.Key.ShouldBe("rs_key");

        started = _client.StartTrainingAsync(CancellationToken.None);
        await AnswerAsync(409, "{}", location: "/v1/training-runs/6");
        (await started).ShouldBe((6, false));
    }

    [Fact]
    public async Task An_import_sends_every_line_however_many_there_are()
    {
        var lines = Enumerable.Range(0, 3_000).Select(i => new UserLine($"u{i}", [$"a tag of user {i}"], new Dictionary<string, object>())).ToList();

        var import = _client.ImportAsync("v1/users/import", lines, CancellationToken.None);
        var request = await AnswerAsync(200, """{"accepted": 3000, "duplicates": 0, "rejected": 0}""");

        (await import).Accepted.ShouldBe(3_000);
        request.Body.Length.ShouldBeGreaterThan(128 * 1024);
        var sent = request.Body.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        sent.Length.ShouldBe(3_000);
        sent[0].ShouldContain("\"u0\"");
        sent[^1].ShouldContain("\"u2999\"");
    }

    [Fact]
    public async Task What_is_refused_is_told_with_its_fields_and_the_trace()
    {
        var run = _client.GetTrainingRunAsync(5, CancellationToken.None);
        await AnswerAsync(
            400,
            """{"title": "It is wrong.", "detail": "All of it.", "traceId": "0af7", "errors": {"limit": ["is too large", "is odd"]}}""",
            mediaType: "application/problem+json"
        );

        var message = (await Should.ThrowAsync<CommandFailedException>(run)).Message;

        message.ShouldContain("GET /v1/training-runs/5: 400");
        message.ShouldContain("It is wrong.");
        message.ShouldContain("All of it.");
        message.ShouldContain("limit: is too large is odd");
        message.ShouldContain("trace 0af7");
    }

    [Fact]
    public async Task Epochs_are_followed_to_the_end_of_the_run()
    {
        var epochs = FollowAsync();
        await AnswerAsync(
            200,
            """
            event: epoch
            data: {"epoch": 1, "phase": "fit", "trainLoss": 0.5, "seconds": 1}

            event: epoch
            data: {"epoch": 2, "phase": "fit", "trainLoss": 0.25, "seconds": 1}

            event: finished
            data: {}

            event: epoch
            data: {"epoch": 3, "phase": "fit", "trainLoss": 0.125, "seconds": 1}


            """,
            mediaType: "text/event-stream"
        );

        (await epochs).ShouldBe([0.5, 0.25]);

        async Task<List<double>> FollowAsync()
        {
            var losses = new List<double>();
            await foreach (var epoch in _client.FollowTrainingAsync(5, CancellationToken.None))
            {
                losses.Add(epoch.TrainLoss);
            }

            return losses;
        }
    }

    private async Task<(string Method, string? Key, string Body)> AnswerAsync(
        int status,
        string text,
        string mediaType = "application/json",
        string? location = null
    )
    {
        var context = await _listener.GetContextAsync();
        using var reader = new StreamReader(context.Request.InputStream, Encoding.UTF8);
        var body = await reader.ReadToEndAsync();
        context.Response.StatusCode = status;
        context.Response.ContentType = mediaType;
        if (location is not null)
        {
            context.Response.Headers["Location"] = location;
        }

        await context.Response.OutputStream.WriteAsync(Encoding.UTF8.GetBytes(text));
        context.Response.Close();
        return ($"{context.Request.HttpMethod} {context.Request.RawUrl}", context.Request.Headers["X-Api-Key"], body);
    }
}
