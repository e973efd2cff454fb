using System.Text.Json.Nodes;
using RecService.Engine.Evaluation;

namespace RecService.Cli.Output;

/// <summary>What a ranking was measured by.</summary>
internal static class RankingReport
{
    private const string Intervals = "ci95";

    /// <summary>Each metric by its name, and in <c>ci95</c> by the same name the bounds of its 95 % confidence interval.</summary>
    public static JsonObject Of(RankingMetrics metrics)
    {
        var intervals = new JsonObject();
        var report = new JsonObject();
        foreach (var n in metrics.Cutoffs)
        {
            Add($"hr@{n}", metrics.HitRate(n));
            Add($"ndcg@{n}", metrics.Ndcg(n));
            Add($"recall@{n}", metrics.Recall(n));
        }

        Add("mrr", metrics.Mrr);
        foreach (var n in metrics.Cutoffs)
        {
            AddValue($"coverage@{n}", metrics.Coverage(n).Share, metrics.Coverage(n).Interval);
        }

        report[Intervals] = intervals;
        return report;

        void Add(string name, UserMean mean) => AddValue(name, mean.Mean, mean.Interval());

        void AddValue(string name, double value, ConfidenceInterval interval)
        {
            report[name] = value;
            intervals[name] = new JsonArray(interval.Low, interval.High);
        }
    }

    /// <summary>A line for each metric.</summary>
    public static IEnumerable<string> Lines(JsonObject report) =>
        from interval in report[Intervals]!.AsObject()
        let bounds = interval.Value!.AsArray()
        select $"  {interval.Key,-11}  {Text(report[interval.Key])}  [{Text(bounds[0])}, {Text(bounds[1])}]";

    private static string Text(JsonNode? number) => Figures.Metric(number!.GetValue<double>());
}
