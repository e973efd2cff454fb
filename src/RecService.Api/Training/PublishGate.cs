using System.Globalization;
using RecService.Engine.Evaluation;
using RecService.Engine.Evaluation.Metrics;

namespace RecService.Api.Training;

/// <summary>Whether a new model may be served without being asked for.</summary>
public enum PublishGate
{
    /// <summary>Not one that ranks worse than popularity, or than the model that is served.</summary>
    On,

    /// <summary>Any.</summary>
    Off,
}

/// <summary>Whether the model of a run is to be served.</summary>
/// <param name="Publish">Whether it is.</param>
/// <param name="Reason">Why not, or why it is though little is known of it; null where nothing speaks against it.</param>
internal sealed record PublishDecision(bool Publish, string? Reason = null)
{
    /// <summary>Of fewer held-out rows, an interval says nothing.</summary>
    public const int FewestRows = 50;

    private const string Popularity = "popularity";
    private const string Served = "the model that is served";

    /// <summary>The decision by how a fit ranks the held-out rows, beside others that have not seen them either.</summary>
    /// <param name="fit">The fit of the run; null when nothing was measured.</param>
    /// <param name="popularity">Popularity, on the same rows.</param>
    /// <param name="served">The fit that the model being served came from, on the same rows; null when there is none, or it cannot be compared.</param>
    public static PublishDecision Of(RankingFigures? fit, RankingFigures? popularity, RankingFigures? served)
    {
        if (fit is null || popularity is null)
        {
            return new(Publish: true, "Nothing was held out that the model could be compared by.");
        }

        if (fit.Queries < FewestRows)
        {
            return new(Publish: true, FormattableString.Invariant($"Only {fit.Queries} rows were held out, fewer than the {FewestRows} that a comparison takes."));
        }

        return new PublishDecision(Publish: true).Unless(fit, popularity, Popularity).Unless(fit, served, Served);
    }

    private PublishDecision Unless(RankingFigures fit, RankingFigures? other, string name)
    {
        if (!Publish || other is null)
        {
            return this;
        }

        var (ours, theirs) = (fit[RankingMetrics.Ndcg, FitAndRefit.Depth], other[RankingMetrics.Ndcg, FitAndRefit.Depth]);
        double[] differences = [.. ours.Values.ToArray().Zip(theirs.Values.ToArray(), (our, their) => our - their)];
        var interval = Bootstrap.Interval(differences, []);
        return interval.High >= 0
            ? this
            : new(
                Publish: false,
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"NDCG@10 is {ours.Mean:0.0000} on {fit.Queries} held-out rows, where {name} has {theirs.Mean:0.0000}: lower by {-interval.High:0.0000} to {-interval.Low:0.0000} (95 % interval)."
                )
            );
    }
}
