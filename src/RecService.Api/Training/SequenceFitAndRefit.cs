using RecService.Api.Telemetry;
using RecService.Engine.Data.Histories;
using RecService.Engine.Model;
using RecService.Engine.Training;
using RecService.Engine.Training.Sequences;

namespace RecService.Api.Training;

/// <summary>Objective <c>next</c>: fits with a holdout, measures, and refits on all events for the best number of epochs.</summary>
internal static class SequenceFitAndRefit
{
    /// <summary>With more events than this a second training takes long, and what is held out of them is so little that going on with it does as well.</summary>
    private static readonly int MostEventsOfRefit = int.Parse(Environment.GetEnvironmentVariable("X_MOST") ?? "2000000", System.Globalization.CultureInfo.InvariantCulture);

    /// <summary>How often what was held out is gone through then.</summary>
    private static readonly int LatePasses = int.Parse(Environment.GetEnvironmentVariable("X_PASSES") ?? "3", System.Globalization.CultureInfo.InvariantCulture);

    /// <param name="encoded">The events and their split.</param>
    /// <param name="options">The settings.</param>
    /// <param name="served">The fit that the model being served came from; null when there is none to compare with.</param>
    /// <param name="progress">Called after each epoch.</param>
    /// <param name="cancellationToken">Ends training.</param>
    public static FitOutcome Run(
        EncodedSequences encoded,
        TrainingOptions options,
        FactorizationModel? served,
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
            return new(model, settings.Epochs, Metrics: null, Decision: PublishDecision.Unmeasured);
        }

        var goesOn = encoded.Rows.Count > MostEventsOfRefit;
        var fit = Train(encoded, settings, encoded.Fit(), encoded.Held(), FitAndRefit.FitPhase, progress, cancellationToken, keepsState: goesOn);
        var (metrics, decision) = new SequenceMeasurement(encoded, options, cancellationToken).Of(fit.Model, served);
        var refit = goesOn
            ? Train(
                encoded,
                settings with
                {
                    Epochs = LatePasses,
                },
                encoded.OfHeldUsers(),
                holdout: null,
                FitAndRefit.RefitPhase,
                progress,
                cancellationToken,
                start: fit.State
            )
            : Train(
                encoded,
                settings with
                {
                    Epochs = Math.Max(1, fit.BestEpoch),
                },
                encoded.All(),
                holdout: null,
                FitAndRefit.RefitPhase,
                progress,
                cancellationToken
            );
        // What the next run is compared with: the refit has learned most of the holdout. With ids of users it would have to be freed of the erased.
        var kept = options.UserIds == true ? null : TrainingState.Of(fit.Model);
        return new(refit.Model, fit.BestEpoch, metrics, State: kept, Decision: decision);
    }

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
