using RecService.Api.Models;
using RecService.Api.Telemetry;
using RecService.Engine.Data.Histories;
using RecService.Engine.Kernels;
using RecService.Engine.Model;
using RecService.Engine.Training;
using RecService.Engine.Training.Sequences;

namespace RecService.Api.Training;

/// <summary>Objective <c>next</c>: fits with a holdout, measures, and refits on all events, for the best number of epochs or from where the fit stands.</summary>
internal static class SequenceFitAndRefit
{
    /// <summary>With more events than this, those held out are so few that going on from the fit, once through all, ranks as well as training anew.</summary>
    private const int MostEventsOfRefit = 1_000_000;

    /// <summary>With many events, an epoch is so much that two without a better one are enough to know.</summary>
    private const int PatienceOfMany = 2;

    /// <summary>Unless they are more than this share, as settings may have it.</summary>
    private const double MostHeldOut = 0.01;

    /// <param name="encoded">The events and their split.</param>
    /// <param name="options">The settings.</param>
    /// <param name="served">The fit that the model being served came from; null when there is none to compare with.</param>
    /// <param name="progress">Called after each epoch.</param>
    /// <param name="cancellationToken">Ends training.</param>
    /// <param name="mostEventsOfRefit">With more events than this, the refit goes on from the fit.</param>
    public static FitOutcome Run(
        EncodedSequences encoded,
        TrainingOptions options,
        FactorizationModel? served,
        Action<TrainingEpoch> progress,
        CancellationToken cancellationToken,
        int mostEventsOfRefit = MostEventsOfRefit
    )
    {
        if (encoded.Rows.Count == 0)
        {
            throw new InvalidOperationException(FitAndRefit.NoUsableRows);
        }

        var settings = SettingsFor(options, encoded.Rows.Count);
        if (!encoded.HasHoldout)
        {
            var model = Train(encoded, settings, encoded.All(), holdout: null, FitAndRefit.FitPhase, progress, cancellationToken).Model;
            return new(model, settings.Epochs, Metrics: null, Decision: PublishDecision.Unmeasured);
        }

        var goesOn = encoded.Rows.Count > mostEventsOfRefit && encoded.HeldRows.Length <= MostHeldOut * encoded.Rows.Count;
        var fit = Train(encoded, settings, encoded.Fit(), encoded.Held(), FitAndRefit.FitPhase, progress, cancellationToken, keepsState: goesOn);
        WorkMemory.Release();
        var (metrics, decision) = new SequenceMeasurement(encoded, options, cancellationToken).Of(fit.Model, served);
        WorkMemory.Release();
        var refitted = goesOn
            ? settings with
            {
                Epochs = 1,
                LearningRate = settings.RateOf(Math.Max(1, fit.BestEpoch)),
                Schedule = RateSchedule.Constant,
            }
            : settings with
            {
                Epochs = Math.Max(1, fit.BestEpoch),
            };
        var refit = Train(
            encoded,
            refitted,
            encoded.All(),
            holdout: null,
            FitAndRefit.RefitPhase,
            progress,
            cancellationToken,
            start: goesOn ? fit.State : null
        );
        // What the next run is compared with: the refit has learned most of the holdout. With ids of users it would have to be freed of the erased.
        var kept = options.UserIds == true ? null : TrainingState.Of(fit.Model);
        return new(refit.Model, fit.BestEpoch, metrics, State: kept, Decision: decision);
    }

    /// <summary>The settings of a fit of so many events.</summary>
    internal static TrainingSettings SettingsFor(TrainingOptions options, int events) =>
        options.Patience is null && events >= SequenceTrainer.ManyEvents ? options.ToSettings() with { Patience = PatienceOfMany } : options.ToSettings();

    private static TrainingResult Train(
        EncodedSequences encoded,
        TrainingSettings settings,
        SequenceSet events,
        SequenceSet? holdout,
        string phase,
        Action<TrainingEpoch> progress,
        CancellationToken cancellationToken,
        bool keepsState = false,
        TrainingState? start = null
    )
    {
        using var span = Spans.Start(phase);
        var elapsed = TimeSpan.Zero;
        try
        {
            return new SequenceTrainer(settings, encoded.History) { ExcludesSeen = !encoded.Repeats, KeepsState = keepsState }.Train(
                encoded.Space,
                events,
                holdout,
                encoded.Index,
                start,
                report =>
                {
                    elapsed += report.Elapsed;
                    var ranking = report.Ranking;
                    progress(
                        new(report.Epoch, phase, report.TrainLoss, report.HoldoutLoss, elapsed.TotalSeconds)
                        {
                            HoldoutHitRate10 = ranking?.HitRate,
                            HoldoutNdcg10 = ranking?.Ndcg,
                            HoldoutNdcg = ranking?.FullNdcg,
                        }
                    );
                },
                cancellationToken
            );
        }
        catch (TrainingDivergedException diverged)
        {
            throw new DivergedRunException(diverged, encoded.Cutoff, encoded.Space, far => RowOf(far.IsHeldOut ? holdout! : events, far.Index));
        }

        static (int User, int Item) RowOf(SequenceSet set, int e) =>
            (set.UserOf[Enumerable.Range(0, set.SequenceCount).First(sequence => e < set.Starts[sequence + 1])], set.ItemOf[e]);
    }
}
