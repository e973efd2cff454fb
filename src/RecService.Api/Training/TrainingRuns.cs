using Microsoft.EntityFrameworkCore;
using Npgsql;
using RecService.Api.Storage;
using RecService.Api.Storage.Entities;

namespace RecService.Api.Training;

/// <summary>The right to train, held through a connection of its own.</summary>
internal sealed class TrainingLock(NpgsqlConnection connection, long key) : IAsyncDisposable
{
    public async ValueTask DisposeAsync()
    {
        await using (connection)
        {
            // Explicit, because the pool resets a connection only when it is used again. A broken connection has lost the lock already.
            if (connection.FullState.HasFlag(System.Data.ConnectionState.Open))
            {
                try
                {
                    await using var command = new NpgsqlCommand("SELECT pg_advisory_unlock($1)", connection) { Parameters = { new() { Value = key } } };
                    await command.ExecuteNonQueryAsync();
                }
                catch (NpgsqlException)
                {
                    // It broke unnoticed.
                }
            }
        }
    }
}

/// <summary>The records of training runs, and the lock that lets one process train at a time.</summary>
internal sealed class TrainingRuns(IDbContextFactory<RecServiceDbContext> contexts, NpgsqlDataSource database, TimeProvider clock, ILogger<TrainingRuns> logger)
{
    /// <summary>Key of the advisory lock that the training process holds; "RecTrain" in ASCII.</summary>
    private const long LockKey = 0x526563547261696E;

    // A killed process closes its connection; a machine that is gone does not, and by the usual settings the server would keep its lock for hours.
    private const string NoticeDeadHolder = "SET tcp_keepalives_idle = 3; SET tcp_keepalives_interval = 1; SET tcp_keepalives_count = 3";

    /// <summary>Takes the right to train, which lasts until it is disposed of or the process dies; null when another process has it.</summary>
    public async Task<TrainingLock?> TryLockAsync(CancellationToken cancellationToken)
    {
        var connection = await database.OpenConnectionAsync(cancellationToken);
        try
        {
            await connection.ExecuteAsync(NoticeDeadHolder, cancellationToken);
            await using var command = new NpgsqlCommand("SELECT pg_try_advisory_lock($1)", connection) { Parameters = { new() { Value = LockKey } } };
            if (await command.ExecuteScalarAsync(cancellationToken) is true)
            {
                await RecordOrphansAsync(cancellationToken);
                return new(connection, LockKey);
            }
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
        await connection.DisposeAsync();
        return null;
    }

    public async Task<TrainingRun> CreateAsync(TrainingRunTrigger trigger, TrainingOptions options, CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        var run = new TrainingRun
        {
            Status = TrainingRunStatus.Running,
            Trigger = trigger,
            Objective = options.Objective == TrainingObjective.Rating ? "rating" : "implicit",
            StartedAt = clock.GetUtcNow(),
            Seed = options.Seed,
            Settings = TrainingJson.Write(options),
        };
        // Before, so that a failure leaves no record of a run that nobody executes.
        await PruneAsync(context, options.KeepRuns - 1, cancellationToken);
        context.TrainingRuns.Add(run);
        await context.SaveChangesAsync(cancellationToken);
        return run;
    }

    /// <summary>Removes the records of old runs, except those of models that are still stored and of the state that the next run may start from.</summary>
    private static Task<int> PruneAsync(RecServiceDbContext context, int keep, CancellationToken cancellationToken) => context.Database.ExecuteSqlAsync(
        $"""
        DELETE FROM training_runs AS r
        WHERE run_id <= (SELECT run_id FROM training_runs ORDER BY run_id DESC OFFSET {keep} LIMIT 1)
          AND status <> 'running'
          AND NOT EXISTS (SELECT FROM models AS m WHERE m.run_id = r.run_id AND m.pruned_at IS NULL)
          AND NOT EXISTS (SELECT FROM training_state_chunks AS s WHERE s.run_id = r.run_id)
        """, cancellationToken);

    public async Task<TrainingRun?> FindAsync(long runId, CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        return await context.TrainingRuns.AsNoTracking().SingleOrDefaultAsync(run => run.RunId == runId, cancellationToken);
    }

    public async Task<TrainingRun?> FindRunningAsync(CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        return await context.TrainingRuns.AsNoTracking().Where(run => run.Status == TrainingRunStatus.Running).OrderByDescending(run => run.RunId)
            .FirstOrDefaultAsync(cancellationToken);
    }

    /// <summary>The newest run, whatever became of it.</summary>
    public async Task<TrainingRun?> FindLastAsync(CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        return await context.TrainingRuns.AsNoTracking().OrderByDescending(run => run.RunId).FirstOrDefaultAsync(cancellationToken);
    }

    /// <summary>Runs older than <paramref name="before"/>, newest first.</summary>
    public async Task<List<TrainingRun>> ListAsync(long before, int count, CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        return await context.TrainingRuns.AsNoTracking().Where(run => run.RunId < before).OrderByDescending(run => run.RunId).Take(count)
            .ToListAsync(cancellationToken);
    }

    public async Task<bool> AnyInteractionAsync(CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        return await context.Interactions.AnyAsync(cancellationToken);
    }

    public async Task RecordCutoffAsync(long runId, TrainingData data, CancellationToken cancellationToken)
    {
        var rows = TrainingJson.Write(new TrainingRowCounts(data.Rows.Count, data.Dropped));
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        await context.TrainingRuns.Where(run => run.RunId == runId).ExecuteUpdateAsync(set => set
            .SetProperty(run => run.CutoffAt, data.CutoffAt)
            .SetProperty(run => run.CutoffSnapshot, data.CutoffSnapshot)
            .SetProperty(run => run.DatabaseId, data.DatabaseId)
            .SetProperty(run => run.Rows, rows), cancellationToken);
    }

    public async Task RecordEpochsAsync(long runId, IReadOnlyList<TrainingEpoch> epochs, CancellationToken cancellationToken)
    {
        var json = TrainingJson.Write(epochs);
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        await context.TrainingRuns.Where(run => run.RunId == runId && run.Status == TrainingRunStatus.Running)
            .ExecuteUpdateAsync(set => set.SetProperty(run => run.Epochs, json), cancellationToken);
    }

    /// <summary>Records that a run ended without a model.</summary>
    public async Task RecordEndAsync(long runId, TrainingRunStatus status, string error, CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        await context.TrainingRuns.Where(run => run.RunId == runId && run.Status == TrainingRunStatus.Running).ExecuteUpdateAsync(set => set
            .SetProperty(run => run.Status, status)
            .SetProperty(run => run.FinishedAt, clock.GetUtcNow())
            .SetProperty(run => run.Error, error), cancellationToken);
    }

    /// <summary>Records the end of runs whose process has died; does nothing while some process trains.</summary>
    public async Task FailOrphansAsync(CancellationToken cancellationToken)
    {
        if (await TryLockAsync(cancellationToken) is { } heldLock)
            await heldLock.DisposeAsync();
    }

    /// <summary>Whoever holds the lock knows that no other process trains, so runs still marked as running died with theirs.</summary>
    private async Task RecordOrphansAsync(CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        var orphans = await context.TrainingRuns.Where(run => run.Status == TrainingRunStatus.Running).ExecuteUpdateAsync(set => set
            .SetProperty(run => run.Status, TrainingRunStatus.Failed)
            .SetProperty(run => run.FinishedAt, clock.GetUtcNow())
            .SetProperty(run => run.Error, "The process ended during the run."), cancellationToken);
        if (orphans > 0)
            logger.OrphansFailed(orphans);
    }
}
