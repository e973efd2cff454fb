using RecService.Api.Models;
using RecService.Api.Telemetry;
using RecService.Engine.Data;
using RecService.Engine.Evaluation;
using RecService.Engine.Evaluation.Baselines;
using RecService.Engine.Evaluation.Metrics;
using RecService.Engine.Model;
using RecService.Engine.Scoring;
using RecService.Engine.Training;

namespace RecService.Api.Training;

/// <summary>Fits with a holdout, measures, and refits on all rows for the best number of epochs.</summary>
internal static class FitAndRefit
{
    /// <summary>Why a run fails that found nothing to learn from.</summary>
    public const string NoUsableRows = "No interaction is usable for training; the run's rows tell by reason why each was dropped.";

    /// <summary>The length of the lists that are measured.</summary>
    public const int Depth = 10;

    public const string FitPhase = "fit";
    public const string RefitPhase = "refit";

    /// <param name="encoded">The rows and their split.</param>
    /// <param name="options">The settings.</param>
    /// <param name="start">The state of the fit of a former run with the same holdout; null to start cold.</param>
    /// <param name="served">The fit that the model being served came from; null when there is none to compare with.</param>
    /// <param name="progress">Called after each epoch.</param>
    /// <param name="cancellationToken">Ends training.</param>
    public static FitOutcome Run(
        EncodedRows encoded,
        TrainingOptions options,
        TrainingState? start,
        FactorizationModel? served,
        Action<TrainingEpoch> progress,
        CancellationToken cancellationToken
    )
    {
        if (encoded.AllRows.Length == 0)
        {
            throw new InvalidOperationException(NoUsableRows);
        }

        var settings = options.ToSettings();
        if (!encoded.HasHoldout)
        {
            // Cold, and no state is kept: nothing would tell when to stop, and a later run may hold out what was learned here.
            return new(
                Train(encoded, new(settings), options, encoded.AllRows, FitPhase, progress, cancellationToken).Model,
                settings.Epochs,
                Metrics: null,
                Decision: PublishDecision.Unmeasured
            );
        }

        var holdout = Holdout(encoded, options, settings);
        var fitting = new Trainer(settings) { KeepsState = options.WarmStart && options.Holdout == HoldoutKind.Hash };
        var fit = Train(encoded, fitting, options, encoded.FitRows, FitPhase, progress, cancellationToken, holdout, start);
        var (metrics, decision) = Measure(encoded, options, fit.Model, served, holdout, cancellationToken);
        if (WarningOf(fit, options.Objective) is { } warning)
        {
            (metrics, decision) = (metrics with { Warnings = [warning] }, decision.Against(encoded.HoldoutRows.Length, warning));
        }

        // A warm refit goes on from the fit of its own run. A chain of refits would never be stopped by a holdout: each would learn the same rows
        // again, past the epoch that is best for them. Even where the start was best, one epoch is due: the rows that are held out have not been
        // learned from, and features may have come that only they have.
        // Schedules go by the epochs of the fit, so that the refit steps as the fit did.
        WorkMemory.Release();
        var refitting = new Trainer(settings) { LastEpoch = Math.Max(1, fit.BestEpoch) };
        var refit = Train(
            encoded,
            refitting,
            options,
            encoded.AllRows,
            RefitPhase,
            progress,
            cancellationToken,
            start: start is null ? null : fit.State
        );
        return new(refit.Model, fit.BestEpoch, metrics, fit.StartHoldoutLoss, fit.State, decision);
    }

    /// <summary>
    /// The held-out rows; with objective implicit, each with negatives that are drawn once, so that epochs are compared on the same.
    /// </summary>
    private static ExampleSet Holdout(EncodedRows encoded, TrainingOptions options, TrainingSettings settings)
    {
        var rows = encoded.Examples(encoded.HoldoutRows);
        return options.Objective == TrainingObjective.Rating ? rows : Negatives(encoded, options, encoded.AllRows).Materialize(rows, settings.Seed);
    }

    /// <summary>What is to be said of a fit that never did better on the holdout than a constant; null of any other.</summary>
    private static string? WarningOf(TrainingResult fit, TrainingObjective objective)
    {
        var best = fit.Epochs.Select(epoch => epoch.HoldoutLoss).Append(fit.StartHoldoutLoss).Min();
        if (fit.BeatsConstant != false || best is null || fit.ConstantHoldoutLoss is not { } constant)
        {
            return null;
        }

        var (figure, ours, theirs) =
            objective == TrainingObjective.Rating ? ("RMSE", Math.Sqrt(best.Value), Math.Sqrt(constant)) : ("log loss", best.Value, constant);
        return FormattableString.Invariant(
            $"No epoch of the fit did clearly better on the held-out rows than a constant: the {figure} is {ours:0.0000} at best, and {theirs:0.0000} by the constant."
        );
    }

    private static TrainingResult Train(
        EncodedRows encoded,
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
        var negatives = options.Objective == TrainingObjective.Implicit ? Negatives(encoded, options, rows) : null;
        var examples = encoded.Examples(rows);
        try
        {
            return trainer.Train(
                encoded.Space,
                examples,
                holdout,
                negatives,
                encoded.Index,
                start,
                report =>
                {
                    elapsed += report.Elapsed;
                    progress(new(report.Epoch, phase, report.TrainLoss, report.HoldoutLoss, elapsed.TotalSeconds));
                },
                cancellationToken
            );
        }
        catch (TrainingDivergedException diverged)
        {
            throw new DivergedRunException(diverged, encoded.Cutoff, encoded.Space, far => RowOf(far.IsHeldOut ? holdout! : examples, far.Index));
        }

        static (int User, int Item) RowOf(ExampleSet set, int example) =>
            (set.RowOf(EncodedRows.UserBlock, example), set.RowOf(EncodedRows.ItemBlock, example));
    }

    private static NegativeSampling Negatives(EncodedRows encoded, TrainingOptions options, int[] rows) =>
        new(EncodedRows.UserBlock, EncodedRows.ItemBlock, options.NegativesPerPositive, encoded.ItemsByUser(rows));

    private static (TrainingMetrics Metrics, PublishDecision Decision) Measure(
        EncodedRows encoded,
        TrainingOptions options,
        FactorizationModel model,
        FactorizationModel? served,
        ExampleSet holdout,
        CancellationToken cancellationToken
    )
    {
        using var span = Spans.Start("measure");
        var scorer = new Scorer(model);
        var measured = ExampleMetrics.Measure(scorer, holdout);
        var metrics = new TrainingMetrics(encoded.HoldoutRows.Length)
        {
            Rmse = measured.GetValueOrDefault(ExampleMetrics.Rmse.Name),
            Mae = measured.GetValueOrDefault(ExampleMetrics.Mae.Name),
            LogLoss = measured.GetValueOrDefault(ExampleMetrics.LogLoss.Name),
            Auc = measured.GetValueOrDefault(ExampleMetrics.Auc.Name),
            BaselineRmse =
                options.Objective == TrainingObjective.Rating ? ExampleMetrics.Rmse.OfConstant(encoded.MeanTarget(encoded.FitRows), holdout) : null,
        };
        var queries = encoded.HeldOutQueries(options);
        var evaluator = new RankingEvaluator(encoded.Items.Count, encoded.ItemsByUser(encoded.AllRows))
        {
            Cutoffs = [Depth],
            MaximumQueries = options.RankingSample,
            Seed = (ulong)options.Seed,
            Threads = Math.Max(1, Environment.ProcessorCount - 1),
        };
        var ranking = evaluator.Evaluate(queries, new ItemRanker(model, encoded.Items), encoded.Users, encoded.Contexts, cancellationToken);
        var popularity = evaluator.Evaluate(
            queries,
            new PopularityRanker(encoded.Items.Count, encoded.ItemsByUser(encoded.Positives(encoded.FitRows))).Score,
            cancellationToken
        );
        // As the served model would encode the same rows: it may not know all of their features.
        var former = served?.Features is { } index ? encoded.EncodedBy(served.Space, index) : null;
        var formerRanking = former is null
            ? null
            : evaluator.Evaluate(queries, new ItemRanker(served!, former.Items), former.Users, former.Contexts, cancellationToken);
        metrics = metrics with
        {
            RankedPairs = ranking?.Queries,
            HitRate10 = ranking?[RankingMetrics.HitRate, Depth].Mean,
            Ndcg10 = ranking?[RankingMetrics.Ndcg, Depth].Mean,
            PopularityHitRate10 = popularity?[RankingMetrics.HitRate, Depth].Mean,
            PopularityNdcg10 = popularity?[RankingMetrics.Ndcg, Depth].Mean,
            ServedHitRate10 = formerRanking?[RankingMetrics.HitRate, Depth].Mean,
            ServedNdcg10 = formerRanking?[RankingMetrics.Ndcg, Depth].Mean,
        };
        if (options.Objective == TrainingObjective.Implicit)
        {
            return (metrics, PublishDecision.ByRanking(ranking, popularity, formerRanking));
        }

        var biases = new BiasBaseline(encoded.Examples(encoded.FitRows), EncodedRows.UserBlock, EncodedRows.ItemBlock).Predict(holdout);
        var formerHoldout = former?.Examples(former.HoldoutRows);
        var decision = PublishDecision.ByErrors(
            holdout,
            encoded.UsersOf(encoded.HoldoutRows),
            scorer.Predict(holdout),
            biases,
            formerHoldout is null ? null : new Scorer(served!).Predict(formerHoldout)
        );
        return (
            metrics with
            {
                BiasRmse = ErrorOf(biases, holdout),
                ServedRmse = formerHoldout is null
                    ? null
                    : ExampleMetrics.Measure(new Scorer(served!), formerHoldout).GetValueOrDefault(ExampleMetrics.Rmse.Name),
            },
            decision
        );
    }

    private static double ErrorOf(float[] predictions, ExampleSet examples)
    {
        double sum = 0,
            total = 0;
        for (var row = 0; row < predictions.Length; row++)
        {
            sum += examples.WeightOf(row) * Math.Pow(predictions[row] - examples.Targets[row], 2);
            total += examples.WeightOf(row);
        }

        return Math.Sqrt(sum / total);
    }
}
