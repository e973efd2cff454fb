using System.Collections.Concurrent;
using Npgsql;
using NpgsqlTypes;
using RecService.Api.Domain;
using RecService.Api.Publishing;
using RecService.Api.Storage;

namespace RecService.Api.Scoring;

/// <summary>
/// Counts, by item, the users of whom it has a positive interaction since a time. It takes as long as there are interactions since then, so that it
/// is done for one time after the other, and for each at most once a minute.
/// </summary>
internal sealed class TrendReader(NpgsqlDataSource database, Feedback feedback, DatabaseConfiguration configuration, TimeProvider clock) : IDisposable
{
    private static readonly TimeSpan Kept = TimeSpan.FromMinutes(1);

    private readonly ConcurrentDictionary<DateTimeOffset, Trend> _trends = new();
    private readonly SemaphoreSlim _turn = new(1);

    /// <summary>Users by item key, from the beginning of a minute on, at most a minute old; throws <see cref="DatabaseAwayException"/>.</summary>
    public async Task<IReadOnlyDictionary<long, int>> ReadAsync(DateTimeOffset since, CancellationToken cancellationToken)
    {
        var minute = new DateTimeOffset(since.UtcTicks - (since.UtcTicks % TimeSpan.TicksPerMinute), TimeSpan.Zero);
        if (Find(minute) is { } known)
        {
            return known;
        }

        try
        {
            return await Transactions.WithinAsync(
                configuration.Options.CommandTimeout,
                limited => CountInTurnAsync(minute, limited),
                cancellationToken
            );
        }
        catch (Exception exception) when (DatabaseErrors.IsAway(exception))
        {
            throw new DatabaseAwayException("The database is away.", exception);
        }
    }

    public void Dispose() => _turn.Dispose();

    private IReadOnlyDictionary<long, int>? Find(DateTimeOffset minute) =>
        _trends.TryGetValue(minute, out var trend) && clock.GetElapsedTime(trend.Stamp) < Kept ? trend.Users : null;

    private async Task<IReadOnlyDictionary<long, int>> CountInTurnAsync(DateTimeOffset minute, CancellationToken cancellationToken)
    {
        // Who waits takes up a place of those who want recommendations.
        if (!await _turn.WaitAsync(configuration.Options.ScoringTimeout, cancellationToken))
        {
            throw new DatabaseAwayException("The database is counting for others.");
        }

        try
        {
            // Whoever had the turn before may have counted the same.
            if (Find(minute) is { } known)
            {
                return known;
            }

            foreach (var (old, trend) in _trends)
            {
                if (clock.GetElapsedTime(trend.Stamp) >= Kept)
                {
                    _trends.TryRemove(old, out _);
                }
            }

            var stamp = clock.GetTimestamp();
            var users = await CountAsync(minute, cancellationToken);
            _trends[minute] = new(users, stamp);
            return users;
        }
        finally
        {
            _turn.Release();
        }
    }

    private async Task<Dictionary<long, int>> CountAsync(DateTimeOffset since, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(
            $"""
            SELECT i.item_key, count(DISTINCT i.user_key)::int
            FROM interactions i
            WHERE i.occurred_at >= $1
                AND EXISTS (SELECT FROM {FeedbackParameters.Table(2)} WHERE lower(m.type) = lower(i.type) AND {Feedback.IsPositiveSql})
            GROUP BY i.item_key
            """
        );
        command.Parameters.Add(new() { Value = since, NpgsqlDbType = NpgsqlDbType.TimestampTz });
        FeedbackParameters.Add(command.Parameters, feedback);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var users = new Dictionary<long, int>();
        while (await reader.ReadAsync(cancellationToken))
        {
            users.Add(reader.GetInt64(0), reader.GetInt32(1));
        }

        return users;
    }

    /// <param name="Users">Users by item key.</param>
    /// <param name="Stamp">When they were counted.</param>
    private sealed record Trend(IReadOnlyDictionary<long, int> Users, long Stamp);
}
