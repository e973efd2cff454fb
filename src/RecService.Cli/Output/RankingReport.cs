using System.Text.Json.Nodes;
using RecService.Engine.Evaluation;

namespace RecService.Cli.Output;

/// <summary>What a ranking was measured by.</summary>
internal static class RankingReport
{
    private const string Intervals = "ci95";

    /// <summary>Each metric by its name, and in <c>ci95</c> by the same name the bounds of its 95 % confidence interval.</summary>
    public static JsonObject Of(RankingFigures figures)
    {
        var intervals = new JsonObject();
        var report = new JsonObject();
        foreach (var figure in figures.All())
        {
            report[figure.Name] = figure.Value;
            intervals[figure.Name] = new JsonArray(figure.Interval.Low, figure.Interval.High);
        }

        report[Intervals] = intervals;
        return report;
    }

    /// <summary>A line for each metric.</summary>
    public static IEnumerable<string> Lines(JsonObject report) =>
        from interval in report[Intervals]!.AsObject()
        let bounds = interval.Value!.AsArray()
        select $"  {interval.Key,-11}  {Text(report[interval.Key])}  [{Text(bounds[0])}, {Text(bounds[1])}]";

    private static string Text(JsonNode? number) => Figures.Metric(number!.GetValue<double>());
}
