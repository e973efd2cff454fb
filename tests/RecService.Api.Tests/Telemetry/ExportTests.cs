using System.Net;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Npgsql;
using RecService.Api.Tests.Fixtures;
using RecService.Api.Tests.Training;

namespace RecService.Api.Tests.Telemetry;

/// <summary>The service as a process of its own, with its production log and its exporter, seen from outside.</summary>
public sealed class ExportTests(ExportTests.Service service, ITestOutputHelper output) : IClassFixture<ExportTests.Service>
{
    /// <summary>Stands for whatever a caller would not want to find in a log.</summary>
    private const string Marker = "Ann.Marker-4711";

    [Fact]
    public async Task One_trace_spans_a_request_and_its_database_commands()
    {
        await service.Client.GetJsonAsync("/v1/items/nothing", HttpStatusCode.NotFound);
        var trace = await service.Receiver.UntilAsync(received =>
        {
            var spans = received.Spans;
            return
                spans.FirstOrDefault(span => span.Name == "GET /v1/items/{itemId}") is { } request
                && spans.Any(span => span.Scope == "Npgsql" && span.TraceId == request.TraceId)
                ? spans.Where(span => span.TraceId == request.TraceId).ToList()
                : null;
        });

        foreach (var span in trace)
        {
            output.WriteLine($"{span.TraceId} {span.ParentId,16} > {span.SpanId} {span.Scope}: {span.Name} {string.Join(", ", span.Attributes)}");
        }

        var root = trace.Single(span => span.Scope == "Microsoft.AspNetCore");
        root.ParentId.ShouldBeEmpty();
        root.Attributes["http.request.method"].ShouldBe("GET");
        root.Attributes["http.route"].ShouldBe("/v1/items/{itemId}");
        root.Attributes["http.response.status_code"].ShouldBe("404");
        var command = trace.First(span => span.Scope == "Npgsql");
        AncestorsOf(command, trace).ShouldContain(root);
        command.Attributes["db.system.name"].ShouldBe("postgresql");
        command.Attributes.Keys.ShouldContain("db.query.text");
        service.Receiver.Resource["service.name"].ShouldBe("recservice");
        service.Receiver.Resource["deployment.environment.name"].ShouldBe("test");
    }

    [Fact]
    public async Task A_training_run_is_a_trace_of_its_own_with_its_phases_and_its_log()
    {
        await service.Client.PostRatingsAsync(users: 12, items: 10);
        (await service.Client.TrainAsync()).GetProperty("status").GetString().ShouldBe("succeeded");
        var trace = await service.Receiver.UntilAsync(received =>
            received.Spans.FirstOrDefault(span => span.Name == "training run") is { } root
                ? received.Spans.Where(span => span.TraceId == root.TraceId).ToList()
                : null
        );

        var run = trace.Single(span => span.Name == "training run");
        run.ParentId.ShouldBeEmpty();
        trace
            .Where(span => span.Scope == "RecService" && span.ParentId == run.SpanId)
            .Select(span => span.Name)
            .ShouldBe(["read", "fit", "measure", "refit", "store"], ignoreOrder: true);
        service.LogLines().Single(line => line.GetProperty("EventId").GetInt32() == 2004).ToString().ShouldContain(run.TraceId);
    }

    [Fact]
    public async Task Metrics_arrive_under_their_names()
    {
        await service.Client.PostRatingsAsync(users: 3, items: 3);
        await service.Client.PostJsonAsync("/v1/recommendations", new JsonObject());
        var metrics = await service.Receiver.UntilAsync(received =>
            received.Metrics is { } arrived && arrived.ContainsKey("recservice.recommendations") && arrived.ContainsKey("recservice.interactions")
                ? arrived
                : null
        );

        output.WriteLine(string.Join(", ", metrics));
        metrics["recservice.interactions"].ShouldBe("{interaction}");
        metrics["recservice.ranking.duration"].ShouldBe("s");
        metrics["recservice.snapshot.size"].ShouldBe("By");
        metrics["http.server.request.duration"].ShouldBe("s");
        metrics.Keys.ShouldContain("kestrel.active_connections");
        metrics.Keys.ShouldContain("db.client.operation.duration");
        metrics.Keys.ShouldContain("dotnet.gc.collections");
    }

    [Fact]
    public async Task Probes_and_the_look_for_changes_make_no_traces()
    {
        await service.Client.GetJsonAsync("/health/ready");
        await service.Client.GetJsonAsync("/v1/models");

        // By the next look for changes.
        await Task.Delay(1500);
        var spans = await service.Receiver.UntilAsync(received => received.Spans.Any(span => span.Name == "GET /v1/models/") ? received.Spans : null);
        spans.ShouldNotContain(span => span.Name.Contains("health", StringComparison.Ordinal));
        spans.ShouldNotContain(span => span.Scope == "Npgsql" && span.ParentId.Length == 0 && span.Attributes.ContainsKey("db.query.text"));
    }

    [Fact]
    public async Task Neither_the_log_nor_what_is_exported_tells_who_the_users_are()
    {
        var user = $"/v1/users/{Marker}";
        await service.Client.PutJsonAsync(user, new { tags = new[] { Marker } }, HttpStatusCode.Created);
        await service.Client.GetJsonAsync($"/v1/interactions?userId={Marker}&itemId={Marker}");
        await service.Client.PostJsonAsync(
            "/v1/interactions",
            new
            {
                interactions = new[]
                {
                    new
                    {
                        userId = Marker,
                        itemId = Marker,
                        type = Marker,
                        interactionId = Marker,
                    },
                },
            }
        );
        await service.Client.PostJsonAsync(
            "/v1/interactions",
            new
            {
                interactions = new[]
                {
                    new
                    {
                        userId = Marker,
                        itemId = Marker,
                        type = "view",
                        interactionId = Marker,
                    },
                },
            },
            HttpStatusCode.BadRequest
        );
        await service.Client.PostJsonAsync("/v1/recommendations", new { userId = Marker, tags = new[] { Marker } });
        await service.Client.SendTextAsync(
            HttpMethod.Post,
            "/v1/users/import",
            $$"""{"userId":"{{Marker}}","unknown":"{{Marker}}"}""",
            "application/x-ndjson"
        );

        // What fails.
        await service.Client.SendTextAsync(HttpMethod.Put, user, $"\"{Marker}", expected: HttpStatusCode.BadRequest);
        await service.Client.GetJsonAsync($"/v1/users?limit={Marker}", HttpStatusCode.BadRequest);
        await service.Client.GetJsonAsync($"/v1/users?{Marker}=1", HttpStatusCode.BadRequest);
        await service.Client.GetJsonAsync($"/nowhere/{Marker}", HttpStatusCode.NotFound);
        await service.Client.SendTextAsync(new HttpMethod(Marker), user, "", expected: HttpStatusCode.MethodNotAllowed);
        await service.ExecuteAsync("ALTER TABLE users RENAME TO elsewhere");
        await service.Client.GetJsonAsync(user, HttpStatusCode.InternalServerError);
        await service.ExecuteAsync("ALTER TABLE elsewhere RENAME TO users");
        await service.Client.DeleteJsonAsync(user);

        var failed = await service.Receiver.UntilAsync(received =>
            received.Spans.FirstOrDefault(span => span.Attributes.GetValueOrDefault("http.response.status_code") == "500")
        );
        failed.Attributes["http.route"].ShouldBe("/v1/users/{userId}");
        failed.Attributes["error.type"].ShouldBe("Npgsql.PostgresException");
        await service.Receiver.UntilAsync(received => received.Spans.FirstOrDefault(span => span.Name == "DELETE /v1/users/{userId}"));
        service.Receiver.Spans.ShouldContain(span => span.Name == "import users");
        var logged = service.LogLines().Single(line => line.GetProperty("LogLevel").GetString() == "Error");
        logged.GetProperty("Exception").GetString()!.ShouldContain("SQLSTATE 42P01");
        logged.GetProperty("Exception").GetString()!.ShouldContain("UserStore");
        logged.ToString().ShouldContain(failed.TraceId);
        logged.GetProperty("Timestamp").GetString()!.ShouldEndWith("Z");
        service.Output.ShouldNotContain(Marker);
        foreach (var body in service.Receiver.Bodies)
        {
            Encoding.UTF8.GetString(body).ShouldNotContain(Marker);
        }
    }

    [Fact]
    public async Task Traces_and_metrics_arrive_by_gRPC_too_and_what_is_left_is_sent_when_the_service_stops()
    {
        await using var receiver = await OtlpReceiver.StartAsync(HttpProtocols.Http2);
        await using var own = await service.StartAnotherAsync(("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.Address), ("OTEL_SERVICE_NAME", "another"));
        await own.Client.GetJsonAsync("/v1/models");
        (await own.Process.StopAsync("TERM")).ShouldBe(0, own.Process.Output);
        receiver.Spans.ShouldContain(span => span.Name == "GET /v1/models/");
        receiver.Metrics.Keys.ShouldContain("http.server.request.duration");
        receiver.Resource["service.name"].ShouldBe("another");
    }

    [Fact]
    public async Task An_endpoint_for_metrics_alone_gets_metrics_alone()
    {
        await using var receiver = await OtlpReceiver.StartAsync(HttpProtocols.Http2);
        await using var own = await service.StartAnotherAsync(("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", receiver.Address));
        await own.Client.GetJsonAsync("/v1/models");
        (await own.Process.StopAsync("TERM")).ShouldBe(0, own.Process.Output);
        receiver.Metrics.Keys.ShouldContain("http.server.request.duration");
        receiver.Spans.ShouldBeEmpty();
        receiver.Paths.ShouldAllBe(path => path.Contains("metrics", StringComparison.OrdinalIgnoreCase));
        own.Process.Output.ShouldContain("Traces are sent to nowhere");
    }

    [Fact]
    public async Task An_endpoint_for_traces_alone_gets_traces_alone()
    {
        await using var receiver = await OtlpReceiver.StartAsync(HttpProtocols.Http2);
        await using var own = await service.StartAnotherAsync(("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", receiver.Address));
        await own.Client.GetJsonAsync("/v1/models");
        (await own.Process.StopAsync("TERM")).ShouldBe(0, own.Process.Output);
        receiver.Spans.ShouldContain(span => span.Name == "GET /v1/models/");
        receiver.Metrics.ShouldBeEmpty();
    }

    [Fact]
    public async Task Prometheus_reads_metrics_where_that_is_switched_on_with_a_key()
    {
        await using var own = await service.StartAnotherAsync(("Telemetry:Prometheus", "true"));
        await own.Client.PostJsonAsync("/v1/recommendations", new JsonObject());
        using var stranger = new HttpClient { BaseAddress = own.Client.BaseAddress };
        using var refused = await stranger.GetAsync(new Uri("/metrics", UriKind.Relative));
        refused.StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
        using var answer = await own.Client.GetAsync(new Uri("/metrics", UriKind.Relative));
        var text = await answer.Content.ReadAsStringAsync();
        answer.StatusCode.ShouldBe(HttpStatusCode.OK, text);
        text.ShouldContain("recservice_recommendations_total{");
        text.ShouldContain("http_server_request_duration_seconds_count{");
        text.ShouldContain("dotnet_gc_collections_total{");
        text.ShouldContain("db_client_operation_duration_seconds_count{");
        (await own.Process.StopAsync("TERM")).ShouldBe(0, own.Process.Output);

        using var off = await service.Client.GetAsync(new Uri("/metrics", UriKind.Relative));
        off.StatusCode.ShouldBe(HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task A_collector_that_is_not_there_hurts_nobody()
    {
        await using var own = await service.StartAnotherAsync(
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1"),
            ("OTEL_METRIC_EXPORT_INTERVAL", "50"),
            ("OTEL_BSP_SCHEDULE_DELAY", "10")
        );
        for (var i = 0; i < 20; i++)
        {
            await own.Client.GetJsonAsync("/v1/models");
        }

        (await own.Process.StopAsync("TERM")).ShouldBe(0, own.Process.Output);
    }

    [Fact]
    public async Task An_endpoint_that_is_no_address_ends_the_start_with_a_sentence()
    {
        using var process = new ServiceProcess(
            ("ConnectionStrings:RecService", service.ConnectionString),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector")
        );
        (await process.ExitAsync()).ShouldBe(1);
        process.Output.ShouldContain("OTEL_EXPORTER_OTLP_ENDPOINT is no address");
    }

    private static IEnumerable<ReceivedSpan> AncestorsOf(ReceivedSpan span, IReadOnlyList<ReceivedSpan> trace)
    {
        for (var parent = Find(span.ParentId); parent is not null; parent = Find(parent.ParentId))
        {
            yield return parent;
        }

        ReceivedSpan? Find(string id) => trace.SingleOrDefault(candidate => candidate.SpanId == id);
    }

    /// <summary>A process that exports to a receiver by HTTP.</summary>
    public sealed class Service(DatabaseServer server) : IAsyncLifetime
    {
        private Running? _running;

        public OtlpReceiver Receiver { get; private set; } = null!;

        public string ConnectionString { get; private set; } = "";

        public HttpClient Client => _running!.Client;

        public string Output => _running!.Process.Output;

        /// <summary>The lines of the log; each is JSON.</summary>
        public IReadOnlyList<JsonElement> LogLines() =>
            [
                .. Output
                    .Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
                    .Select(line => JsonDocument.Parse(line).RootElement),
            ];

        public async ValueTask InitializeAsync()
        {
            ConnectionString = await server.CreateDatabaseAsync();
            Receiver = await OtlpReceiver.StartAsync(HttpProtocols.Http1);
            _running = await StartAnotherAsync(
                ("OTEL_EXPORTER_OTLP_ENDPOINT", Receiver.Address),
                ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
                ("OTEL_METRIC_EXPORT_INTERVAL", "200"),
                ("OTEL_BSP_SCHEDULE_DELAY", "50"),
                ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test")
            );
        }

        public async Task<Running> StartAnotherAsync(params (string Key, string Value)[] settings)
        {
            var process = new ServiceProcess([
                ("ConnectionStrings:RecService", ConnectionString),
                ("Training:Enabled", "false"),
                ("Training:Objective", "Rating"),
                ("Training:Epochs", "3"),
                .. settings,
            ]);
            return new(process, await process.ClientAsync());
        }

        public async Task ExecuteAsync(string sql)
        {
            await using var source = NpgsqlDataSource.Create(ConnectionString);
            await using var command = source.CreateCommand(sql);
            await command.ExecuteNonQueryAsync();
        }

        public async ValueTask DisposeAsync()
        {
            if (_running is not null)
            {
                await _running.DisposeAsync();
            }

            await Receiver.DisposeAsync();
            await server.DropDatabaseAsync(ConnectionString);
        }
    }

    public sealed record Running(ServiceProcess Process, HttpClient Client) : IAsyncDisposable
    {
        public ValueTask DisposeAsync()
        {
            Client.Dispose();
            Process.Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
