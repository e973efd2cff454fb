using RecService.Api.Telemetry;
using RecService.Engine.Data;
using RecService.Engine.Data.Histories;
using RecService.Engine.Evaluation;
using RecService.Engine.Evaluation.Baselines;
using RecService.Engine.Evaluation.Metrics;
using RecService.Engine.Model;
using RecService.Engine.Scoring;
using RecService.Engine.Training;
using RecService.Engine.Training.Sequences;

namespace RecService.Api.Training;

/// <summary>Objective <c>next</c>: fits with a holdout, measures, and refits on all events for the best number of epochs.</summary>
internal static class SequenceFitAndRefit
{
    /// <param name="encoded">The events and their split.</param>
    /// <param name="options">The settings.</param>
    /// <param name="progress">Called after each epoch.</param>
    /// <param name="cancellationToken">Ends training.</param>
    public static FitOutcome Run(
        EncodedSequences encoded,
        TrainingOptions options,
        Action<TrainingEpoch> progress,
        CancellationToken cancellationToken
    )
    {
        if (encoded.Rows.Count == 0)
        {
            throw new InvalidOperationException(FitAndRefit.NoUsableRows);
        }

        var settings = options.ToSettings();
        if (!encoded.HasHoldout)
        {
            var model = Train(encoded, settings, encoded.All(), holdout: null, FitAndRefit.FitPhase, progress, cancellationToken).Model;
            return new(model, settings.Epochs, Metrics: null);
        }

        var fit = Train(encoded, settings, encoded.Fit(), encoded.Held(), FitAndRefit.FitPhase, progress, cancellationToken);
        var metrics = Measure(encoded, options, fit.Model, cancellationToken);
        var refitted = settings with { Epochs = Math.Max(1, fit.BestEpoch) };
        var refit = Train(encoded, refitted, encoded.All(), holdout: null, FitAndRefit.RefitPhase, progress, cancellationToken);
        return new(refit.Model, fit.BestEpoch, metrics);
    }

    private static TrainingResult Train(
        EncodedSequences encoded,
        TrainingSettings settings,
        SequenceSet events,
        SequenceSet? holdout,
        string phase,
        Action<TrainingEpoch> progress,
        CancellationToken cancellationToken
    )
    {
        using var span = Spans.Start(phase);
        var elapsed = TimeSpan.Zero;
        return new SequenceTrainer(settings, encoded.History) { ExcludesSeen = !encoded.Repeats }.Train(
            encoded.Space,
            events,
            holdout,
            encoded.Index,
            start: null,
            report =>
            {
                elapsed += report.Elapsed;
                progress(new(report.Epoch, phase, report.TrainLoss, report.HoldoutLoss, elapsed.TotalSeconds));
            },
            cancellationToken
        );
    }

    /// <summary>Ranks the catalogue for each held-out event as a request of that moment would have it.</summary>
    private static TrainingMetrics Measure(
        EncodedSequences encoded,
        TrainingOptions options,
        FactorizationModel model,
        CancellationToken cancellationToken
    )
    {
        using var span = Spans.Start("measure");
        const int Depth = 10;
        var held = encoded.HeldRows;
        var histories = held.Select(encoded.Before).ToArray();
        // Each event is a query of its own, as what counts is what was before it.
        var queries = held.Select((row, query) => new RankingQuery(query, context: 0, encoded.Rows[row].Item)).ToArray();
        var had = encoded.Repeats
            ? RowSets.FromPairs(held.Length, [], [])
            : RowSets.FromPairs(
                held.Length,
                [.. histories.SelectMany((history, query) => history.Select(_ => query))],
                [.. histories.SelectMany(history => history.Select(e => e.Item))]
            );
        var evaluator = new RankingEvaluator(encoded.Items.Count, had)
        {
            Cutoffs = [Depth],
            MaximumQueries = options.RankingSample,
            Seed = (ulong)options.Seed,
            Threads = Math.Max(1, Environment.ProcessorCount - 1),
        };
        var ranker = new ItemRanker(model, encoded.Items, roles: encoded.Roles);
        var pooling = encoded.History is { } settings ? new HistoryPooling(settings, encoded.Roles!) : null;
        var ranking = evaluator.Evaluate(
            queries,
            (query, scores) =>
            {
                var row = held[query.User];
                var history = pooling?.Pool(histories[query.User], encoded.Seconds(row)) ?? PooledHistory.None;
                var request = new RowBuffer();
                encoded.AppendRequest(request, row, history.Row);
                ranker.ScoreAll(request.Row, scores, history.Repeats);
            },
            cancellationToken
        );
        var fitted = encoded.Fit();
        var popularity = evaluator.Evaluate(queries, new PopularityRanker(encoded.Items.Count, ItemsByUser(fitted)).Score, cancellationToken);
        return new(held.Length)
        {
            RankedPairs = ranking?.Queries,
            HitRate10 = ranking?[RankingMetrics.HitRate, Depth].Mean,
            Ndcg10 = ranking?[RankingMetrics.Ndcg, Depth].Mean,
            PopularityHitRate10 = popularity?[RankingMetrics.HitRate, Depth].Mean,
            PopularityNdcg10 = popularity?[RankingMetrics.Ndcg, Depth].Mean,
        };
    }

    private static RowSets ItemsByUser(SequenceSet set) =>
        RowSets.FromPairs(
            set.SequenceCount,
            [.. Enumerable.Range(0, set.SequenceCount).SelectMany(s => Enumerable.Repeat(s, set.Starts[s + 1] - set.Starts[s]))],
            set.ItemOf
        );
}
