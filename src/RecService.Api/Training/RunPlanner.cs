using Microsoft.Extensions.Options;
using Npgsql;
using RecService.Api.Models;
using RecService.Engine.Data.Histories;

namespace RecService.Api.Training;

/// <summary>Tells, before the work, what a training run will read and the memory that it will take.</summary>
internal sealed class RunPlanner(NpgsqlDataSource database, IOptions<TrainingOptions> options)
{
    /// <summary>
    /// Rows and bytes of a table by the statistics that the server keeps: to count, or to measure, would wait for whoever has locked it.
    /// </summary>
    private const string Sizes = """
        SELECT relname::text, greatest(reltuples::bigint, pg_stat_get_live_tuples(oid), 0),
            CASE WHEN reltuples > 0
                THEN (relpages::float8 * current_setting('block_size')::int * greatest(1, pg_stat_get_live_tuples(oid) / reltuples))::bigint
                ELSE 0 END
        FROM pg_class WHERE oid = ANY (ARRAY['interactions', 'users', 'items']::regclass[])
        """;

    // Of objective `next`, rounded up from the peak of a run of ten million interactions beside what the process had before; a row of the others has arrays more.
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
        var sizes = await SizesAsync(connection, cancellationToken);
        var ((interactions, _), (users, userBytes), (items, itemBytes)) = (sizes["interactions"], sizes["users"], sizes["items"]);
        var memory = Base + BytesOf(options.Value, interactions, users, items) + userBytes + itemBytes;
        var (process, limit) = (InUse(), LimitOf(options.Value));
        if (process + memory > limit)
        {
            // It may be what a former run and the publication of its model have left.
            WorkMemory.Release();
            process = InUse();
        }

        return new(interactions, users, items, memory, process, limit, process + memory <= limit);
    }

    /// <summary>Not what the process has of the machine: what it holds free, a run takes.</summary>
    private static long InUse() => GC.GetTotalMemory(forceFullCollection: false);

    private static long LimitOf(TrainingOptions options) =>
        options.MemoryMebibytes is { } mebibytes ? (long)mebibytes << 20 : GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;

    private static long BytesOf(TrainingOptions options, long interactions, long users, long items)
    {
        var settings = options.ToSettings();
        var withHistory = options.Objective == TrainingObjective.Next && (options.HistoryLength ?? new HistorySettings().Length) > 0;
        // Each has a row of parameters and of the solver's sums; once more as the best epoch had them; and in the model, and what ranks by it.
        long vectors = ((withHistory ? ItemRoles : 1) * items) + (options.UserIds == false ? 0 : users);
        return (interactions * (options.Objective == TrainingObjective.Next ? BytesOfEvent : BytesOfRow))
            + (users * BytesOfUser)
            + (vectors * CopiesOfVector * sizeof(float) * settings.Factors);
    }

    private static async Task<Dictionary<string, (long Rows, long Bytes)>> SizesAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        var sizes = new Dictionary<string, (long, long)>(StringComparer.Ordinal);
        await using var command = new NpgsqlCommand(Sizes, connection);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            sizes.Add(reader.GetString(0), (reader.GetInt64(1), reader.GetInt64(2)));
        }

        return sizes;
    }
}
