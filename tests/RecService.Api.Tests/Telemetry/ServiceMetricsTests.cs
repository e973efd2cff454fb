using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Text.RegularExpressions;
using Microsoft.Extensions.DependencyInjection;
using RecService.Api.Telemetry;

namespace RecService.Api.Tests.Telemetry;

public sealed partial class ServiceMetricsTests : IDisposable
{
    private readonly ServiceProvider _services = new ServiceCollection().AddMetrics().BuildServiceProvider();
    private readonly MeterListener _listener = new();
    private readonly List<Instrument> _instruments = [];
    private readonly ServiceMetrics _metrics;

    public ServiceMetricsTests()
    {
        var meters = _services.GetRequiredService<IMeterFactory>();
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Meter.Scope == meters)
            {
                _instruments.Add(instrument);
                listener.EnableMeasurementEvents(instrument);
            }
        };
        _listener.SetMeasurementEventCallback<long>(static (_, _, _, _) => { });
        _listener.SetMeasurementEventCallback<double>(static (_, _, _, _) => { });
        _listener.Start();
        _metrics = new(meters, ["view", "purchase"], TimeProvider.System);
    }

    [Fact]
    public void The_documentation_lists_exactly_the_instruments_with_their_kinds_and_units()
    {
        var documented = Row()
            .Matches(File.ReadAllText(Path.Combine(Repository.Root, "deploy", "observability.md")))
            .Select(row => (row.Groups["name"].Value, row.Groups["kind"].Value, row.Groups["unit"].Value));
        documented.ShouldBe(_instruments.Select(instrument => (instrument.Name, Kind(instrument), instrument.Unit!)), ignoreOrder: true);
    }

    [Fact]
    public void Types_that_the_configuration_does_not_name_are_counted_together()
    {
        _metrics.TypeOf("PURCHASE").ShouldBe(_metrics.TypeOf("purchase"));
        _metrics.TypeOf("view").ShouldNotBe(_metrics.TypeOf("purchase"));
        _metrics.TypeOf("made up").ShouldBe(_metrics.TypeOf(null));
        _metrics.TypeCount.ShouldBe(3);
    }

    [Fact]
    public void Recording_allocates_nothing()
    {
        Record();
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 100; i++)
        {
            Record();
        }

        (GC.GetAllocatedBytesForCurrentThread() - before).ShouldBe(0);
    }

    public void Dispose()
    {
        _listener.Dispose();
        _services.Dispose();
    }

    private void Record()
    {
        _metrics.CountInteractions(_metrics.TypeOf("view"), Outcome.Accepted, 1);
        _metrics.Ranked("model", Stopwatch.GetTimestamp());
        _metrics.Recommended("model");
        _metrics.ImportEnded("users", Stopwatch.GetTimestamp(), 1, 1, 1);
    }

    private static string Kind(Instrument instrument) =>
        instrument.GetType().Name.Split('`')[0] switch
        {
            "Counter" => "counter",
            "Histogram" => "histogram",
            _ => "gauge",
        };

    [GeneratedRegex(
        @"^\| `(?<name>recservice\.[^`]+)` \| (?<kind>\w+) \| `(?<unit>[^`]+)` \|",
        RegexOptions.Multiline | RegexOptions.ExplicitCapture,
        1000
    )]
    private static partial Regex Row();
}
