using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using Npgsql;
using NpgsqlTypes;
using RecService.Api.Models;
using RecService.Api.Storage;
using RecService.Api.Storage.Entities;

namespace RecService.Api.Training;

/// <summary>The records of training runs, and the lock that lets one process train at a time.</summary>
internal sealed class RunStore(
    IDbContextFactory<RecServiceDbContext> contexts,
    NpgsqlDataSource database,
    TimeProvider clock,
    ILogger<RunStore> logger
)
{
    /// <summary>Takes the right to train, and records the end of runs whose process has lost it; null when another process has it.</summary>
    public async Task<RunLock?> TryLockAsync(CancellationToken cancellationToken)
    {
        if (await RunLock.TryTakeAsync(database, cancellationToken) is not { } heldLock)
        {
            return null;
        }

        try
        {
            await RecordOrphansAsync(cancellationToken);
            return heldLock;
        }
        catch
        {
            await heldLock.DisposeAsync();
            throw;
        }
    }

    public async Task<TrainingRun> CreateAsync(TrainingRunTrigger trigger, TrainingOptions options, CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        var run = new TrainingRun
        {
            Status = TrainingRunStatus.Running,
            Trigger = trigger,
            Objective = JsonNamingPolicy.CamelCase.ConvertName(options.Objective.ToString()),
            StartedAt = clock.GetUtcNow(),
            Seed = options.Seed,
            Settings = RunJson.Write(options),
        };
        // Before, so that a failure leaves no record of a run that nobody executes.
        await PruneAsync(context, options.KeepRuns - 1, cancellationToken);
        context.TrainingRuns.Add(run);
        await context.SaveChangesAsync(cancellationToken);
        return run;
    }

    /// <summary>
    /// Removes the records of old runs, except those of models that are still stored and of the state that the next run may start from.
    /// </summary>
    private static Task<int> PruneAsync(RecServiceDbContext context, int keep, CancellationToken cancellationToken) =>
        context.Database.ExecuteSqlAsync(
            $"""
            DELETE FROM training_runs AS r
            WHERE run_id <= (SELECT run_id FROM training_runs ORDER BY run_id DESC OFFSET {keep} LIMIT 1)
              AND status <> 'running'
              AND NOT EXISTS (SELECT FROM models AS m WHERE m.run_id = r.run_id AND m.pruned_at IS NULL)
              AND NOT EXISTS (SELECT FROM training_state_chunks AS s WHERE s.run_id = r.run_id)
            """,
            cancellationToken
        );

    public async Task<TrainingRun?> FindAsync(long runId, CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        return await context.TrainingRuns.AsNoTracking().SingleOrDefaultAsync(run => run.RunId == runId, cancellationToken);
    }

    public async Task<TrainingRun?> FindRunningAsync(CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        return await context
            .TrainingRuns.AsNoTracking()
            .Where(run => run.Status == TrainingRunStatus.Running)
            .OrderByDescending(run => run.RunId)
            .FirstOrDefaultAsync(cancellationToken);
    }

    /// <summary>
    /// The newest runs, newest first, whichever process began them and whatever became of them. Without losses, counts and metrics: this is asked all
    /// the time.
    /// </summary>
    public async Task<List<TrainingRun>> FindLastAsync(int count, CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        return await context
            .TrainingRuns.AsNoTracking()
            .OrderByDescending(run => run.RunId)
            .Take(count)
            .Select(run => new TrainingRun
            {
                RunId = run.RunId,
                Status = run.Status,
                Objective = run.Objective,
                StartedAt = run.StartedAt,
                FinishedAt = run.FinishedAt,
                CancelRequestedAt = run.CancelRequestedAt,
                Settings = run.Settings,
                CutoffSnapshot = run.CutoffSnapshot,
                DatabaseId = run.DatabaseId,
                Error = run.Error,
            })
            .ToListAsync(cancellationToken);
    }

    /// <summary>Runs older than <paramref name="before"/>, newest first.</summary>
    public async Task<List<TrainingRun>> ListAsync(long before, int count, CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        return await context
            .TrainingRuns.AsNoTracking()
            .Where(run => run.RunId < before)
            .OrderByDescending(run => run.RunId)
            .Take(count)
            .ToListAsync(cancellationToken);
    }

    public async Task RecordCutoffAsync(long runId, Cutoff cutoff, CancellationToken cancellationToken)
    {
        var rows = RunJson.Write(new TrainingRowCounts(cutoff.Rows.Count, cutoff.Dropped, cutoff.ValueRanges, cutoff.TypicalValues));
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        await context
            .TrainingRuns.Where(run => run.RunId == runId)
            .ExecuteUpdateAsync(
                set =>
                    set.SetProperty(run => run.CutoffAt, cutoff.At)
                        .SetProperty(run => run.CutoffSnapshot, cutoff.DatabaseSnapshot)
                        .SetProperty(run => run.DatabaseId, cutoff.DatabaseId)
                        .SetProperty(run => run.Rows, rows),
                cancellationToken
            );
    }

    public async Task RecordEpochsAsync(long runId, IReadOnlyList<TrainingEpoch> epochs, CancellationToken cancellationToken)
    {
        var json = RunJson.Write(epochs);
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        await context
            .TrainingRuns.Where(run => run.RunId == runId && run.Status == TrainingRunStatus.Running)
            .ExecuteUpdateAsync(set => set.SetProperty(run => run.Epochs, json), cancellationToken);
    }

    /// <summary>
    /// Records, in the connection's current transaction, that a run ended with a model; false when it has ended before, or shall not end like this.
    /// </summary>
    /// <param name="connection">The connection.</param>
    /// <param name="runId">The run.</param>
    /// <param name="outcome">What came of it.</param>
    /// <param name="metrics">JSON: metrics on the holdout; null when nothing was held out.</param>
    /// <param name="modelVersion">The model.</param>
    /// <param name="erasureHorizon">The last erasure that the state of the run has been freed of.</param>
    /// <param name="now">The moment.</param>
    /// <param name="cancellationToken">Ends the attempt.</param>
    public static async Task<bool> RecordSuccessAsync(
        NpgsqlConnection connection,
        long runId,
        FitOutcome outcome,
        string? metrics,
        long modelVersion,
        long erasureHorizon,
        DateTimeOffset now,
        CancellationToken cancellationToken
    )
    {
        const string sql = """
            UPDATE training_runs
            SET status = 'succeeded', finished_at = $2, metrics = $3, best_epoch = $4, model_version = $5, warm_started_from = $6, start_holdout_loss = $7,
                erasure_horizon = $8, published = $9, publish_reason = $10
            WHERE run_id = $1 AND status = 'running' AND cancel_requested_at IS NULL
            """;
        await using var command = new NpgsqlCommand(sql, connection)
        {
            Parameters =
            {
                new() { Value = runId },
                new() { Value = now },
                new() { Value = (object?)metrics ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Jsonb },
                new() { Value = outcome.BestEpoch },
                new() { Value = modelVersion },
                new() { Value = (object?)outcome.WarmStartedFrom ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Bigint },
                new() { Value = (object?)outcome.StartHoldoutLoss ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Double },
                new() { Value = erasureHorizon },
                new() { Value = outcome.Decision?.Publish ?? true },
                new() { Value = (object?)outcome.Decision?.Reason ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text },
            },
        };
        return await command.ExecuteNonQueryAsync(cancellationToken) == 1;
    }

    /// <summary>Records that a run ended without a model.</summary>
    public async Task RecordEndAsync(long runId, RunEnd end, CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        await using var transaction = await context.Database.BeginTransactionAsync(cancellationToken);
        var error = end.Error;
        if (end.Diverged is { } diverged)
        {
            var connection = (NpgsqlConnection)context.Database.GetDbConnection();
            error = diverged.ErrorWithout(await Erasures.LockSinceAsync(connection, diverged.ErasureHorizon, cancellationToken));
        }

        await context
            .TrainingRuns.Where(run => run.RunId == runId && run.Status == TrainingRunStatus.Running)
            .ExecuteUpdateAsync(
                set =>
                    set.SetProperty(run => run.Status, end.Status)
                        .SetProperty(run => run.FinishedAt, clock.GetUtcNow())
                        .SetProperty(run => run.Error, error),
                cancellationToken
            );
        await transaction.CommitAsync(cancellationToken);
    }

    /// <summary>Asks a run to end, in whichever process it goes on; false when none goes on by that number.</summary>
    public async Task<bool> RequestCancelAsync(long runId, CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        return await context
                .TrainingRuns.Where(run => run.RunId == runId && run.Status == TrainingRunStatus.Running)
                .ExecuteUpdateAsync(
                    set => set.SetProperty(run => run.CancelRequestedAt, run => run.CancelRequestedAt ?? clock.GetUtcNow()),
                    cancellationToken
                ) > 0;
    }

    /// <summary>What became of the last run that has ended, and how many have failed since one succeeded, whichever process executed them.</summary>
    public async Task<(TrainingRunStatus? Last, int Failures)> FindOutcomesAsync(TimeSpan limit, CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        context.Database.SetCommandTimeout(limit);
        var last = await context
            .TrainingRuns.Where(run => run.Status != TrainingRunStatus.Running)
            .OrderByDescending(run => run.RunId)
            .Select(run => (TrainingRunStatus?)run.Status)
            .FirstOrDefaultAsync(cancellationToken);
        var success = await context
            .TrainingRuns.Where(run => run.Status == TrainingRunStatus.Succeeded)
            .OrderByDescending(run => run.RunId)
            .Select(run => run.RunId)
            .FirstOrDefaultAsync(cancellationToken);
        return (last, await context.TrainingRuns.CountAsync(run => run.RunId > success && run.Status == TrainingRunStatus.Failed, cancellationToken));
    }

    /// <summary>Whether the last run that succeeded kept its model from being served.</summary>
    public async Task<bool> IsHeldBackAsync(TimeSpan limit, CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        context.Database.SetCommandTimeout(limit);
        // One that was activated all the same is no longer held back.
        return await context
            .TrainingRuns.Where(run => run.Status == TrainingRunStatus.Succeeded)
            .OrderByDescending(run => run.RunId)
            .Take(1)
            .AnyAsync(run => run.Published == false && !context.ActiveModels.Any(active => active.Version == run.ModelVersion), cancellationToken);
    }

    /// <summary>
    /// How many types of interactions the last run that succeeded had to leave out, as the settings do not name them, and how many attributes were
    /// numbers to it in one place and texts in another.
    /// </summary>
    public async Task<(int UnknownTypes, int MixedAttributes)> FindDoubtsAsync(TimeSpan limit, CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        context.Database.SetCommandTimeout(limit);
        var run = await context
            .TrainingRuns.Where(run => run.Status == TrainingRunStatus.Succeeded)
            .OrderByDescending(run => run.RunId)
            .Select(run => new { run.Rows, run.Metrics })
            .FirstOrDefaultAsync(cancellationToken);
        return (
            RunJson
                .Read<TrainingRowCounts>(run?.Rows)
                ?.Dropped.Keys.Count(reason => reason.StartsWith(RowCollector.TypeNotMapped, StringComparison.Ordinal))
                ?? 0,
            RunJson.Read<TrainingMetrics>(run?.Metrics)?.MixedAttributes?.Count ?? 0
        );
    }

    /// <summary>Records the end of runs whose process has died; does nothing while some process trains.</summary>
    public async Task FailOrphansAsync(CancellationToken cancellationToken)
    {
        if (await TryLockAsync(cancellationToken) is { } heldLock)
        {
            await heldLock.DisposeAsync();
        }
    }

    /// <summary>
    /// Whoever holds the lock knows that no other process trains, so runs still marked as running died with theirs, or stop as soon as they notice.
    /// </summary>
    private async Task RecordOrphansAsync(CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        var orphans = await context
            .TrainingRuns.Where(run => run.Status == TrainingRunStatus.Running)
            .ExecuteUpdateAsync(
                set =>
                    set.SetProperty(run => run.Status, RunEnd.ProcessEnded.Status)
                        .SetProperty(run => run.FinishedAt, clock.GetUtcNow())
                        .SetProperty(run => run.Error, RunEnd.ProcessEnded.Error),
                cancellationToken
            );
        if (orphans > 0)
        {
            logger.OrphansFailed(orphans);
        }
    }
}
