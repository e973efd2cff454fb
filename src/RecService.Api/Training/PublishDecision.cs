using System.Globalization;
using RecService.Engine.Data;
using RecService.Engine.Evaluation;
using RecService.Engine.Evaluation.Metrics;

namespace RecService.Api.Training;

/// <summary>Whether the model of a run is to be served, by how its fit does on rows that neither it nor what it is compared with has seen.</summary>
/// <param name="Publish">Whether it is.</param>
/// <param name="Reason">Why not, or why it is though little is known of it; null where nothing speaks against it.</param>
internal sealed record PublishDecision(bool Publish, string? Reason = null)
{
    /// <summary>Of fewer held-out rows, an interval says nothing.</summary>
    public const int FewestRows = 50;

    /// <summary>Users beyond which the interval is taken from some of them alone: more would hardly narrow it.</summary>
    private const int MostUsers = 20_000;

    /// <summary>The decision of a run that holds nothing out.</summary>
    public static PublishDecision Unmeasured { get; } = new(Publish: true, "Nothing was held out that the model could be compared by.");

    /// <summary>The decision by how models rank the held-out rows (NDCG@10).</summary>
    /// <param name="fit">The fit of the run; null when nothing was ranked.</param>
    /// <param name="popularity">Popularity, on the same rows.</param>
    /// <param name="served">The fit that the model being served came from, on the same rows; null when there is none, or it cannot be compared.</param>
    public static PublishDecision ByRanking(RankingFigures? fit, RankingFigures? popularity, RankingFigures? served)
    {
        if (fit is null || popularity is null)
        {
            return Unmeasured;
        }

        return fit.Queries < FewestRows
            ? TooFew(fit.Queries)
            : Against(popularity, "popularity") ?? Against(served, "the fit of the model that is served") ?? new(Publish: true);

        PublishDecision? Against(RankingFigures? other, string name)
        {
            if (other is null)
            {
                return null;
            }

            var (ours, theirs) = (fit[RankingMetrics.Ndcg, FitAndRefit.Depth], other[RankingMetrics.Ndcg, FitAndRefit.Depth]);
            double[] losses = [.. theirs.Values.ToArray().Zip(ours.Values.ToArray(), (their, our) => their - our)];
            var interval = Bootstrap.Interval(losses, ours.Weights);
            return interval.Low > 0
                ? new(
                    Publish: false,
                    Text(
                        $"NDCG@10 on {fit.Queries} held-out rows is {ours.Mean:0.0000}; that of {name} is {theirs.Mean:0.0000}, higher by {interval.Low:0.0000} to {interval.High:0.0000} (95 % interval)."
                    )
                )
                : null;
        }
    }

    /// <summary>The decision by how far predictions of the held-out rows are off.</summary>
    /// <param name="holdout">The held-out rows.</param>
    /// <param name="users">The user of each.</param>
    /// <param name="fit">What the fit predicts of each.</param>
    /// <param name="biases">What is predicted by the biases of user and item alone.</param>
    /// <param name="served">What the fit predicts that the model being served came from; null when there is none, or it cannot be compared.</param>
    public static PublishDecision ByErrors(ExampleSet holdout, int[] users, float[] fit, float[] biases, float[]? served)
    {
        return holdout.Count < FewestRows
            ? TooFew(holdout.Count)
            : Against(biases, "the biases of users and items") ?? Against(served, "the fit of the model that is served") ?? new(Publish: true);

        PublishDecision? Against(float[]? other, string name)
        {
            if (other is null)
            {
                return null;
            }

            // By user, as rows of one user are not independent of each other.
            var byUser = Enumerable.Range(0, fit.Length).Where(row => holdout.WeightOf(row) > 0).GroupBy(row => users[row]).ToArray();
            var step = 1 + (byUser.Length / MostUsers);
            (double Loss, double Weight)[] losses =
            [
                .. byUser
                    .Where((_, user) => user % step == 0)
                    .Select(rows =>
                        (
                            rows.Sum(row => holdout.WeightOf(row) * (Error(other, row) - Error(fit, row))),
                            rows.Sum(row => (double)holdout.WeightOf(row))
                        )
                    ),
            ];
            var interval = Bootstrap.Interval([.. losses.Select(user => user.Loss / user.Weight)], [.. losses.Select(user => user.Weight)]);
            return interval.High < 0
                ? new(
                    Publish: false,
                    Text(
                        $"The mean squared error on {holdout.Count} held-out rows is higher than that of {name} by {-interval.High:0.0000} to {-interval.Low:0.0000} (95 % interval)."
                    )
                )
                : null;
        }

        double Error(float[] predictions, int row) => Math.Pow(predictions[row] - holdout.Targets[row], 2);
    }

    /// <summary>The decision of a model that something speaks against, where enough rows are held out to say so.</summary>
    public PublishDecision Against(int heldOut, string warning) => heldOut < FewestRows ? this : new(Publish: false, warning);

    private static PublishDecision TooFew(int rows) =>
        new(Publish: true, Text($"Only {rows} rows were held out, fewer than the {FewestRows} that a comparison takes."));

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
