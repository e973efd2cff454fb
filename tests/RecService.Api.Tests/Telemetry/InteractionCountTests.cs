using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Net;
using Microsoft.Extensions.DependencyInjection;
using RecService.Api.Tests.Fixtures;

namespace RecService.Api.Tests.Telemetry;

public sealed class InteractionCountTests(ServiceFixture service) : IClassFixture<ServiceFixture>, IDisposable
{
    private readonly ConcurrentDictionary<(string Type, string Outcome), long> _counts = new();
    private readonly MeterListener _listener = new();

    [Fact]
    public async Task Interactions_are_counted_by_type_and_by_what_became_of_them()
    {
        Listen();
        await PostAsync(Of("1", "view"), Of("2", "view"), Of("3", "purchase"), Of("4", "own-type"), Of("5", "view", item: ""), Of("1", "view"));
        Taken().ShouldBe(["other accepted 1", "purchase accepted 1", "view accepted 2", "view duplicate 1", "view rejected 1"]);

        // The same again, and an interactionId that belongs to another event.
        await PostAsync(Of("1", "view"), Of("3", "purchase"), Of("4", "purchase"), Of("6", "click"));
        Taken().ShouldBe(["click accepted 1", "purchase duplicate 1", "purchase rejected 1", "view duplicate 1"]);

        await service.Client.SendTextAsync(
            HttpMethod.Post,
            "/v1/interactions/import",
            """
            {"userId":"u","itemId":"i","type":"view","interactionId":"1"}
            {"userId":"u","itemId":"i","type":"like"}
            no interaction
            """,
            "application/x-ndjson"
        );
        Taken().ShouldBe(["like accepted 1", "other rejected 1", "view duplicate 1"]);
    }

    public void Dispose() => _listener.Dispose();

    private static object Of(string id, string type, string item = "i") =>
        new
        {
            userId = "u",
            itemId = item,
            type,
            interactionId = id,
        };

    private Task PostAsync(params object[] interactions) => service.Client.PostJsonAsync("/v1/interactions", new { interactions }, HttpStatusCode.OK);

    private void Listen()
    {
        var meters = service.Factory.Services.GetRequiredService<IMeterFactory>();
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Meter.Scope == meters && instrument.Name == "recservice.interactions")
            {
                listener.EnableMeasurementEvents(instrument);
            }
        };
        _listener.SetMeasurementEventCallback<long>(
            (_, count, tags, _) => _counts.AddOrUpdate(((string)tags[0].Value!, (string)tags[1].Value!), count, (_, former) => former + count)
        );
        _listener.Start();
    }

    private List<string> Taken()
    {
        var counts = _counts.Select(count => $"{count.Key.Type} {count.Key.Outcome} {count.Value}").Order(StringComparer.Ordinal).ToList();
        _counts.Clear();
        return counts;
    }
}
