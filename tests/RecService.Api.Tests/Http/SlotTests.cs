using System.Security.Claims;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using RecService.Api.Http.Limits;
using RecService.Api.Storage;

namespace RecService.Api.Tests.Http;

public sealed class SlotTests : IDisposable
{
    private readonly ServiceProvider _services = new ServiceCollection().AddLogging().BuildServiceProvider();
    private readonly BulkConnections _connections = new(new(new(), "Host=nowhere;Maximum Pool Size=8;Timeout=1", Embedded: null));
    private readonly Slots _slots;

    public SlotTests() =>
        _slots = new(
            Options.Create(
                new LoadOptions
                {
                    Imports = new() { Concurrent = 3, PerKey = 2 },
                    Exports = new() { Concurrent = 3, PerKey = 2 },
                    Watchers = new() { Concurrent = 3, PerKey = 2 },
                }
            ),
            _connections
        );

    public void Dispose()
    {
        _connections.Dispose();
        _services.Dispose();
    }

    [Theory]
    [InlineData("Import", "imports")]
    [InlineData("Export", "exports")]
    [InlineData("Watch", "watchers")]
    public async Task A_key_has_its_number_of_long_requests_and_all_keys_have_theirs(string name, string plural)
    {
        var kind = Enum.Parse<LongRequest>(name);
        var end = new TaskCompletionSource();
        Task<int>[] going = [SendAsync(kind, "a", end.Task), SendAsync(kind, "a", end.Task), SendAsync(kind, "b", end.Task)];

        (await SendAsync(kind, "a", end.Task)).ShouldBe(StatusCodes.Status429TooManyRequests);
        _lastBody.ShouldContain($"/problems/too-many-{plural}");
        (await SendAsync(kind, "b", end.Task)).ShouldBe(StatusCodes.Status503ServiceUnavailable);
        (await SendAsync(kind, "c", end.Task)).ShouldBe(StatusCodes.Status503ServiceUnavailable);

        end.SetResult();
        (await Task.WhenAll(going)).ShouldAllBe(status => status == StatusCodes.Status200OK);
        (await SendAsync(kind, "c", Task.CompletedTask)).ShouldBe(StatusCodes.Status200OK);
    }

    [Fact]
    public async Task A_request_that_fails_gives_its_slot_and_its_connection_back()
    {
        for (var import = 0; import < 10; import++)
        {
            await Should.ThrowAsync<IOException>(() => SendAsync(LongRequest.Import, "a", Task.FromException(new IOException())));
        }

        (await SendAsync(LongRequest.Import, "a", Task.CompletedTask)).ShouldBe(StatusCodes.Status200OK);
    }

    [Fact]
    public async Task All_that_takes_long_holds_half_of_the_connections_at_most_and_watchers_hold_none()
    {
        var end = new TaskCompletionSource();
        Task<int>[] going =
        [
            SendAsync(LongRequest.Import, "a", end.Task),
            SendAsync(LongRequest.Import, "b", end.Task),
            SendAsync(LongRequest.Export, "a", end.Task),
            SendAsync(LongRequest.Deletion, "a", end.Task),
        ];

        (await SendAsync(LongRequest.Export, "b", end.Task)).ShouldBe(StatusCodes.Status503ServiceUnavailable);
        (await SendAsync(LongRequest.Deletion, "b", end.Task)).ShouldBe(StatusCodes.Status503ServiceUnavailable);
        var watcher = SendAsync(LongRequest.Watch, "a", end.Task);

        end.SetResult();
        (await Task.WhenAll([.. going, watcher])).ShouldAllBe(status => status == StatusCodes.Status200OK);
        (await SendAsync(LongRequest.Deletion, "b", Task.CompletedTask)).ShouldBe(StatusCodes.Status200OK);
    }

    private string _lastBody = "";

    private async Task<int> SendAsync(LongRequest kind, string key, Task work)
    {
        using var body = new MemoryStream();
        var http = new DefaultHttpContext
        {
            User = new(new ClaimsIdentity([new(ClaimTypes.Name, key)], "key")),
            RequestServices = _services,
            Response = { Body = body },
        };
        http.SetEndpoint(new Endpoint(requestDelegate: null, new(new LongRequestMetadata(kind)), kind.ToString()));
        await _slots.InvokeAsync(http, _ => work);
        if (http.Response.StatusCode != StatusCodes.Status200OK)
        {
            http.Response.Headers.RetryAfter.ShouldNotBeEmpty();
            _lastBody = System.Text.Encoding.UTF8.GetString(body.ToArray());
        }

        return http.Response.StatusCode;
    }
}
