using System.Threading.Channels;
using Npgsql;
using NpgsqlTypes;
using RecService.Api.Models;
using RecService.Api.Storage;
using RecService.Api.Storage.Entities;
using RecService.Api.Telemetry;
using RecService.Engine.Model;

namespace RecService.Api.Training;

/// <summary>Executes one training run: read, fit, measure, refit on all rows, store. Never touches what is being served.</summary>
internal sealed class RunExecutor(
    CutoffReader reader,
    RunStore runs,
    FormerFits states,
    NpgsqlDataSource database,
    ActiveModelSignal activeModel,
    ServiceMetrics instruments,
    TimeProvider clock,
    ILogger<RunExecutor> logger
)
{
    public async Task RunAsync(TrainingRun run, TrainingOptions options, CancellationToken cancellationToken)
    {
        var cutoff = await reader.ReadAsync(options, cancellationToken);
        await runs.RecordCutoffAsync(run.RunId, cutoff, cancellationToken);
        var former = await states.FindAsync(run.RunId, options, cancellationToken);
        var epochs = Channel.CreateUnbounded<TrainingEpoch?>(new() { SingleReader = true });
        var recording = RecordEpochsAsync(run.RunId, epochs.Reader);
        FitOutcome outcome;
        try
        {
            outcome = await OnThreadOfItsOwn(() => Fit(run.RunId, cutoff, options, former, epochs.Writer, cancellationToken));
        }
        finally
        {
            epochs.Writer.Complete();
            await recording;
        }
        await StoreAsync(run, options, outcome, former?.RunId, cutoff, cancellationToken);
    }

    /// <summary>
    /// Has the space of what was replaced used again by the next run: autovacuum would let a part of the table go stale first, and looks once a
    /// minute only. Whoever may not
    /// do it, as the tables are another's, is told so by a warning and leaves it to autovacuum.
    /// </summary>
    public async Task VacuumAsync(CancellationToken cancellationToken)
    {
        try
        {
            await using var connection = await database.OpenConnectionAsync(cancellationToken);
            await RunLock.NoticeDeadClientAsync(connection, cancellationToken);
            await connection.ExecuteUnhurriedAsync(
                "VACUUM (SKIP_LOCKED) model_chunks, training_state_chunks, training_runs, changes",
                cancellationToken
            );
        }
        catch (Exception exception)
        {
            logger.NotVacuumed(exception.Discreet());
        }
    }

    private FitOutcome Fit(
        long runId,
        Cutoff cutoff,
        TrainingOptions options,
        FormerFit? former,
        ChannelWriter<TrainingEpoch?> epochs,
        CancellationToken cancellationToken
    )
    {
        var encoded = EncodedRows.Create(cutoff, options);
        logger.RowsRead(runId, cutoff.Rows.Count, cutoff.Users.Count, cutoff.Items.Count, encoded.Space.ColumnCount);
        if (former is not null && encoded.HasHoldout)
        {
            logger.StartsWarm(runId, former.RunId);
            try
            {
                return FitAndRefit.Run(encoded, options, former.State, Report, cancellationToken);
            }
            catch (Exception exception) when (exception is not OperationCanceledException)
            {
                // Failed runs leave the state where it is: without this, all that follow would fail by it too.
                logger.WarmStartFailed(runId, former.RunId, exception.Discreet());
                epochs.TryWrite(null);
            }
        }
        return FitAndRefit.Run(encoded, options, start: null, Report, cancellationToken);

        void Report(TrainingEpoch epoch)
        {
            instruments.EpochEnded(epoch.Phase, epoch.TrainLoss, epoch.HoldoutLoss);
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

    /// <summary>
    /// Stores the model and the state, makes the model the active one and ends the run, all or nothing: nothing when the run has been cancelled, or
    /// another process has the lock.
    /// </summary>
    private async Task StoreAsync(
        TrainingRun run,
        TrainingOptions options,
        FitOutcome outcome,
        long? formerRunId,
        Cutoff cutoff,
        CancellationToken cancellationToken
    )
    {
        using var span = Spans.Start("store");
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        // Else its row locks would hold up whoever trains next.
        await RunLock.NoticeDeadClientAsync(connection, cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        var erased = await Erasures.SinceAsync(connection, cutoff.ErasureHorizon, cancellationToken);
        outcome = outcome.Without(erased);
        var now = clock.GetUtcNow();
        var metrics = outcome.Metrics is null ? null : RunJson.Write(outcome.Metrics);
        var version = await InsertModelAsync(connection, run, options, outcome, metrics, now, cancellationToken);
        var (size, hash) = await OnThreadOfItsOwn(() =>
        {
            using var artifact = Artifacts.OfModels.OpenWrite(connection, version);
            ModelFile.Save(artifact, outcome.Model);
            return artifact.Complete();
        });
        await FormerFits.ReplaceAsync(connection, run.RunId, outcome.State, cancellationToken);
        await using var finish = new NpgsqlBatch(connection)
        {
            BatchCommands =
            {
                new("UPDATE models SET size_bytes = $2, sha256 = $3, erasure_horizon = $4 WHERE version = $1")
                {
                    Parameters =
                    {
                        new() { Value = version },
                        new() { Value = size },
                        new() { Value = hash },
                        new() { Value = erased.Horizon },
                    },
                },
                new(
                    "INSERT INTO active_model (id, version, activated_at) VALUES (1, $1, $2) ON CONFLICT (id) DO UPDATE SET version = $1, activated_at = $2"
                )
                {
                    Parameters =
                    {
                        new() { Value = version },
                        new() { Value = now },
                    },
                },
                new(
                    """
                    UPDATE training_runs
                    SET status = 'succeeded', finished_at = $2, metrics = $3, best_epoch = $4, model_version = $5, warm_started_from = $6, start_holdout_loss = $7,
                        erasure_horizon = $8
                    WHERE run_id = $1 AND status = 'running' AND cancel_requested_at IS NULL
                    """
                )
                {
                    Parameters =
                    {
                        new() { Value = run.RunId },
                        new() { Value = now },
                        new() { Value = (object?)metrics ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Jsonb },
                        new() { Value = outcome.BestEpoch },
                        new() { Value = version },
                        new() { Value = outcome.StartHoldoutLoss is null ? DBNull.Value : formerRunId, NpgsqlDbType = NpgsqlDbType.Bigint },
                        new() { Value = (object?)outcome.StartHoldoutLoss ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Double },
                        new() { Value = erased.Horizon },
                    },
                },
            },
        };
        await finish.ExecuteNonQueryAsync(cancellationToken);
        if (finish.BatchCommands[2].RecordsAffected != 1)
        {
            throw new InvalidOperationException("The run was ended or cancelled by another process before its model was stored.");
        }

        var pruned = await PruneAsync(connection, options, now, cancellationToken);
        await ChangeLog.PruneAsync(connection, cutoff.DatabaseSnapshot, cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        activeModel.Notify();
        logger.RunSucceeded(run.RunId, (now - run.StartedAt).TotalSeconds, version, size);
        if (pruned > 0)
        {
            logger.ModelsPruned(pruned);
        }
    }

    private static async Task<long> InsertModelAsync(
        NpgsqlConnection connection,
        TrainingRun run,
        TrainingOptions options,
        FitOutcome outcome,
        string? metrics,
        DateTimeOffset now,
        CancellationToken cancellationToken
    )
    {
        await using var insert = new NpgsqlCommand(
            """
            INSERT INTO models (run_id, created_at, objective, interaction, factors, settings, metrics, size_bytes, sha256)
            VALUES ($1, $2, $3, $4, $5, $6, $7, 0, '') RETURNING version
            """,
            connection
        )
        {
            Parameters =
            {
                new() { Value = run.RunId },
                new() { Value = now },
                new() { Value = run.Objective },
                new() { Value = System.Text.Json.JsonNamingPolicy.CamelCase.ConvertName(options.Interaction.ToString()) },
                new() { Value = outcome.Model.Factors },
                new() { Value = run.Settings, NpgsqlDbType = NpgsqlDbType.Jsonb },
                new() { Value = metrics ?? "null", NpgsqlDbType = NpgsqlDbType.Jsonb },
            },
        };
        return (long)(await insert.ExecuteScalarAsync(cancellationToken))!;
    }

    /// <summary>Removes the artifacts of models that are neither among the newest, nor active, nor pinned; their records stay.</summary>
    private static async Task<int> PruneAsync(
        NpgsqlConnection connection,
        TrainingOptions options,
        DateTimeOffset now,
        CancellationToken cancellationToken
    )
    {
        await using var prune = new NpgsqlCommand(
            """
            WITH pruned AS (
                UPDATE models SET pruned_at = $2
                WHERE pruned_at IS NULL AND pinned_at IS NULL
                  AND version NOT IN (SELECT version FROM models ORDER BY version DESC LIMIT $1)
                  AND version NOT IN (SELECT version FROM active_model)
                RETURNING version),
            removed AS (DELETE FROM model_chunks WHERE version IN (SELECT version FROM pruned))
            SELECT count(*)::int FROM pruned
            """,
            connection
        )
        {
            // Models may be large, and many.
            CommandTimeout = 0,
            Parameters =
            {
                new() { Value = options.KeepModels },
                new() { Value = now },
            },
        };
        return (int)(await prune.ExecuteScalarAsync(cancellationToken))!;
    }
}
