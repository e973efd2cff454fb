using System.Collections.Concurrent;
using System.IO.Compression;
using System.Net;
using System.Text;
using System.Text.Json.Nodes;

namespace RecService.Engine.Tests.Cli;

/// <summary><c>recservice import</c>, at a service that answers as a test says.</summary>
public sealed class ImportCommandTests : CliTest
{
    private const string Taken = """{"accepted": 1, "duplicates": 0, "rejected": 0, "errors": []}""";

    [Fact]
    public async Task A_file_goes_in_parts_below_its_header_and_a_row_is_never_torn()
    {
        using var service = new FakeService();
        var file = Write("ratings.csv", "userId,movieId,note\r\n1,10,a\n2,20,\"two\nlines, \"\"quoted\"\"\"\n\n3,30,5\" disc\n");

        var result = await service.ImportAsync(["interactions", file, "--part-rows", "2", "--map", "itemId=movieId", "--ignore", "note", "--type", "a b"]);

        result.Status.ShouldBe(0, result.Error);
        service.Requests.Select(request => request.Body).ShouldBe([
            "userId,movieId,note\n1,10,a\n2,20,\"two\nlines, \"\"quoted\"\"\"\n",
            "userId,movieId,note\n3,30,5\" disc\n",
        ]);
        service.Requests.ShouldAllBe(request => request.Url == "/v1/interactions/import?itemId=movieId&type=%3Da%20b&ignore=note");
        service.Requests.ShouldAllBe(request => request.MediaType == "text/csv");
    }

    [Fact]
    public async Task A_second_run_sends_the_keys_of_the_first_and_other_rows_have_others()
    {
        using var service = new FakeService();
        // The same rows at two places of a file are four.
        var file = Write("views.ndjson", string.Concat(Enumerable.Repeat("""{"userId":"u","itemId":"i","type":"view"}""" + "\n", 4)));

        await service.ImportAsync(["interactions", file, "--part-rows", "2"]);
        await service.ImportAsync(["interactions", file, "--part-rows", "2"]);
        await service.ImportAsync(["interactions", Write("views.csv", "userId,itemId\nu,i\n"), "--type", "view"]);
        await service.ImportAsync(["interactions", Write("views.csv", "userId,itemId\nu,i\n"), "--type", "click"]);

        var keys = service.Requests.Select(request => request.Key!).ToList();
        keys[2..4].ShouldBe(keys[..2]);
        keys.Distinct(StringComparer.Ordinal).Count().ShouldBe(4);
    }

    [Theory]
    [InlineData(429)]
    [InlineData(503)]
    [InlineData(0)]
    public async Task What_is_not_taken_at_the_moment_is_sent_again_under_its_key(int status)
    {
        using var service = new FakeService(status);

        var result = await service.ImportAsync(["interactions", Write("views.ndjson", "{}\n"), "--json"]);

        result.Status.ShouldBe(0, result.Error);
        service.Requests.Count.ShouldBe(2);
        service.Requests.Select(request => request.Key).Distinct().Count().ShouldBe(1);
        JsonNode.Parse(result.Output)!["retries"]!.GetValue<int>().ShouldBe(1);
        result.Error.ShouldContain("trying again in");
    }

    [Fact]
    public async Task Who_has_waited_long_enough_is_told_how_to_go_on()
    {
        using var service = new FakeService(503);

        var result = await service.ImportAsync(["interactions", Write("views.ndjson", "{}\n"), "--retry-seconds", "0"]);

        result.Status.ShouldBe(1);
        result.Error.ShouldContain("The same command, within a day, goes on");
        service.Requests.Count.ShouldBe(1);
    }

    [Theory]
    [InlineData("1", 1)]
    [InlineData("2", 0)]
    public async Task Rejected_rows_are_named_by_their_lines_in_the_file(string allowed, int status)
    {
        using var service = new FakeService();
        service.Answer = body =>
            body.Contains("bad", StringComparison.Ordinal)
                ? """{"accepted": 1, "duplicates": 0, "rejected": 2, "errors": [{"line": 2, "field": "itemId", "reason": "is required"}, {"line": 4, "field": "$", "reason": "is odd"}]}"""
                : Taken;
        var file = Write("views.csv", "userId,itemId,type\nu,i,view\n\nu,j,view\nbad,\"\n\",view\nbad,k,view\n");

        var result = await service.ImportAsync(["interactions", file, "--part-rows", "2", "--allow-rejected", allowed]);

        result.Status.ShouldBe(status);
        result.Error.ShouldContain("views.csv, line 5: itemId is required");
        result.Error.ShouldContain("views.csv, line 7: the line is odd");
        result.Output.ShouldContain("2 rejected");
    }

    [Fact]
    public async Task Gzip_from_standard_input_is_told_by_its_content()
    {
        using var service = new FakeService();
        using var input = new MemoryStream();
        using (var gzip = new GZipStream(input, CompressionLevel.Fastest, leaveOpen: true))
        {
            gzip.Write("\n{\"itemId\":\"a\"}\r\n\n{\"itemId\":\"b\"}"u8);
        }

        input.Position = 0;
        var result = await service.ImportAsync(["items", "-", "--json"], input);

        result.Status.ShouldBe(0, result.Error);
        var request = service.Requests.Single();
        (request.MediaType, request.Url, request.Key).ShouldBe(("application/x-ndjson", "/v1/items/import", null));
        request.Body.ShouldBe("{\"itemId\":\"a\"}\n{\"itemId\":\"b\"}\n");
        JsonNode.Parse(result.Output)!["rows"]!.GetValue<long>().ShouldBe(2);
    }

    [Fact]
    public async Task A_parquet_file_goes_as_a_whole()
    {
        using var service = new FakeService();
        service.Answer = _ => """{"accepted": 7, "duplicates": 0, "rejected": 1, "errors": [{"line": 8, "field": "itemId", "reason": "is required"}]}""";

        var result = await service.ImportAsync(["interactions", Write("views.parquet", "PAR1 rows PAR1"), "--part-rows", "1", "--map", "itemId=item"]);

        var request = service.Requests.Single();
        (request.MediaType, request.Body).ShouldBe(("application/vnd.apache.parquet", "PAR1 rows PAR1"));
        request.Key.ShouldNotBeNull();
        result.Error.ShouldContain("views.parquet, line 8: itemId is required");
        result.Output.ShouldStartWith("8 rows of interactions");
    }

    [Fact]
    public async Task A_quotation_mark_that_is_not_closed_ends_the_import_before_it()
    {
        using var service = new FakeService();
        var file = Write("torn.csv", "userId,itemId\nu,i\nu,\"i\n" + string.Concat(Enumerable.Repeat("u,i\n", 30_000)));

        var result = await service.ImportAsync(["interactions", file, "--part-rows", "1", "--type", "view"]);

        result.Status.ShouldBe(1);
        result.Error.ShouldContain("perhaps a quotation mark is not closed");
        service.Requests.Single().Body.ShouldBe("userId,itemId\nu,i\n");
    }

    [Fact]
    public async Task A_line_that_is_too_long_is_left_to_the_service_without_its_end()
    {
        using var service = new FakeService();

        await service.ImportAsync(["items", Write("long.ndjson", "{\"itemId\":\"a\"}\n{" + new string('x', 1_000_000) + "\n{\"itemId\":\"b\"}\n")]);

        var lines = service.Requests.Single().Body.Split('\n');
        lines[1].Length.ShouldBeGreaterThan(64 * 1024);
        lines[1].Length.ShouldBeLessThan(100_000);
        lines[2].ShouldBe("{\"itemId\":\"b\"}");
    }

    [Fact]
    public async Task What_cannot_be_sent_is_said_in_a_line()
    {
        var lines = Write("views.ndjson", "{}\n");
        (await FailureAsync(2, "import", "things", lines)).ShouldContain("interactions, users or items");
        (await FailureAsync(2, "import", "users", lines, "--type", "view")).ShouldContain("--type is for interactions");
        (await FailureAsync(2, "import", "users", lines, "--map", "userId")).ShouldContain("must be FIELD=COLUMN");
        (await FailureAsync(1, "import", "users", lines, "--map", "userId=id")).ShouldContain("is NDJSON, which has no columns");
        (await FailureAsync(1, "import", "users", PathOf("missing.csv"))).ShouldContain("missing.csv");
    }

    [Fact]
    public async Task A_refusal_ends_the_import()
    {
        using var service = new FakeService(401);

        var result = await service.ImportAsync(["interactions", Write("views.ndjson", "{}\n")]);

        result.Status.ShouldBe(1);
        result.Error.ShouldContain("POST /v1/interactions/import: 401");
        service.Requests.Count.ShouldBe(1);
    }

    private sealed record Request(string Url, string? MediaType, string? Key, string Body);

    /// <summary>A service whose first answers have a status of their own; 0 cuts the connection.</summary>
    private sealed class FakeService : IDisposable
    {
        private readonly HttpListener _listener = new();
        private readonly Queue<int> _failures;
        private readonly ConcurrentQueue<Request> _requests = [];
        private readonly string _address;

        public FakeService(params int[] failures)
        {
            _failures = new(failures);
            for (var port = 46_000 + (Environment.ProcessId % 5_000); ; port++)
            {
                try
                {
                    _address = $"http://127.0.0.1:{port}/";
                    _listener.Prefixes.Add(_address);
                    _listener.Start();
                    break;
                }
                catch (HttpListenerException)
                {
                    _listener = new();
                }
            }

            _ = AnswerAsync();
        }

        public Func<string, string> Answer { get; set; } = _ => Taken;

        public IReadOnlyCollection<Request> Requests => _requests;

        public Task<CliResult> ImportAsync(string[] args, Stream? input = null) =>
            RunWithInputAsync(input ?? Stream.Null, ["import", .. args, "--url", _address, "--key", "rs_key"]);

        public void Dispose() => _listener.Close();

        private async Task AnswerAsync()
        {
            while (_listener.IsListening)
            {
                HttpListenerContext context;
                try
                {
                    context = await _listener.GetContextAsync();
                }
                catch (Exception closed) when (closed is HttpListenerException or ObjectDisposedException)
                {
                    return;
                }

                using var reader = new StreamReader(context.Request.InputStream, Encoding.UTF8);
                var body = await reader.ReadToEndAsync();
                _requests.Enqueue(new(context.Request.RawUrl!, context.Request.ContentType, context.Request.Headers["Idempotency-Key"], body));
                var status = _failures.TryDequeue(out var failure) ? failure : 200;
                if (status == 0)
                {
                    context.Response.ContentLength64 = 100;
                    await context.Response.OutputStream.WriteAsync("{"u8.ToArray());
                    context.Response.Abort();
                    continue;
                }

                context.Response.StatusCode = status;
                context.Response.ContentType = "application/json";
                if (status is 429 or 503)
                {
                    context.Response.Headers["Retry-After"] = "0";
                }

                await context.Response.OutputStream.WriteAsync(Encoding.UTF8.GetBytes(Answer(body)));
                context.Response.Close();
            }
        }
    }
}
