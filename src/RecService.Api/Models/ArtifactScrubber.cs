using Npgsql;
using RecService.Api.Storage;
using RecService.Api.Telemetry;
using RecService.Engine.Model;
using RecService.Engine.Training;

namespace RecService.Api.Models;

/// <summary>
/// Rewrites stored models and training states without the users that were erased since they were made. Models are free of them from the moment they
/// are loaded; this is about what lies in the database.
/// </summary>
internal sealed partial class ArtifactScrubber(NpgsqlDataSource database, TimeProvider clock, ILogger<ArtifactScrubber> logger) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);

    private const string Behind = "erasure_horizon < (SELECT coalesce(max(erasure_id), 0) FROM erased_users)";

    private static readonly ArtifactKind<FactorizationModel> Models = new(
        Artifacts.OfModels,
        // Several replicas share the work; activation and pruning wait for the row.
        $"SELECT version, erasure_horizon FROM models WHERE pruned_at IS NULL AND {Behind} AND version <> ALL ($1) ORDER BY version DESC LIMIT 1 FOR UPDATE SKIP LOCKED",
        "SELECT version, erasure_horizon FROM models WHERE pruned_at IS NULL AND version = $1 FOR UPDATE",
        "UPDATE models SET erasure_horizon = $2, size_bytes = coalesce($3, size_bytes), sha256 = coalesce($4, sha256) WHERE version = $1",
        ModelFile.Load,
        model => model,
        (model, users) => model.WithoutUsers(users),
        (model, stream) => ModelFile.Save(stream, model)
    );

    private static readonly ArtifactKind<TrainingState> States = new(
        Artifacts.OfTrainingStates,
        $"SELECT run_id, erasure_horizon FROM training_runs WHERE run_id IN (SELECT run_id FROM training_state_chunks) AND {Behind} AND run_id <> ALL ($1) LIMIT 1 FOR UPDATE SKIP LOCKED",
        "SELECT run_id, erasure_horizon FROM training_runs WHERE run_id = $1 FOR UPDATE",
        "UPDATE training_runs SET erasure_horizon = $2 WHERE run_id = $1 AND ($3::bigint IS NULL OR $4::bytea IS NOT NULL)",
        TrainingState.Load,
        state => state.Model,
        (state, users) => state.WithoutUsers(users),
        (state, stream) => state.Save(stream)
    );

    private readonly HashSet<long> _damagedModels = [];
    private readonly HashSet<long> _damagedStates = [];

    /// <summary>Rewrites one model now, if it knows users that have been erased since; returns when no other process is about to.</summary>
    /// <exception cref="DamagedArtifactException">The artifact is damaged.</exception>
    public Task ScrubModelAsync(long version, CancellationToken cancellationToken) =>
        ScrubAsync(Models, Models.SelectOne, version, cancellationToken);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                while (await ScrubNextAsync(Models, _damagedModels, stoppingToken) || await ScrubNextAsync(States, _damagedStates, stoppingToken))
                {
                    // Until there is nothing left to do.
                }
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception exception)
            {
                LogScrubFailed(exception.Discreet());
            }

            await Task.Delay(Interval, clock, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task<bool> ScrubNextAsync<T>(ArtifactKind<T> kind, HashSet<long> damaged, CancellationToken cancellationToken)
    {
        try
        {
            return await ScrubAsync(kind, kind.SelectNext, damaged.ToArray(), cancellationToken);
        }
        catch (DamagedArtifactException exception)
        {
            damaged.Add(exception.Key);
            LogDamaged(kind.Artifacts.Table, exception.Key, exception);
            return true;
        }
    }

    /// <summary>False when there is nothing to do.</summary>
    private async Task<bool> ScrubAsync<T>(ArtifactKind<T> kind, string select, object parameter, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        if (await FindAsync(connection, select, parameter, cancellationToken) is not var (key, horizon))
        {
            return false;
        }

        var erased = await Erasures.SinceAsync(connection, horizon, cancellationToken);
        if (erased.Horizon == horizon)
        {
            return false;
        }

        T artifact;
        try
        {
            artifact = await kind.Artifacts.LoadAsync(connection, key, kind.Load, cancellationToken);
        }
        catch (ModelFormatException exception)
        {
            throw new DamagedArtifactException(key, exception);
        }

        var users = erased.Among(kind.ModelOf(artifact).Features?.UserIds ?? []);
        (long Size, byte[] Sha256)? written = null;
        if (users.Count > 0)
        {
            await kind.Artifacts.DeleteAsync(connection, key, cancellationToken);
            written = await kind.Artifacts.SaveAsync(connection, key, file => kind.Save(kind.Without(artifact, users), file), cancellationToken);
        }

        await using var update = new NpgsqlCommand(kind.Update, connection)
        {
            Parameters =
            {
                new() { Value = key },
                new() { Value = erased.Horizon },
                new() { Value = (object?)written?.Size ?? DBNull.Value, NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Bigint },
                new() { Value = (object?)written?.Sha256 ?? DBNull.Value, NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Bytea },
            },
        };
        await update.ExecuteNonQueryAsync(cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        if (written is not null)
        {
            LogScrubbed(kind.Artifacts.Table, key, users.Count);
        }

        return true;
    }

    private static async Task<(long Key, long Horizon)?> FindAsync(
        NpgsqlConnection connection,
        string select,
        object parameter,
        CancellationToken cancellationToken
    )
    {
        await using var command = new NpgsqlCommand(select, connection) { Parameters = { new() { Value = parameter } } };
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        return await reader.ReadAsync(cancellationToken) ? (reader.GetInt64(0), reader.GetInt64(1)) : null;
    }

    [LoggerMessage(EventId = 3005, Level = LogLevel.Information, Message = "Artifact {Key} of {Table} was rewritten without {Users} erased users")]
    private partial void LogScrubbed(string table, long key, int users);

    [LoggerMessage(
        EventId = 3006,
        Level = LogLevel.Error,
        Message = "Artifact {Key} of {Table} is damaged and cannot be rewritten without the users that have been erased"
    )]
    private partial void LogDamaged(string table, long key, Exception exception);

    [LoggerMessage(EventId = 3007, Level = LogLevel.Warning, Message = "Stored models cannot be freed of erased users; it is tried again")]
    private partial void LogScrubFailed(Exception exception);

    private sealed record ArtifactKind<T>(
        Artifacts Artifacts,
        string SelectNext,
        string SelectOne,
        string Update,
        Func<Stream, T> Load,
        Func<T, FactorizationModel> ModelOf,
        Func<T, IReadOnlySet<string>, T> Without,
        Action<T, Stream> Save
    );
}
