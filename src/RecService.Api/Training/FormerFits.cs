using Npgsql;
using RecService.Api.Models;
using RecService.Api.Storage;
using RecService.Api.Telemetry;
using RecService.Engine.Training;

namespace RecService.Api.Training;

/// <summary>Where a run may start from.</summary>
/// <param name="RunId">The run that it is of.</param>
/// <param name="State">The state of that run's fit, which has not seen the rows that are held out.</param>
internal sealed record FormerFit(long RunId, TrainingState State);

/// <summary>The state of the last run that succeeded, for the next one to start from.</summary>
internal sealed class FormerFits(NpgsqlDataSource database, ILogger<FormerFits> logger)
{
    /// <summary>
    /// Finds where a run may start from; null to start cold. A state is of use only to a run of the same settings: others hold out other rows, of
    /// which the state has learned some, or
    /// train something else. That early stopping and metrics speak the truth depends on the first; the second lets a changed setting show what it
    /// gives.
    /// </summary>
    public async Task<FormerFit?> FindAsync(long runId, TrainingOptions options, CancellationToken cancellationToken)
    {
        if (!options.WarmStart)
        {
            return null;
        }

        if (options.Holdout != HoldoutKind.Hash)
        {
            logger.StartsCold(runId, "only a holdout by hash stays the same from run to run");
            return null;
        }
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        if (await FormerRunAsync(connection, cancellationToken) is not var (formerRunId, settings, erasureHorizon))
        {
            logger.StartsCold(runId, "no former run has left its state");
            return null;
        }
        if (options.DifferencesForTraining(settings) is { Count: > 0 } differences)
        {
            logger.StartsCold(runId, $"run {formerRunId} had other settings of {string.Join(", ", differences)}");
            return null;
        }
        try
        {
            TrainingState state;
            await using (var artifact = await Artifacts.OfTrainingStates.OpenReadAsync(connection, formerRunId, cancellationToken))
            {
                // The file is parsed by blocking reads, off the threads that serve requests.
                state = await Task.Factory.StartNew(
                    () => TrainingState.Load(artifact),
                    cancellationToken,
                    TaskCreationOptions.LongRunning,
                    TaskScheduler.Default
                );
            }
            // A user who was erased and came back starts anew.
            var erased = await Erasures.SinceAsync(connection, erasureHorizon, cancellationToken);
            return new(formerRunId, state.WithoutUsers(erased.Among(state.Model.Features?.UserIds ?? [])));
        }
        // Whatever is wrong with it, it would be wrong in all the runs that follow.
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            logger.StateUnreadable(runId, formerRunId, exception.Discreet());
            return null;
        }
    }

    /// <summary>Puts a state, or none, in the place of the former one, in the connection's current transaction.</summary>
    public static async Task ReplaceAsync(NpgsqlConnection connection, long runId, TrainingState? state, CancellationToken cancellationToken)
    {
        // Whoever is rewriting the former state without an erased user finishes first, so that its new chunks are seen here.
        await connection.ExecuteUnhurriedAsync(
            "SELECT FROM training_runs WHERE run_id IN (SELECT run_id FROM training_state_chunks) FOR UPDATE",
            cancellationToken
        );
        await connection.ExecuteUnhurriedAsync("DELETE FROM training_state_chunks", cancellationToken);
        if (state is null)
        {
            return;
        }

        await Task.Factory.StartNew(
            () =>
            {
                using var artifact = Artifacts.OfTrainingStates.OpenWrite(connection, runId);
                state.Save(artifact);
                artifact.Complete();
            },
            cancellationToken,
            TaskCreationOptions.LongRunning,
            TaskScheduler.Default
        );
    }

    private static async Task<(long RunId, string Settings, long ErasureHorizon)?> FormerRunAsync(
        NpgsqlConnection connection,
        CancellationToken cancellationToken
    )
    {
        await using var command = new NpgsqlCommand(
            "SELECT run_id, settings::text, erasure_horizon FROM training_runs WHERE run_id IN (SELECT run_id FROM training_state_chunks) ORDER BY run_id DESC LIMIT 1",
            connection
        );
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        return await reader.ReadAsync(cancellationToken) ? (reader.GetInt64(0), reader.GetString(1), reader.GetInt64(2)) : null;
    }
}
