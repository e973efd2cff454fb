using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using RecService.Engine.Losses;
using RecService.Engine.Training;

namespace RecService.Cli.Output;

/// <summary>The objects that <c>--json</c> prints.</summary>
internal static class Report
{
    private static readonly JsonSerializerOptions OneLine = new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static void Write(TextWriter output, JsonObject report) => output.WriteLine(report.ToJsonString(OneLine));

    public static JsonArray Texts(IEnumerable<string> texts) => [.. texts.Select(text => JsonValue.Create(text))];

    /// <summary>The epochs of a training.</summary>
    /// <param name="result">The training.</param>
    /// <param name="loss">Its loss.</param>
    /// <param name="rows">Rows, or pairs of rows, that an epoch learned from.</param>
    public static JsonArray Epochs(TrainingResult result, LossFunction loss, long rows) =>
        [.. result.Epochs.Select(epoch => Epoch(epoch, loss, rows))];

    private static JsonObject Epoch(EpochReport epoch, LossFunction loss, long rows)
    {
        var report = new JsonObject
        {
            ["epoch"] = epoch.Epoch,
            ["seconds"] = epoch.LearningTime.TotalSeconds,
            ["examplesPerSecond"] = rows / epoch.LearningTime.TotalSeconds,
            ["trainLoss"] = loss.Reported(epoch.TrainLoss),
            ["validMetric"] = epoch.HoldoutLoss is { } holdout ? loss.Reported(holdout) : null,
        };
        if (epoch.Ranking is { } ranking)
        {
            (report["validHr@10"], report["validNdcg@10"], report["validNdcg"]) = (ranking.HitRate, ranking.Ndcg, ranking.FullNdcg);
        }

        return report;
    }

    /// <summary>The most physical memory that the process had at a time.</summary>
    public static long PeakMemoryBytes()
    {
        const string Status = "/proc/self/status";
        const string Peak = "VmHWM:";
        if (File.Exists(Status) && File.ReadLines(Status).FirstOrDefault(line => line.StartsWith(Peak, StringComparison.Ordinal)) is { } line)
        {
            return 1024
                * long.Parse(
                    line.AsSpan(Peak.Length).TrimEnd("kB"),
                    NumberStyles.AllowLeadingWhite | NumberStyles.AllowTrailingWhite,
                    CultureInfo.InvariantCulture
                );
        }

        using var process = System.Diagnostics.Process.GetCurrentProcess();
        return process.PeakWorkingSet64;
    }
}
