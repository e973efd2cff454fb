using Npgsql;
using RecService.Api.Models;
using RecService.Api.Telemetry;
using RecService.Engine.Model;
using RecService.Engine.Training;

namespace RecService.Api.Training;

/// <summary>Where a run may start from.</summary>
/// <param name="RunId">The run that it is of.</param>
/// <param name="State">The state of that run's fit, which has not seen the rows that are held out.</param>
internal sealed record FormerFit(long RunId, TrainingState State);

/// <summary>Finds the fit that a run may go on from.</summary>
internal sealed class FormerFits(NpgsqlDataSource database, ILogger<FormerFits> logger)
{
    /// <summary>The fit that the model being served came from, to be compared with; null when there is none, or none that held out the same rows.</summary>
    /// <param name="runId">The run that asks.</param>
    /// <param name="options">Its settings.</param>
    /// <param name="holdoutShare">The share that it holds out.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    public async Task<FactorizationModel?> FindServedAsync(
        long runId,
        TrainingOptions options,
        double holdoutShare,
        CancellationToken cancellationToken
    )
    {
        // What is held out as the newest of all moves on, past what the former fit has learned.
        if (options.Gate == PublishGate.Off || options.Holdout is not (HoldoutKind.Hash or HoldoutKind.NewestOfUsers))
        {
            return null;
        }

        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        var (servedRun, servedShare) = await ServedRunAsync(connection, cancellationToken);
        // What was held out then must be what is held out now, or it has learned what it is compared by.
        if (
            await StateStore.FindAsync(connection, cancellationToken) is not { } stored
            || stored.RunId != servedRun
            || !HoldsOutTheSame(stored, options)
            || (options.HoldoutShare is null && !(holdoutShare <= servedShare))
        )
        {
            return null;
        }

        try
        {
            return (await StateStore.LoadAsync(connection, stored, cancellationToken)).Model;
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            logger.NotCompared(runId, stored.RunId, exception.Discreet());
            return null;
        }
    }

    // Of a model that was imported there is no run, and of one of a former release no share.
    private static async Task<(long? RunId, double? HoldoutShare)> ServedRunAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = connection.CreateCommand();
        command.CommandText = """
            SELECT m.run_id, (r.metrics ->> 'holdoutShare')::double precision
            FROM active_model
            JOIN models m USING (version)
            LEFT JOIN training_runs r USING (run_id)
            """;
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        return await reader.ReadAsync(cancellationToken)
            ? (await NullableAsync<long>(reader, 0, cancellationToken), await NullableAsync<double>(reader, 1, cancellationToken))
            : default;
    }

    private static async Task<T?> NullableAsync<T>(NpgsqlDataReader reader, int column, CancellationToken cancellationToken)
        where T : struct => await reader.IsDBNullAsync(column, cancellationToken) ? null : await reader.GetFieldValueAsync<T>(column, cancellationToken);

    private static bool HoldsOutTheSame(StoredState stored, TrainingOptions options) =>
        !RunJson
            .Differences(stored.Settings, RunJson.Write(options))
            .Intersect(
                [nameof(options.Objective), nameof(options.Holdout), nameof(options.HoldoutShare), nameof(options.Types)],
                StringComparer.OrdinalIgnoreCase
            )
            .Any();

    /// <summary>
    /// Finds where a run may start from; null to start cold. A state is of use only to a run of the same settings: others hold out other rows, of
    /// which the state has learned some, or train something else. That early stopping and metrics speak the truth depends on the first; the second
    /// lets a changed setting show what it gives.
    /// </summary>
    public async Task<FormerFit?> FindAsync(long runId, TrainingOptions options, CancellationToken cancellationToken)
    {
        if (!options.WarmStart)
        {
            return null;
        }

        if (options.Objective == TrainingObjective.Next)
        {
            logger.StartsCold(runId, "objective next knows no warm start");
            return null;
        }

        if (options.Holdout != HoldoutKind.Hash)
        {
            logger.StartsCold(runId, "only a holdout by hash stays the same from run to run");
            return null;
        }
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        if (await StateStore.FindAsync(connection, cancellationToken) is not { } stored)
        {
            logger.StartsCold(runId, "no former run has left its state");
            return null;
        }
        if (options.DifferencesForTraining(stored.Settings) is { Count: > 0 } differences)
        {
            logger.StartsCold(runId, $"run {stored.RunId} had other settings of {string.Join(", ", differences)}");
            return null;
        }
        try
        {
            return new(stored.RunId, await StateStore.LoadAsync(connection, stored, cancellationToken));
        }
        // Whatever is wrong with it, it would be wrong in all the runs that follow.
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            logger.StateUnreadable(runId, stored.RunId, exception.Discreet());
            return null;
        }
    }
}
