using System.Globalization;
using System.Text.Json.Nodes;
using RecService.Cli.Output;
using RecService.Client;

namespace RecService.Cli.Import;

/// <summary>A line that the service did not take.</summary>
internal sealed record RejectedLine(string File, long Line, string Field, string Reason);

/// <summary>What became of a part.</summary>
internal sealed record PartResult(long Accepted, long Duplicates, long Rejected, IReadOnlyList<LineError> Errors);

/// <summary>What became of what was sent so far.</summary>
internal sealed class ImportReport(string kind)
{
    public const string GoOn = "The same command, within a day, goes on: nothing is stored twice.";

    private const int MostShown = 20;
    private const int MostKept = 1_000;

    private readonly List<RejectedLine> _rejected = [];

    public long Rows { get; private set; }

    public long Accepted { get; private set; }

    public long Duplicates { get; private set; }

    public long Rejected { get; private set; }

    public int Retries { get; set; }

    public void Add(string file, ImportPart part, PartResult result)
    {
        Rows += part.Lines.Count > 0 ? part.Lines.Count : result.Accepted + result.Duplicates + result.Rejected;
        Accepted += result.Accepted;
        Duplicates += result.Duplicates;
        Rejected += result.Rejected;
        _rejected.AddRange(
            result.Errors.Take(MostKept - _rejected.Count).Select(error => new RejectedLine(file, part.LineInFile(error.Line), error.Field, error.Reason))
        );
    }

    /// <summary>Names the first of the lines that were rejected.</summary>
    public void WriteRejected(Action<string> write)
    {
        foreach (var line in _rejected.Take(MostShown))
        {
            write(string.Create(CultureInfo.InvariantCulture, $"{line.File}, line {line.Line}: {(line.Field is "$" ? "the line" : line.Field)} {line.Reason}"));
        }

        if (Rejected > 0 && _rejected.Count > MostShown)
        {
            write($"… and others: {Figures.Counted(Rejected, "line")} in all");
        }
    }

    public string Summary(TimeSpan elapsed) =>
        string.Create(
            CultureInfo.InvariantCulture,
            $"{Figures.Counted(Rows, "row")} of {kind} sent in {elapsed.TotalSeconds:0.0} s: {Rows - Rejected - Duplicates:N0} stored{(Duplicates > 0 ? $", {Duplicates:N0} stored before" : "")}, {Rejected:N0} rejected"
        );

    public JsonObject ToJson(TimeSpan elapsed) =>
        new()
        {
            ["kind"] = kind,
            ["rows"] = Rows,
            ["accepted"] = Accepted,
            ["duplicates"] = Duplicates,
            ["rejected"] = Rejected,
            ["retries"] = Retries,
            ["seconds"] = elapsed.TotalSeconds,
            ["errors"] = new JsonArray([
                .. _rejected.Select(line => new JsonObject
                {
                    ["file"] = line.File,
                    ["line"] = line.Line,
                    ["field"] = line.Field,
                    ["reason"] = line.Reason,
                }),
            ]),
        };
}
