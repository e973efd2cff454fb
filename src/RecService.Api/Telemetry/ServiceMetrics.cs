using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace RecService.Api.Telemetry;

/// <summary>The service's own instruments. deploy/observability.md lists them; a test holds the two together.</summary>
/// <remarks>
/// Recording allocates nothing: attributes are strings that are there already, and no instrument takes more than three, which travel on the stack.
/// </remarks>
internal sealed class ServiceMetrics
{
    public const string MeterName = "RecService";

    /// <summary>
    /// What interaction types that the configuration does not name are counted under: callers choose them, and each would be a time series of its
    /// own.
    /// </summary>
    public const string OtherType = "other";

    private const string TypeKey = "recservice.interaction.type";
    private const string OutcomeKey = "recservice.outcome";
    private const string KindKey = "recservice.import.kind";

    private readonly string[] _typeNames;
    private readonly Dictionary<string, int> _types = new(StringComparer.OrdinalIgnoreCase);
    private readonly TimeProvider _clock;
    private readonly Counter<long> _interactions;
    private readonly Counter<long> _expired;
    private readonly Counter<long> _importRows;
    private readonly Histogram<double> _importDuration;
    private readonly Histogram<double> _trainingDuration;
    private readonly Gauge<double> _trainingLoss;
    private readonly Histogram<double> _publishDuration;
    private readonly Histogram<double> _rankingDuration;
    private readonly Counter<long> _recommendations;
    private volatile Published? _published;

    public ServiceMetrics(IMeterFactory meters, IEnumerable<string> interactionTypes, TimeProvider clock)
    {
        _clock = clock;
        _typeNames = [OtherType, .. interactionTypes.Where(type => !type.Equals(OtherType, StringComparison.OrdinalIgnoreCase))];
        for (var type = 0; type < _typeNames.Length; type++)
        {
            _types.TryAdd(_typeNames[type], type);
        }

        var meter = meters.Create(MeterName);
        _interactions = meter.CreateCounter<long>(
            "recservice.interactions",
            "{interaction}",
            "Interactions that were sent in batches and imports, by what became of them."
        );
        _expired = meter.CreateCounter<long>(
            "recservice.retention.interactions",
            "{interaction}",
            "Interactions that were deleted because of their age, by type."
        );
        _importRows = meter.CreateCounter<long>(
            "recservice.import.rows",
            "{row}",
            "Rows of imports of interactions, users and items; its rate is the import rate."
        );
        _importDuration = CreateHistogram(
            meter,
            "recservice.import.duration",
            "Duration of imports, from the first byte to the commit.",
            [0.01, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 600, 1800, 3600]
        );
        _trainingDuration = CreateHistogram(
            meter,
            "recservice.training.duration",
            "Duration of training runs.",
            [0.1, 0.5, 1, 5, 10, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200]
        );
        _trainingLoss = meter.CreateGauge<double>("recservice.training.loss", "1", "Loss of the epoch that ended last.");
        _publishDuration = CreateHistogram(
            meter,
            "recservice.snapshot.build.duration",
            "Duration of building a snapshot: catalogue, model, item vectors.",
            [0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60]
        );
        _rankingDuration = CreateHistogram(
            meter,
            "recservice.ranking.duration",
            "Duration of one ranking of the catalogue, without the database.",
            [0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1]
        );
        _recommendations = meter.CreateCounter<long>(
            "recservice.recommendations",
            "{recommendation}",
            "Answered requests for recommendations, by where the ranking came from."
        );
        meter.CreateObservableGauge("recservice.model.age", ModelAge, "s", "Time since the model that is served was stored; absent without one.");
        meter.CreateObservableGauge(
            "recservice.snapshot.size",
            () => _published?.Bytes ?? 0,
            "By",
            "Bytes of the numbers of the snapshot: the model's parameters, the items' rows and vectors."
        );
        meter.CreateObservableGauge("recservice.snapshot.items", () => _published?.Items ?? 0, "{item}", "Items in the snapshot.");
    }

    /// <summary>How many types are told apart.</summary>
    public int TypeCount => _typeNames.Length;

    /// <summary>The number of a type, below <see cref="TypeCount"/>.</summary>
    public int TypeOf(string? type) => type is not null && _types.TryGetValue(type, out var known) ? known : 0;

    public void CountInteractions(int type, string outcome, long count)
    {
        if (count > 0)
        {
            _interactions.Add(count, new(TypeKey, _typeNames[type]), new(OutcomeKey, outcome));
        }
    }

    /// <param name="type">A type that the configuration names.</param>
    /// <param name="count">How many were deleted.</param>
    public void Expired(string type, long count) => _expired.Add(count, new KeyValuePair<string, object?>(TypeKey, type));

    public void ImportEnded(string kind, long startTimestamp, long accepted, long duplicates, long rejected)
    {
        _importDuration.Record(Stopwatch.GetElapsedTime(startTimestamp).TotalSeconds, new KeyValuePair<string, object?>(KindKey, kind));
        CountRows(kind, Outcome.Accepted, accepted);
        CountRows(kind, Outcome.Duplicate, duplicates);
        CountRows(kind, Outcome.Rejected, rejected);
    }

    public void TrainingEnded(string trigger, string outcome, TimeSpan duration) =>
        _trainingDuration.Record(duration.TotalSeconds, new("recservice.training.trigger", trigger), new(OutcomeKey, outcome));

    public void EpochEnded(string phase, double trainLoss, double? holdoutLoss)
    {
        RecordLoss(trainLoss, phase, "train");
        if (holdoutLoss is { } loss)
        {
            RecordLoss(loss, phase, "holdout");
        }
    }

    /// <param name="modelStoredAt">When the model was stored; null without one.</param>
    /// <param name="items">Items of the catalogue.</param>
    /// <param name="bytes">Bytes of the snapshot's numbers.</param>
    /// <param name="duration">How long the snapshot took to build.</param>
    public void SnapshotPublished(DateTimeOffset? modelStoredAt, int items, long bytes, TimeSpan duration)
    {
        _published = new(modelStoredAt, items, bytes);
        _publishDuration.Record(duration.TotalSeconds);
    }

    /// <summary>The snapshot has other items than when it was built.</summary>
    public void SnapshotChanged(int items, long bytes) => _published = new(_published?.ModelStoredAt, items, bytes);

    public void Ranked(string ranking, long startTimestamp)
    {
        if (_rankingDuration.Enabled)
        {
            _rankingDuration.Record(
                Stopwatch.GetElapsedTime(startTimestamp).TotalSeconds,
                new KeyValuePair<string, object?>("recservice.ranking", ranking)
            );
        }
    }

    public void Recommended(string source) => _recommendations.Add(1, new KeyValuePair<string, object?>("recservice.recommendation.source", source));

    private static Histogram<double> CreateHistogram(Meter meter, string name, string description, double[] boundaries) =>
        meter.CreateHistogram(name, "s", description, tags: null, new InstrumentAdvice<double> { HistogramBucketBoundaries = boundaries });

    private void CountRows(string kind, string outcome, long count)
    {
        if (count > 0)
        {
            _importRows.Add(count, new(KindKey, kind), new(OutcomeKey, outcome));
        }
    }

    private void RecordLoss(double loss, string phase, string rows) =>
        _trainingLoss.Record(loss, new("recservice.training.phase", phase), new("recservice.training.rows", rows));

    private IEnumerable<Measurement<double>> ModelAge() =>
        _published?.ModelStoredAt is { } storedAt ? [new((_clock.GetUtcNow() - storedAt).TotalSeconds)] : [];

    private sealed record Published(DateTimeOffset? ModelStoredAt, int Items, long Bytes);
}
