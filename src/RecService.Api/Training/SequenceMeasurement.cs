using RecService.Api.Models;
using RecService.Api.Telemetry;
using RecService.Engine.Data;
using RecService.Engine.Data.Histories;
using RecService.Engine.Evaluation;
using RecService.Engine.Evaluation.Baselines;
using RecService.Engine.Evaluation.Metrics;
using RecService.Engine.Model;
using RecService.Engine.Scoring;

namespace RecService.Api.Training;

/// <summary>Objective <c>next</c>: ranks the catalogue for each held-out event as a request of that moment would have it.</summary>
internal sealed class SequenceMeasurement
{
    /// <summary>Pairs of items in histories beyond which the nearest items are not worth finding for a comparison alone.</summary>
    private const double MostNeighbourPairs = 1e9;

    private readonly EncodedSequences _encoded;
    private readonly CancellationToken _cancellationToken;
    private readonly int[] _held;
    private readonly HistoryEvent[][] _histories;
    private readonly RankingQuery[] _queries;
    private readonly RankingEvaluator _evaluator;
    private readonly RowSets _fitted;

    public SequenceMeasurement(EncodedSequences encoded, TrainingOptions options, CancellationToken cancellationToken)
    {
        _encoded = encoded;
        _cancellationToken = cancellationToken;
        _held = encoded.HeldRows;
        _fitted = encoded.FittedItems();
        _histories = [.. _held.Select(encoded.Before)];
        // Each event is a query of its own, as what counts is what was before it.
        _queries = [.. _held.Select((row, query) => new RankingQuery(query, context: 0, encoded.Rows[row].Item))];
        _evaluator = new(encoded.Items.Count, encoded.Repeats ? RowSets.FromPairs(_held.Length, [], []) : ItemsByQuery())
        {
            Cutoffs = [FitAndRefit.Depth],
            MaximumQueries = options.RankingSample,
            Seed = (ulong)options.Seed,
            Threads = Math.Max(1, Environment.ProcessorCount - 1),
        };
    }

    /// <summary>Measures a fit beside popularity, item-kNN and the fit that the model being served came from, none of which has seen the events.</summary>
    public (TrainingMetrics Metrics, PublishDecision Decision) Of(FactorizationModel fit, FactorizationModel? served)
    {
        using var span = Spans.Start("measure");
        var ranking = Rank(fit, _encoded.Index, _encoded.Items, _encoded.Roles);
        var popularity = Rank(new PopularityRanker(_encoded.Items.Count, _fitted).Score);
        var knn =
            NeighbourPairs() <= MostNeighbourPairs
                ? Rank(new ItemKnnRanker(_encoded.Items.Count, _fitted, ItemsByQuery()).Score)
                : null;
        var former = served is null ? null : RankAnew(served);
        var metrics = new TrainingMetrics(_held.Length)
        {
            RankedPairs = ranking?.Queries,
            HitRate10 = HitRate(ranking),
            HitRate10Interval = Interval(ranking?[RankingMetrics.HitRate, FitAndRefit.Depth]),
            Ndcg10 = Ndcg(ranking),
            Ndcg10Interval = Interval(ranking?[RankingMetrics.Ndcg, FitAndRefit.Depth]),
            Mrr = ranking?[RankingMetrics.Mrr].Mean,
            Coverage10 = ranking?.Coverage(FitAndRefit.Depth).Share,
            PopularityHitRate10 = HitRate(popularity),
            PopularityNdcg10 = Ndcg(popularity),
            ItemKnnHitRate10 = HitRate(knn),
            ItemKnnNdcg10 = Ndcg(knn),
            ServedHitRate10 = HitRate(former),
            ServedNdcg10 = Ndcg(former),
        };
        return (metrics, PublishDecision.ByRanking(ranking, popularity, former));
    }

    private static double? HitRate(RankingFigures? figures) => figures?[RankingMetrics.HitRate, FitAndRefit.Depth].Mean;

    private static double? Ndcg(RankingFigures? figures) => figures?[RankingMetrics.Ndcg, FitAndRefit.Depth].Mean;

    private static double[]? Interval(UserMean? mean) => mean?.Interval() is { } interval ? [interval.Low, interval.High] : null;

    /// <summary>Ranks by a model of a former run, which may not know all items.</summary>
    private RankingFigures? RankAnew(FactorizationModel model)
    {
        if (model.Features is not { } index)
        {
            return null;
        }

        var items = EncodedRows.Encode(_encoded.Cutoff.Items, index.AppendItem, new RowBuffer());
        return Rank(model, index, items, model.History is null ? null : ItemRoles.Of(index, _encoded.Cutoff.Items));
    }

    private RankingFigures? Rank(FactorizationModel model, FeatureIndex index, SparseRows items, ItemRoles? roles)
    {
        var ranker = new ItemRanker(model, items, roles: roles);
        var pooling = model.History is { } settings ? new HistoryPooling(settings, roles!) : null;
        return Rank(
            (query, scores) =>
            {
                var row = _encoded.Rows[_held[query.User]];
                var history = pooling?.Pool(_histories[query.User], _encoded.Rows.Times[_held[query.User]]) ?? PooledHistory.None;
                var request = new RowBuffer();
                index.AppendUser(_encoded.Cutoff.Users[row.User], request);
                index.AppendContext(_encoded.Cutoff.Contexts[row.Context], request);
                request.Append(history.Row);
                ranker.ScoreAll(request.Row, scores, history.Repeats);
            }
        );
    }

    private RankingFigures? Rank(ItemScores scores) => _evaluator.Evaluate(_queries, scores, _cancellationToken);

    /// <summary>Per query the items of its history.</summary>
    private RowSets ItemsByQuery() =>
        RowSets.FromPairs(
            _histories.Length,
            [.. _histories.SelectMany((history, query) => Enumerable.Repeat(query, history.Length))],
            [.. _histories.SelectMany(history => history.Select(e => e.Item))]
        );

    private double NeighbourPairs() => Enumerable.Range(0, _fitted.Count).Sum(user => (double)_fitted[user].Length * _fitted[user].Length);
}
