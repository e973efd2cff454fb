using Npgsql;
using RecService.Api.Storage;
using RecService.Engine.Training;

namespace RecService.Api.Models;

/// <summary>A state that is stored.</summary>
/// <param name="RunId">The run that it is of.</param>
/// <param name="Settings">JSON: the settings of that run.</param>
/// <param name="ErasureHorizon">The last erasure that it has been freed of.</param>
internal sealed record StoredState(long RunId, string Settings, long ErasureHorizon);

/// <summary>The state of the fit of the last run that succeeded, for the next one to start from.</summary>
internal static class StateStore
{
    public static async Task<StoredState?> FindAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            "SELECT run_id, settings::text, erasure_horizon FROM training_runs WHERE run_id IN (SELECT run_id FROM training_state_chunks) ORDER BY run_id DESC LIMIT 1",
            connection
        );
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        return await reader.ReadAsync(cancellationToken) ? new(reader.GetInt64(0), reader.GetString(1), reader.GetInt64(2)) : null;
    }

    /// <summary>Reads a state, without the users that have been erased since it was made: one who came back starts anew.</summary>
    public static async Task<TrainingState> LoadAsync(NpgsqlConnection connection, StoredState stored, CancellationToken cancellationToken)
    {
        var state = await Artifacts.OfTrainingStates.LoadAsync(connection, stored.RunId, TrainingState.Load, cancellationToken);
        var erased = await Erasures.SinceAsync(connection, stored.ErasureHorizon, cancellationToken);
        return state.WithoutUsers(erased.Among(state.Model.Features?.UserIds ?? []));
    }

    /// <summary>
    /// Puts the state of a run, or none, in the place of the former one, in the connection's current transaction. The record of the run says what the
    /// state has been freed of.
    /// </summary>
    public static async Task ReplaceAsync(NpgsqlConnection connection, long runId, TrainingState? state, CancellationToken cancellationToken)
    {
        // Whoever is rewriting the former state without an erased user finishes first, so that its new chunks are seen here.
        await connection.ExecuteUnhurriedAsync(
            "SELECT FROM training_runs WHERE run_id IN (SELECT run_id FROM training_state_chunks) FOR UPDATE",
            cancellationToken
        );
        await connection.ExecuteUnhurriedAsync("DELETE FROM training_state_chunks", cancellationToken);
        if (state is not null)
        {
            await Artifacts.OfTrainingStates.SaveAsync(connection, runId, state.Save, cancellationToken);
        }
    }
}
