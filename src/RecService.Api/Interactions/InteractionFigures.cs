using Npgsql;

namespace RecService.Api.Interactions;

/// <summary>How many interactions of a type there were on a day, in UTC.</summary>
internal sealed record DayCount(DateOnly Day, string Type, long Count);

/// <summary>Numbers of interactions, for people to look at.</summary>
internal sealed class InteractionFigures(NpgsqlDataSource database)
{
    /// <summary>By day and type, from a time on or, without one, all of them.</summary>
    public async Task<IReadOnlyList<DayCount>> CountByDayAsync(DateTimeOffset? from, TimeSpan limit, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(
            $"""
            SELECT (occurred_at AT TIME ZONE 'UTC')::date, type, count(*) FROM interactions
            {(from is null ? "" : "WHERE occurred_at >= $1")}
            GROUP BY 1, 2 ORDER BY 1, 2
            """
        );
        command.CommandTimeout = (int)limit.TotalSeconds;
        if (from is { } start)
        {
            command.Parameters.Add(new() { Value = start.ToUniversalTime() });
        }

        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var counts = new List<DayCount>();
        while (await reader.ReadAsync(cancellationToken))
        {
            counts.Add(new(reader.GetFieldValue<DateOnly>(0), reader.GetString(1), reader.GetInt64(2)));
        }

        return counts;
    }
}
