using Microsoft.Extensions.DependencyInjection;
using RecService.Api.Tests.Fixtures;
using RecService.Client;
using RecService.Client.Sending;

namespace RecService.Api.Tests.Faults;

/// <summary>The .NET client's sender: what it has counted as accepted is stored, and nothing is stored twice, though the service dies.</summary>
[Collection(nameof(OneFaultAtATime)), Trait("Category", "Faults")]
public sealed class SenderCrashTests(CrashableDatabase database, ITestOutputHelper output) : IAsyncLifetime
{
    private const int Bad = 7;

    private Uri? _address;

    public async ValueTask InitializeAsync() => await database.EmptyAsync();

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    [Fact]
    public async Task The_service_is_killed_twice_while_the_sender_sends()
    {
        var count = FaultScale.Of(brief: 5_000, full: 100_000);
        var rejected = new List<RejectedInteraction>();
        await using var services = Shop(count, rejected);
        var sender = services.GetRequiredService<InteractionSender>();
        var clicks = Task.Run(() => ClickAsync(sender, count));
        for (var killed = 0; killed < 2; killed++)
        {
            using var service = await StartAsync();
            await UntilAsync(() => sender.Accepted >= (killed + 1) * count / 3);
            await service.KillAsync();
        }

        using var last = await StartAsync();
        await clicks.WaitAsync(Backstop.Limit);
        await sender.FlushAsync();

        var stored = await database.ScalarAsync<long[]>("SELECT coalesce(array_agg(value::bigint), '{}') FROM interactions WHERE type = 'click'");
        output.WriteLine(
            $"{count} interactions sent, {sender.Accepted} acknowledged, {stored.Length} stored, {stored.Length - stored.Distinct().Count()} stored twice, "
                + $"{sender.Rejected} rejected as bad, {sender.Dropped} dropped; {sender.Retries} batches sent again"
        );
        (sender.Accepted, sender.Duplicates, sender.Rejected, sender.Dropped, sender.Queued).ShouldBe((count, 0, Bad, 0, 0));
        rejected.Count.ShouldBe(Bad);
        sender.Retries.ShouldBeGreaterThan(0);
        stored.Length.ShouldBe(count);
        stored.Distinct().Count(number => number >= 0 && number < count).ShouldBe(count);
        (await last.StopAsync("TERM")).ShouldBe(0, last.Output);
    }

    private static async Task ClickAsync(InteractionSender sender, int count)
    {
        for (var i = 0; i < count; i++)
        {
            await sender.SendAsync(Click(i, "click"));
            if (i % (count / Bad) == 1 && i < count / Bad * Bad)
            {
                await sender.SendAsync(Click(i, "no type has a line\nbreak"));
            }
        }
    }

    private static InteractionInput Click(int number, string type) =>
        new()
        {
            UserId = $"user-{number % 100}",
            ItemId = $"item-{number % 50}",
            Type = type,
            Value = number,
        };

    private ServiceProvider Shop(int count, List<RejectedInteraction> rejected)
    {
        var services = new ServiceCollection();
        services
            .AddRecServiceClient(options =>
            {
                options.BaseAddress = new("http://recservice.example");
                options.ApiKey = TestKey.Text;
                options.Retries = 0;
            })
            .AddHttpMessageHandler(() => new ToProcess(() => Volatile.Read(ref _address)));
        services.AddInteractionSender(options =>
        {
            options.Capacity = count / 10;
            options.BatchSize = count / 100;
            options.LongestPause = TimeSpan.FromMilliseconds(500);
            options.OnRejected = rejected.Add;
        });
        return services.BuildServiceProvider();
    }

    private async Task<ServiceProcess> StartAsync()
    {
        var service = new ServiceProcess(("ConnectionStrings:RecService", database.ConnectionString), ("Training:Enabled", "false"));
        using var client = await service.ClientAsync();
        Volatile.Write(ref _address, client.BaseAddress);
        return service;
    }

    private static async Task UntilAsync(Func<bool> condition)
    {
        using var limit = new CancellationTokenSource(Backstop.Limit);
        while (!condition())
        {
            await Task.Delay(1, limit.Token);
        }
    }

    /// <summary>Finds the process that there is at the moment, as a proxy would, and loses some of its answers: what they tell of is stored.</summary>
    private sealed class ToProcess(Func<Uri?> address) : DelegatingHandler
    {
        private const int Lost = 7;

        private int _answers;

        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            request.RequestUri = address() is { } process
                ? new Uri(process, request.RequestUri!.PathAndQuery)
                : throw new HttpRequestException(HttpRequestError.ConnectionError, "There is no process yet.");
            var response = await base.SendAsync(request, cancellationToken);
            if (++_answers % Lost != 0)
            {
                return response;
            }

            response.Dispose();
            throw new HttpRequestException(HttpRequestError.ResponseEnded, "The answer is lost.");
        }
    }
}
