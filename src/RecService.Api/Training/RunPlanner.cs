using Microsoft.Extensions.Options;
using Npgsql;
using RecService.Api.Storage;
using RecService.Engine.Data.Histories;

namespace RecService.Api.Training;

/// <summary>Tells, before the work, what a training run will read and the memory that it will take.</summary>
internal sealed class RunPlanner(NpgsqlDataSource database, IOptions<TrainingOptions> options)
{
    /// <summary>Tables with fewer rows than this are counted: their statistics may be of a time when there was nothing in them.</summary>
    private const long FewRows = 100_000;

    // Measured, and rounded up: the peak of runs beside what the process had before, of a million to ten million interactions.
    private const long Base = 100L << 20;
    private const long BytesOfEvent = 90;
    private const long BytesOfRow = 150;
    private const long BytesOfUser = 150;
    private const int CopiesOfVector = 6;

    /// <summary>An item as what is recommended, in the long history, in the recent one, and as what is taken again.</summary>
    private const int ItemRoles = 4;

    public async Task<TrainingPlan> PlanAsync(CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        var (interactions, _) = await SizeAsync(connection, "interactions", cancellationToken);
        var (users, userBytes) = await SizeAsync(connection, "users", cancellationToken);
        var (items, itemBytes) = await SizeAsync(connection, "items", cancellationToken);
        var memory = Base + BytesOf(options.Value, interactions, users, items) + userBytes + itemBytes;
        var (process, limit) = (Environment.WorkingSet, LimitOf(options.Value));
        return new(interactions, users, items, memory, process, limit, process + memory <= limit);
    }

    private static long LimitOf(TrainingOptions options) =>
        options.MemoryMebibytes is { } mebibytes ? (long)mebibytes << 20 : GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;

    private static long BytesOf(TrainingOptions options, long interactions, long users, long items)
    {
        var settings = options.ToSettings();
        var withHistory = options.Objective == TrainingObjective.Next && (options.HistoryLength ?? new HistorySettings().Length) > 0;
        // Each has a row of parameters and of the solver's sums; once more as the best epoch had them; and in the model, and what ranks by it.
        long vectors = ((withHistory ? ItemRoles : 1) * items) + (options.UserIds == false ? 0 : users);
        return (interactions * (options.Objective == TrainingObjective.Next ? BytesOfEvent : BytesOfRow)) + (users * BytesOfUser) + (vectors * CopiesOfVector * sizeof(float) * settings.Factors);
    }

    /// <summary>Number of rows and of bytes of a table.</summary>
    private static async Task<(long Rows, long Bytes)> SizeAsync(NpgsqlConnection connection, string table, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            "SELECT reltuples::bigint, pg_table_size(oid) FROM pg_class WHERE oid = $1::regclass",
            connection
        )
        {
            Parameters = { new() { Value = table } },
        };
        long rows,
            bytes;
        await using (var reader = await command.ExecuteReaderAsync(cancellationToken))
        {
            await reader.ReadAsync(cancellationToken);
            (rows, bytes) = (reader.GetInt64(0), reader.GetInt64(1));
        }

        return (rows >= FewRows ? rows : await connection.ScalarUnhurriedAsync<long>($"SELECT count(*) FROM {table}", cancellationToken), bytes);
    }
}
