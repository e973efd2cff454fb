using RecService.Engine.Data;

namespace RecService.Api.Training;

/// <summary>What one run trains on: a consistent cut-off of the store, in a canonical order so that the same data give the same model.</summary>
internal sealed class Cutoff
{
    /// <summary>All users, in the order of their ids.</summary>
    public required IReadOnlyList<EntityFeatures> Users { get; init; }

    /// <summary>All items, in the order of their ids.</summary>
    public required IReadOnlyList<EntityFeatures> Items { get; init; }

    /// <summary>The distinct contexts; the first is the empty one.</summary>
    public required IReadOnlyList<EntityFeatures> Contexts { get; init; }

    /// <summary>The rows, by user, item and context; with objective <c>next</c>, the events of each user in the order of time.</summary>
    public required CutoffRows Rows { get; init; }

    /// <summary>Objective <c>next</c>: the items that users dislike and never liked, by user and item.</summary>
    public IReadOnlyList<Dislike> Dislikes { get; init; } = [];

    /// <summary>The types of the interactions that were read, as they are written in the store.</summary>
    public IReadOnlyCollection<string> Types { get; init; } = [];

    /// <summary>The values that were taken, by type and in any case; types that are not there have no bounds.</summary>
    public IReadOnlyDictionary<string, ValueRange> ValueRanges { get; init; } = new Dictionary<string, ValueRange>(StringComparer.OrdinalIgnoreCase);

    /// <summary>The typical values of types whose positives count by their value, by type and in any case.</summary>
    public IReadOnlyDictionary<string, double> TypicalValues { get; init; } = new Dictionary<string, double>(StringComparer.OrdinalIgnoreCase);

    /// <summary>How many interactions were not used as rows of their own, by reason.</summary>
    public required IReadOnlyDictionary<string, long> Dropped { get; init; }

    /// <summary>When the cut-off was taken.</summary>
    public required DateTimeOffset At { get; init; }

    /// <summary>The last erasure of a user before the cut-off: <see cref="Storage.Erasures"/>.</summary>
    public long ErasureHorizon { get; init; }

    /// <summary>The database snapshot of the cut-off, to tell later whether anything has changed since.</summary>
    public required string DatabaseSnapshot { get; init; }

    /// <summary>Which database cluster the snapshot belongs to: a restored copy counts transactions anew.</summary>
    public required string DatabaseId { get; init; }
}
