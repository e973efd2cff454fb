using RecService.Api.Models;

namespace RecService.Api.Dashboard.Parts;

/// <summary>A metric of a model, beside those of what is simpler.</summary>
/// <param name="Name">What it is called.</param>
/// <param name="Model">Of the model.</param>
/// <param name="HigherIsBetter">Whether more is better.</param>
/// <param name="Others">Of others on the same rows, by name.</param>
/// <param name="Interval">Where it lies for other users of the same kind.</param>
internal sealed record MetricRow(string Name, double Model, bool HigherIsBetter, IReadOnlyList<(string Name, double Value)> Others, double[]? Interval = null)
{
    /// <summary>Whether another one is better, by more than other users might turn into the opposite.</summary>
    public bool IsBeatenBy(double other) =>
        HigherIsBetter ? other > (Interval is [_, var high] ? high : Model) : other < (Interval is [var low, _] ? low : Model);

    /// <summary>The metrics that a run has measured, the one that decides first.</summary>
    public static IReadOnlyList<MetricRow> Of(TrainingMetrics? metrics)
    {
        if (metrics is null)
        {
            return [];
        }

        var rows = new List<MetricRow>();
        Add("NDCG@10", metrics.Ndcg10, true, metrics.Ndcg10Interval, ("popularity", metrics.PopularityNdcg10), ("item-kNN", metrics.ItemKnnNdcg10), ("served before", metrics.ServedNdcg10));
        Add("Hit rate@10", metrics.HitRate10, true, metrics.HitRate10Interval, ("popularity", metrics.PopularityHitRate10), ("item-kNN", metrics.ItemKnnHitRate10), ("served before", metrics.ServedHitRate10));
        Add("RMSE", metrics.Rmse, false, interval: null, ("mean", metrics.BaselineRmse), ("biases", metrics.BiasRmse), ("served before", metrics.ServedRmse));
        Add("MAE", metrics.Mae, false, interval: null);
        Add("MRR", metrics.Mrr, true, interval: null);
        Add("AUC", metrics.Auc, true, interval: null);
        Add("Log loss", metrics.LogLoss, false, interval: null);
        Add("Coverage@10", metrics.Coverage10, true, interval: null);
        return rows;

        void Add(string name, double? value, bool higherIsBetter, double[]? interval, params ReadOnlySpan<(string Name, double? Value)> others)
        {
            if (value is { } own)
            {
                var known = new List<(string, double)>();
                foreach (var (other, theirs) in others)
                {
                    if (theirs is { } number)
                    {
                        known.Add((other, number));
                    }
                }

                rows.Add(new(name, own, higherIsBetter, known, interval));
            }
        }
    }

    /// <summary>The one by which models of an objective are told apart: of rating the error, else the ranking.</summary>
    public static MetricRow? Deciding(TrainingMetrics? metrics) =>
        Of(metrics) is { Count: > 0 } rows ? rows.FirstOrDefault(row => row.Name == "RMSE") ?? rows[0] : null;
}
