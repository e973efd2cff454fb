using RecService.Api.Storage;
using RecService.Api.Telemetry;
using RecService.Engine.Data;
using RecService.Engine.Evaluation;
using RecService.Engine.Evaluation.Baselines;
using RecService.Engine.Evaluation.Metrics;
using RecService.Engine.Model;
using RecService.Engine.Scoring;
using RecService.Engine.Training;

namespace RecService.Api.Training;

/// <summary>What came of a fit and its refit.</summary>
/// <param name="Model">The model refitted on all rows.</param>
/// <param name="BestEpoch">The epoch of the fit with the best holdout loss, 0 for its start; the refit ran as many, at least one.</param>
/// <param name="Metrics">Metrics of the fit, which has not seen the holdout; null without one.</param>
/// <param name="StartHoldoutLoss">The holdout loss that a fit started with that did not start cold.</param>
/// <param name="State">Where the next run may start from: the state of the fit, which has not seen the holdout; null when none is to be kept.</param>
internal sealed record TrainingOutcome(
    FactorizationModel Model,
    int BestEpoch,
    TrainingMetrics? Metrics,
    double? StartHoldoutLoss = null,
    TrainingState? State = null
)
{
    /// <summary>The outcome without users that have been erased since the cut-off.</summary>
    public TrainingOutcome Without(ErasedUsers erased) =>
        this with
        {
            Model = Model.WithoutUsers(erased.Among(Model.Features?.UserIds ?? [])),
            State = State?.WithoutUsers(erased.Among(State.Model.Features?.UserIds ?? [])),
        };
}

/// <summary>Fits with a holdout, measures, and refits on all rows for the best number of epochs.</summary>
internal static class TrainingFit
{
    /// <summary>Why a run fails that found nothing to learn from.</summary>
    public const string NoUsableRows = "No interaction is usable for training; the run's rows tell by reason why each was dropped.";

    private const string FitPhase = "fit";
    private const string RefitPhase = "refit";

    /// <param name="set">The rows and their split.</param>
    /// <param name="options">The settings.</param>
    /// <param name="start">The state of the fit of a former run with the same holdout; null to start cold.</param>
    /// <param name="progress">Called after each epoch.</param>
    /// <param name="cancellationToken">Ends training.</param>
    public static TrainingOutcome Run(
        TrainingSet set,
        TrainingOptions options,
        TrainingState? start,
        Action<TrainingEpoch> progress,
        CancellationToken cancellationToken
    )
    {
        if (set.AllRows.Length == 0)
        {
            throw new InvalidOperationException(NoUsableRows);
        }

        var settings = options.ToSettings();
        if (!set.HasHoldout)
        {
            // Cold, and no state is kept: nothing would tell when to stop, and a later run may hold out what was learned here.
            return new(Train(set, new(settings), options, set.AllRows, FitPhase, progress, cancellationToken).Model, settings.Epochs, Metrics: null);
        }

        var holdout = Holdout(set, options, settings);
        var fitting = new Trainer(settings) { KeepsState = options.WarmStart && options.Holdout == HoldoutKind.Hash };
        var fit = Train(set, fitting, options, set.FitRows, FitPhase, progress, cancellationToken, holdout, start);
        var metrics = Measure(set, options, fit.Model, holdout, cancellationToken);
        // A warm refit goes on from the fit of its own run. A chain of refits would never be stopped by a holdout: each would learn the same rows
        // again, past the
        // epoch that is best for them. Even where the start was best, one epoch is due: the rows that are held out have not been learned from, and
        // features may have come that only they have.
        var refitting = new Trainer(settings with { Epochs = Math.Max(1, fit.BestEpoch) });
        var refit = Train(set, refitting, options, set.AllRows, RefitPhase, progress, cancellationToken, start: start is null ? null : fit.State);
        return new(refit.Model, fit.BestEpoch, metrics, fit.StartHoldoutLoss, fit.State);
    }

    /// <summary>
    /// The held-out rows; with objective implicit, each with negatives that are drawn once, so that epochs are compared on the same.
    /// </summary>
    private static ExampleSet Holdout(TrainingSet set, TrainingOptions options, TrainingSettings settings)
    {
        var rows = set.Examples(set.HoldoutRows);
        return options.Objective == TrainingObjective.Rating ? rows : Negatives(set, options, set.AllRows).Materialize(rows, settings.Seed);
    }

    private static TrainingResult Train(
        TrainingSet set,
        Trainer trainer,
        TrainingOptions options,
        int[] rows,
        string phase,
        Action<TrainingEpoch> progress,
        CancellationToken cancellationToken,
        ExampleSet? holdout = null,
        TrainingState? start = null
    )
    {
        using var span = Spans.Start(phase);
        var elapsed = TimeSpan.Zero;
        // Only the positives of the rows that are trained on are spared: sparing held-out ones would give them away.
        var negatives = options.Objective == TrainingObjective.Implicit ? Negatives(set, options, rows) : null;
        return trainer.Train(
            set.Space,
            set.Examples(rows),
            holdout,
            negatives,
            set.Index,
            start,
            report =>
            {
                elapsed += report.Elapsed;
                progress(new(report.Epoch, phase, report.TrainLoss, report.HoldoutLoss, elapsed.TotalSeconds));
            },
            cancellationToken
        );
    }

    private static NegativeSampling Negatives(TrainingSet set, TrainingOptions options, int[] rows) =>
        new(TrainingSet.UserBlock, TrainingSet.ItemBlock, options.NegativesPerPositive, set.ItemsByUser(rows));

    private static TrainingMetrics Measure(
        TrainingSet set,
        TrainingOptions options,
        FactorizationModel model,
        ExampleSet holdout,
        CancellationToken cancellationToken
    )
    {
        using var span = Spans.Start("measure");
        var scorer = new Scorer(model);
        var measured = ExampleMetrics.Measure(scorer, holdout);
        var metrics = new TrainingMetrics(set.HoldoutRows.Length)
        {
            Rmse = measured.GetValueOrDefault(ExampleMetrics.Rmse.Name),
            Mae = measured.GetValueOrDefault(ExampleMetrics.Mae.Name),
            LogLoss = measured.GetValueOrDefault(ExampleMetrics.LogLoss.Name),
            Auc = measured.GetValueOrDefault(ExampleMetrics.Auc.Name),
            BaselineRmse =
                options.Objective == TrainingObjective.Rating ? ExampleMetrics.Rmse.OfConstant(set.MeanTarget(set.FitRows), holdout) : null,
        };
        const int Cutoff = 10;
        var queries = set.HeldOutQueries(options);
        var evaluator = new RankingEvaluator(set.Items.Count, set.ItemsByUser(set.AllRows))
        {
            Cutoffs = [Cutoff],
            MaximumQueries = options.RankingSample,
            Seed = (ulong)options.Seed,
            Threads = Math.Max(1, Environment.ProcessorCount - 1),
        };
        var ranking = evaluator.Evaluate(queries, new ItemRanker(model, set.Items), set.Users, set.Contexts, cancellationToken);
        var popularity = evaluator.Evaluate(queries, new PopularityRanker(set.Items.Count, set.ItemsByUser(set.FitRows)).Score, cancellationToken);
        return metrics with
        {
            RankedPairs = ranking?.Queries,
            HitRate10 = ranking?[RankingMetrics.HitRate, Cutoff].Mean,
            Ndcg10 = ranking?[RankingMetrics.Ndcg, Cutoff].Mean,
            PopularityHitRate10 = popularity?[RankingMetrics.HitRate, Cutoff].Mean,
            PopularityNdcg10 = popularity?[RankingMetrics.Ndcg, Cutoff].Mean,
        };
    }
}
