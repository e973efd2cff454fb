using Npgsql;
using RecService.Api.Models;
using RecService.Api.Storage;
using RecService.Api.Storage.Entities;
using RecService.Api.Telemetry;

namespace RecService.Api.Training;

/// <summary>What follows when a run has trained its model.</summary>
internal sealed class RunCompletion(NpgsqlDataSource database, ActiveModelSignal activeModel, TimeProvider clock, ILogger<RunCompletion> logger)
{
    /// <summary>
    /// Stores the model, makes it the active one and stores the state, unless it is to be held back, and ends the run, all or nothing: nothing when the
    /// run has been cancelled, or another process has the lock.
    /// </summary>
    public async Task StoreAsync(TrainingRun run, TrainingOptions options, Cutoff cutoff, FitOutcome outcome, CancellationToken cancellationToken)
    {
        using var span = Spans.Start("store");
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        // Else its row locks would hold up whoever trains next.
        await RunLock.NoticeDeadClientAsync(connection, cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        var erased = await Erasures.SinceAsync(connection, cutoff.ErasureHorizon, cancellationToken);
        outcome = outcome.Without(erased) with { Decision = options.Gate == PublishGate.On ? outcome.Decision : null };
        var metrics = outcome.Metrics is null ? null : RunJson.Write(outcome.Metrics);
        var now = clock.GetUtcNow();
        var (version, size) = await ModelStore.InsertAsync(connection, run, metrics, outcome.Model, erased.Horizon, now, cancellationToken);
        if (outcome.Decision?.Publish ?? true)
        {
            await StateStore.ReplaceAsync(connection, run.RunId, outcome.State, cancellationToken);
            await ModelStore.ActivateAsync(connection, version, now, cancellationToken);
        }

        // The run's own row is locked no sooner, so that the run can be cancelled until then.
        if (!await RunStore.RecordSuccessAsync(connection, run.RunId, outcome, metrics, version, erased.Horizon, now, cancellationToken))
        {
            throw new InvalidOperationException("The run was ended or cancelled by another process before its model was stored.");
        }

        var pruned = await ModelStore.PruneAsync(connection, options.KeepModels, now, cancellationToken);
        await ChangeLog.PruneAsync(connection, cutoff.DatabaseSnapshot, cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        activeModel.Notify();
        if (outcome.Decision is { Reason: { } reason, Publish: var published })
        {
            logger.Decided(run.RunId, published, reason);
        }

        logger.RunSucceeded(run.RunId, (now - run.StartedAt).TotalSeconds, version, size);
        if (pruned > 0)
        {
            logger.ModelsPruned(pruned);
        }
    }

    /// <summary>
    /// Has the space of what was replaced used again by the next run: autovacuum would let a part of the table go stale first, and looks once a
    /// minute only. Whoever may not do it, as the tables are another's, is told so by a warning and leaves it to autovacuum.
    /// </summary>
    public async Task VacuumAsync(CancellationToken cancellationToken)
    {
        try
        {
            await using var connection = await database.OpenConnectionAsync(cancellationToken);
            await RunLock.NoticeDeadClientAsync(connection, cancellationToken);
            await connection.ExecuteUnhurriedAsync(
                $"VACUUM (SKIP_LOCKED) {Artifacts.OfModels.Table}, {Artifacts.OfTrainingStates.Table}, training_runs, changes, item_changes",
                cancellationToken
            );
        }
        catch (Exception exception)
        {
            logger.NotVacuumed(exception.Discreet());
        }
    }
}
