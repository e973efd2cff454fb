using System.Net.Sockets;
using System.Text;
using RecService.Api.Tests.Fixtures;

namespace RecService.Api.Tests.Storage;

public sealed class ServiceProcessTests : IDisposable
{
    private readonly string _directory = TemporaryDirectory.NewPath();

    [Fact]
    public async Task Told_to_stop_before_it_has_started_the_service_ends_in_peace()
    {
        using var service = New();
        await service.SaysAsync("Made a new PostgreSQL");

        (await service.StopAsync("TERM")).ShouldBe(0, service.Output);

        service.Output.ShouldNotContain("Unhandled exception");
        await GoneAsync();
    }

    [Fact]
    public async Task Killed_in_the_middle_of_an_import_the_service_loses_nothing_it_acknowledged_and_leaves_nothing_behind()
    {
        var acknowledged = 0;
        using (var service = New())
        {
            using var client = await service.ClientAsync();
            using var import = await BeginImportAsync(client.BaseAddress!);
            using var enough = new SemaphoreSlim(0);
            var writers = Enumerable
                .Range(0, 3)
                .Select(writer =>
                    Task.Run(async () =>
                    {
                        for (var batch = 0; ; batch++)
                        {
                            var interactions = Enumerable
                                .Range(0, 10)
                                .Select(i => new
                                {
                                    interactionId = $"{writer}-{batch}-{i}",
                                    userId = $"w{writer}",
                                    itemId = $"i{i}",
                                    type = "view",
                                })
                                .ToArray();
                            try
                            {
                                await client.PostJsonAsync("/v1/interactions", new { interactions });
                            }
                            catch (HttpRequestException)
                            {
                                // The kill.
                                return;
                            }

                            Interlocked.Add(ref acknowledged, 10);
                            enough.Release();
                        }
                    })
                )
                .ToArray();
            for (var i = 0; i < 30; i++)
            {
                (await enough.WaitAsync(Backstop.Limit)).ShouldBeTrue();
            }

            await service.KillAsync();
            await Task.WhenAll(writers);
        }

        await GoneAsync();
        using (var service = New())
        {
            using var client = await service.ClientAsync();
            var stored = 0;
            for (var writer = 0; writer < 3; writer++)
            {
                stored += await CountAsync(client, $"userId=w{writer}");
            }

            // A batch may have been committed whose answer did not get out; none is there in part.
            stored.ShouldBeInRange(acknowledged, acknowledged + 30);
            (stored % 10).ShouldBe(0);
            (await CountAsync(client, "type=imported")).ShouldBe(0);
            await client.GetJsonAsync("/v1/users/import-u0", System.Net.HttpStatusCode.NotFound);
            (await service.StopAsync("TERM")).ShouldBe(0, service.Output);
        }

        EmbeddedPostgresTests.Processes(_directory).ShouldBeEmpty();
    }

    [Theory]
    [InlineData("TERM")]
    [InlineData("INT")]
    public async Task Stopped_by_a_signal_the_service_leaves_no_process(string signal)
    {
        using var service = New();
        using var client = await service.ClientAsync();
        await client.GetJsonAsync("/v1/users");
        (await service.StopAsync(signal)).ShouldBe(0, service.Output);
        EmbeddedPostgresTests.Processes(_directory).ShouldBeEmpty();
        service.Output.ShouldNotContain("\"LogLevel\":\"Error\"");
    }

    [Fact]
    public async Task When_postgres_dies_the_service_ends_with_an_error()
    {
        using var service = New();
        using var client = await service.ClientAsync();
        await EmbeddedPostgresTests.KillAsync("KILL", await EmbeddedPostgresTests.PostmasterAsync(_directory));
        (await service.ExitAsync()).ShouldNotBe(0);
        service.Output.ShouldContain("\"LogLevel\":\"Critical\"");
        await GoneAsync();
    }

    [Fact]
    public async Task A_second_instance_on_the_same_directory_ends_with_a_sentence()
    {
        using var first = New();
        using var client = await first.ClientAsync();
        using var second = New();
        (await second.ExitAsync()).ShouldBe(1);
        second.Output.ShouldContain("Another instance of the service uses the directory");
        await client.GetJsonAsync("/v1/users");
        await first.StopAsync("TERM");
    }

    [Theory]
    [InlineData("ConnectionStrings:RecService", "Hots=db")]
    [InlineData("ConnectionStrings:RecService", " ")]
    [InlineData("ConnectionStrings:RecService", "Host=db;Include Error Detail=true")]
    [InlineData("ConnectionStrings:RecService", "Host=db;Log Parameters=true")]
    [InlineData("ConnectionStrings:RecServce", "Host=db")]
    [InlineData("ConnectionString", "Host=db")]
    [InlineData("Database:ConnectionString", "Host=db")]
    public async Task A_mistyped_connection_string_ends_the_start_and_makes_no_database(string key, string value)
    {
        using var service = New((key, value));
        (await service.ExitAsync()).ShouldBe(1);
        service.Output.ShouldContain(key);
        Directory.Exists(_directory).ShouldBeFalse();
    }

    [Fact]
    public async Task A_host_that_does_not_answer_ends_the_start_after_the_configured_time()
    {
        using var service = New(("ConnectionStrings:RecService", "Host=127.0.0.1;Port=1"), ("Database:StartupTimeout", "00:00:02"));
        (await service.ExitAsync()).ShouldBe(1);
        service.Output.ShouldContain("\"LogLevel\":\"Warning\"");
        service.Output.ShouldContain("ConnectionStrings:RecService");
        Directory.Exists(_directory).ShouldBeFalse();
    }

    public void Dispose()
    {
        if (Directory.Exists(_directory))
        {
            Directory.Delete(_directory, recursive: true);
        }
    }

    private static async Task<TcpClient> BeginImportAsync(Uri address)
    {
        var socket = new TcpClient();
        await socket.ConnectAsync(address.Host, address.Port);
        var stream = socket.GetStream();
        await stream.WriteAsync(
            Encoding.ASCII.GetBytes(
                $"POST /v1/interactions/import HTTP/1.1\r\nHost: {address.Authority}\r\n{TestKey.Header}: {TestKey.Text}\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n"
            )
        );
        var lines = string.Concat(
            Enumerable.Range(0, 5000).Select(i => $$"""{"userId":"import-u{{i}}","itemId":"import-i","type":"imported"}""" + "\n")
        );
        await stream.WriteAsync(Encoding.ASCII.GetBytes($"{lines.Length:x}\r\n{lines}\r\n"));
        return socket;
    }

    private static async Task<int> CountAsync(HttpClient client, string filter)
    {
        var count = 0;
        string? cursor = null;
        do
        {
            var page = await client.GetJsonAsync($"/v1/interactions?limit=1000&{filter}{(cursor is null ? "" : "&cursor=" + cursor)}");
            count += page.GetProperty("interactions").GetArrayLength();
            cursor = page.GetProperty("nextCursor").GetString();
        } while (cursor is not null);

        return count;
    }

    /// <summary>Waits until no process works on the directory: after a kill the supervisor needs a moment to shut the server down.</summary>
    private async Task GoneAsync()
    {
        using var limit = new CancellationTokenSource(Backstop.Limit);
        while (EmbeddedPostgresTests.Processes(_directory).Count > 0)
        {
            await Task.Delay(50, limit.Token);
        }
    }

    private ServiceProcess New(params (string Key, string Value)[] settings)
    {
        // Asked for together with a connection string, the embedded database would be a contradiction.
        var embedded = settings.Any(setting => setting.Key == "ConnectionStrings:RecService") ? null : "true";
        return new([("Database:Embedded", embedded), ("Database:DataDirectory", _directory), .. settings]);
    }
}
