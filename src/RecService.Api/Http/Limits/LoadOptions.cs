using System.Globalization;
using Microsoft.Extensions.Options;

namespace RecService.Api.Http.Limits;

/// <summary>Section <c>Load</c>: how much one process works on at a time.</summary>
internal sealed class LoadOptions
{
    public const string Section = "Load";

    /// <summary>Requests of the role <c>score</c>.</summary>
    public ScoringLimit Scoring { get; set; } = new() { Concurrent = 64, Queue = 256 };

    /// <summary>Requests of the role <c>ingest</c>, other than imports. Each holds a connection to the database.</summary>
    public LoadLimit Ingest { get; set; } = new() { Concurrent = 32, Queue = 128 };

    /// <summary>Imports, of users, items and interactions. Each holds a connection to the database.</summary>
    public ImportLimit Imports { get; set; } = new() { Concurrent = 8, PerKey = 4 };

    /// <summary>Exports, of users, items, interactions and models. Each holds a connection to the database.</summary>
    public ExportLimit Exports { get; set; } = new() { Concurrent = 4, PerKey = 2 };

    /// <summary>Callers who watch training runs.</summary>
    public SlotLimit Watchers { get; set; } = new() { Concurrent = 200, PerKey = 100 };

    /// <summary>
    /// Memory for the bodies of both roles, in MiB. By default, one of 32 MiB with a comma for every six bytes fits into the half of its key.
    /// </summary>
    public int BodyMebibytes { get; set; } = 768;
}

internal class LoadLimit
{
    /// <summary>Requests that are worked on.</summary>
    public int Concurrent { get; set; }

    /// <summary>Requests that wait for that; all beyond are turned away.</summary>
    public int Queue { get; set; }
}

internal sealed class ScoringLimit : LoadLimit
{
    /// <summary>How long a request may have to wait for its ranking to begin, as reckoned when it comes; beyond, it is turned away.</summary>
    public TimeSpan LongestWait { get; set; } = TimeSpan.FromMilliseconds(500);
}

internal class SlotLimit
{
    /// <summary>Requests that go on at a time.</summary>
    public int Concurrent { get; set; }

    /// <summary>Of these, requests of one API key; at most all of them.</summary>
    public int PerKey { get; set; }
}

internal sealed class ImportLimit : SlotLimit
{
    /// <summary>
    /// To how many bytes each byte of a compressed body may expand, beyond the first <see cref="BoundedDecompression.FreeBytes"/>. Interactions as NDJSON
    /// expand to 10 to 40, what is made to fill memory to more than 1,000.
    /// </summary>
    public int ExpansionRatio { get; set; } = 100;

    /// <summary>How many lines may be invalid; beyond, an import ends of whose lines more than half are.</summary>
    public int RejectedLines { get; set; } = 10_000;

    /// <summary>How large a Parquet file may be, in MiB. As long as it is read it lies in the temporary folder.</summary>
    public int ParquetMebibytes { get; set; } = 1024;

    /// <summary>Memory for a row group of a Parquet file, in MiB.</summary>
    public int RowGroupMebibytes { get; set; } = 256;
}

internal sealed class ExportLimit : SlotLimit
{
    /// <summary>For how long a reader may not take the next 64 KiB before he is cut off.</summary>
    public TimeSpan StallTimeout { get; set; } = TimeSpan.FromSeconds(10);
}

internal sealed class LoadOptionsValidation : IValidateOptions<LoadOptions>
{
    private const int MostRequests = 10_000;
    private const int MostWaiting = 100_000;
    private const int MostSlots = 1_000;
    private const int MostWatchers = 10_000;
    private static readonly TimeSpan LongestTime = TimeSpan.FromHours(1);

    public ValidateOptionsResult Validate(string? name, LoadOptions options)
    {
        string[] failures =
        [
            .. Check("Scoring:Concurrent", options.Scoring.Concurrent, 1, MostRequests),
            .. Check("Scoring:Queue", options.Scoring.Queue, 0, MostWaiting),
            .. CheckTime("Scoring:LongestWait", options.Scoring.LongestWait, TimeSpan.FromMilliseconds(1), "1 millisecond"),
            .. Check("Ingest:Concurrent", options.Ingest.Concurrent, 1, MostRequests),
            .. Check("Ingest:Queue", options.Ingest.Queue, 0, MostWaiting),
            .. Check("Imports", options.Imports, MostSlots),
            .. Check("Imports:ExpansionRatio", options.Imports.ExpansionRatio, 1, 1_000_000),
            .. Check("Imports:RejectedLines", options.Imports.RejectedLines, 1, int.MaxValue),
            .. Check("Imports:ParquetMebibytes", options.Imports.ParquetMebibytes, 1, 1_000_000),
            .. Check("Imports:RowGroupMebibytes", options.Imports.RowGroupMebibytes, 1, 1_000_000),
            .. Check("Exports", options.Exports, MostSlots),
            .. CheckTime("Exports:StallTimeout", options.Exports.StallTimeout, TimeSpan.FromSeconds(1), "1 second"),
            .. Check("Watchers", options.Watchers, MostWatchers),
            .. Check("BodyMebibytes", options.BodyMebibytes, 64, 1_000_000),
        ];
        return failures.Length > 0 ? ValidateOptionsResult.Fail(failures) : ValidateOptionsResult.Success;
    }

    private static IEnumerable<string> Check(string name, SlotLimit limit, int most) =>
        Check($"{name}:Concurrent", limit.Concurrent, 1, most).Concat(Check($"{name}:PerKey", limit.PerKey, 1, most));

    private static IEnumerable<string> CheckTime(string name, TimeSpan time, TimeSpan least, string leastInWords) =>
        time >= least && time <= LongestTime ? [] : [$"{LoadOptions.Section}:{name} must be from {leastInWords} to 1 hour."];

    private static IEnumerable<string> Check(string name, int value, int least, int most) =>
        value >= least && value <= most
            ? []
            : [string.Create(CultureInfo.InvariantCulture, $"{LoadOptions.Section}:{name} must be from {least} to {most}.")];
}
