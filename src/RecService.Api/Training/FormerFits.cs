using Npgsql;
using RecService.Api.Models;
using RecService.Api.Telemetry;
using RecService.Engine.Training;

namespace RecService.Api.Training;

/// <summary>Where a run may start from.</summary>
/// <param name="RunId">The run that it is of.</param>
/// <param name="State">The state of that run's fit, which has not seen the rows that are held out.</param>
internal sealed record FormerFit(long RunId, TrainingState State);

/// <summary>Finds the fit that a run may go on from.</summary>
internal sealed class FormerFits(NpgsqlDataSource database, ILogger<FormerFits> logger)
{
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
