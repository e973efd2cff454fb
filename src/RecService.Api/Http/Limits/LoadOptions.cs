using System.Globalization;
using Microsoft.Extensions.Options;

namespace RecService.Api.Http.Limits;

/// <summary>Section <c>Load</c>: how much one process works on at a time.</summary>
internal sealed class LoadOptions
{
    public const string Section = "Load";

    /// <summary>Requests of the role <c>score</c>.</summary>
    public LoadLimit Scoring { get; set; } = new() { Concurrent = 64, Queue = 256 };

    /// <summary>Requests of the role <c>ingest</c>, other than imports. Each holds a connection to the database.</summary>
    public LoadLimit Ingest { get; set; } = new() { Concurrent = 32, Queue = 128 };

    /// <summary>Imports, of users, items and interactions. Each holds a connection to the database.</summary>
    public ImportLimit Imports { get; set; } = new() { Concurrent = 8, PerKey = 4 };

    /// <summary>
    /// Memory for the bodies of both roles, in MiB. By default, one of 32 MiB with a comma for every six bytes fits into the half of its key.
    /// </summary>
    public int BodyMebibytes { get; set; } = 768;
}

internal sealed class LoadLimit
{
    /// <summary>Requests that are worked on.</summary>
    public int Concurrent { get; set; }

    /// <summary>Requests that wait for that; all beyond are turned away.</summary>
    public int Queue { get; set; }
}

internal sealed class ImportLimit
{
    /// <summary>Imports that go on at a time.</summary>
    public int Concurrent { get; set; }

    /// <summary>Of these, imports of one API key; at most all of them.</summary>
    public int PerKey { get; set; }
}

internal sealed class LoadOptionsValidation : IValidateOptions<LoadOptions>
{
    private const int MostRequests = 10_000;
    private const int MostWaiting = 100_000;
    private const int MostImports = 1_000;

    public ValidateOptionsResult Validate(string? name, LoadOptions options)
    {
        string[] failures =
        [
            .. Check("Scoring:Concurrent", options.Scoring.Concurrent, 1, MostRequests),
            .. Check("Scoring:Queue", options.Scoring.Queue, 0, MostWaiting),
            .. Check("Ingest:Concurrent", options.Ingest.Concurrent, 1, MostRequests),
            .. Check("Ingest:Queue", options.Ingest.Queue, 0, MostWaiting),
            .. Check("Imports:Concurrent", options.Imports.Concurrent, 1, MostImports),
            .. Check("Imports:PerKey", options.Imports.PerKey, 1, MostImports),
            .. Check("BodyMebibytes", options.BodyMebibytes, 64, 1_000_000),
        ];
        return failures.Length > 0 ? ValidateOptionsResult.Fail(failures) : ValidateOptionsResult.Success;
    }

    private static IEnumerable<string> Check(string name, int value, int least, int most) =>
        value >= least && value <= most
            ? []
            : [string.Create(CultureInfo.InvariantCulture, $"{LoadOptions.Section}:{name} must be from {least} to {most}.")];
}
