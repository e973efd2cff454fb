using System.Threading.Channels;
using RecService.Api.Models;
using RecService.Api.Storage.Entities;
using RecService.Api.Telemetry;
using RecService.Engine.Model;

namespace RecService.Api.Training;

/// <summary>Executes one training run: plan, read, fit, measure, refit on all rows, store. Never touches what is being served.</summary>
internal sealed class RunExecutor(
    RunPlanner planner,
    CutoffReader reader,
    FormerFits formerFits,
    RunStore runs,
    RunCompletion completion,
    ServiceMetrics metrics,
    ILogger<RunExecutor> logger
)
{
    public async Task RunAsync(TrainingRun run, TrainingOptions options, CancellationToken cancellationToken)
    {
        try
        {
            await TrainAsync(run, options, cancellationToken);
        }
        finally
        {
            WorkMemory.Release();
        }
    }

    private async Task TrainAsync(TrainingRun run, TrainingOptions options, CancellationToken cancellationToken)
    {
        var plan = await planner.PlanAsync(cancellationToken);
        logger.Planned(run.RunId, plan.Interactions, plan.Users, plan.Items, plan.MemoryMebibytes, plan.ProcessMebibytes, plan.LimitMebibytes);
        if (!plan.Fits)
        {
            throw new RunTooLargeException(plan);
        }

        var cutoff = await reader.ReadAsync(options, cancellationToken);
        WorkMemory.Release();
        await runs.RecordCutoffAsync(run.RunId, cutoff, cancellationToken);
        var former = await formerFits.FindAsync(run.RunId, options, cancellationToken);
        var share = Holdout.ShareOf(cutoff, options);
        var served = await formerFits.FindServedAsync(run.RunId, options, share, cancellationToken);
        var epochs = Channel.CreateUnbounded<TrainingEpoch?>(new() { SingleReader = true });
        var recording = RecordEpochsAsync(run.RunId, epochs.Reader);
        FitOutcome outcome;
        try
        {
            outcome = await OnThreadOfItsOwn(() => Fit(run.RunId, cutoff, options, former, served, epochs.Writer, cancellationToken));
        }
        finally
        {
            epochs.Writer.Complete();
            await recording;
        }

        if (outcome.Metrics is { HoldoutRows: > 0 } measured)
        {
            outcome = outcome with { Metrics = measured with { HoldoutShare = share } };
        }

        foreach (var warning in outcome.Metrics?.Warnings ?? [])
        {
            logger.Warned(run.RunId, warning);
        }

        await completion.StoreAsync(run, options, cutoff, outcome, cancellationToken);
    }

    private FitOutcome Fit(
        long runId,
        Cutoff cutoff,
        TrainingOptions options,
        FormerFit? former,
        FactorizationModel? served,
        ChannelWriter<TrainingEpoch?> epochs,
        CancellationToken cancellationToken
    )
    {
        if (options.Objective == TrainingObjective.Next)
        {
            var sequences = EncodedSequences.Create(cutoff, options);
            logger.RowsRead(runId, cutoff.Rows.Count, cutoff.Users.Count, cutoff.Items.Count, sequences.Space.ColumnCount);
            return SequenceFitAndRefit.Run(sequences, options, served, Report, cancellationToken).With(sequences.Findings);
        }

        var encoded = EncodedRows.Create(cutoff, options);
        logger.RowsRead(runId, cutoff.Rows.Count, cutoff.Users.Count, cutoff.Items.Count, encoded.Space.ColumnCount);
        if (former is not null && encoded.HasHoldout)
        {
            logger.StartsWarm(runId, former.RunId);
            try
            {
                return FitAndRefit.Run(encoded, options, former.State, served, Report, cancellationToken).With(encoded.Findings) with
                {
                    WarmStartedFrom = former.RunId,
                };
            }
            catch (Exception exception) when (exception is not OperationCanceledException)
            {
                // Failed runs leave the state where it is: without this, all that follow would fail by it too.
                logger.WarmStartFailed(runId, former.RunId, exception.Discreet());
                epochs.TryWrite(null);
            }
        }
        return FitAndRefit.Run(encoded, options, start: null, served, Report, cancellationToken).With(encoded.Findings);

        void Report(TrainingEpoch epoch)
        {
            metrics.EpochEnded(epoch.Phase, epoch.TrainLoss, epoch.HoldoutLoss);
            logger.EpochDone(runId, epoch.Phase, epoch.Epoch, epoch.TrainLoss, epoch.HoldoutLoss);
            epochs.TryWrite(epoch);
        }
    }

    /// <summary>Below normal priority, so that requests come first when the cores are busy.</summary>
    private static Task<T> OnThreadOfItsOwn<T>(Func<T> work)
    {
        var completion = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        new Thread(() =>
        {
            try
            {
                completion.SetResult(work());
            }
            catch (OperationCanceledException exception)
            {
                completion.SetCanceled(exception.CancellationToken);
            }
            catch (Exception exception)
            {
                completion.SetException(exception);
            }
        })
        {
            IsBackground = true,
            Name = "Training",
            Priority = ThreadPriority.BelowNormal,
        }.Start();
        return completion.Task;
    }

    /// <summary>
    /// Progress is a service to watchers: when it cannot be recorded, the run goes on. Null in the place of an epoch: those before it count no more.
    /// </summary>
    private async Task RecordEpochsAsync(long runId, ChannelReader<TrainingEpoch?> reports)
    {
        var epochs = new List<TrainingEpoch>();
        while (await reports.WaitToReadAsync(CancellationToken.None))
        {
            while (reports.TryRead(out var epoch))
            {
                if (epoch is null)
                {
                    epochs.Clear();
                }
                else
                {
                    epochs.Add(epoch);
                }
            }
            try
            {
                await runs.RecordEpochsAsync(runId, epochs, CancellationToken.None);
            }
            catch (Exception exception)
            {
                logger.ProgressNotRecorded(runId, exception.Discreet());
            }
        }
    }
}
