using Microsoft.Extensions.Diagnostics.HealthChecks;
using Npgsql;

namespace RecService.Api.Operations;

/// <summary>Asks the database once for all probes that come within a second.</summary>
internal sealed class DatabaseCheck(NpgsqlDataSource database, TimeProvider clock) : IHealthCheck
{
    // Below what probes wait for.
    private static readonly TimeSpan DatabaseLimit = TimeSpan.FromSeconds(2);

    // Anybody may probe, at any rate: the database shall not notice.
    private static readonly TimeSpan AnswerHolds = TimeSpan.FromSeconds(1);

    private readonly Lock _lock = new();
    private Task<HealthCheckResult>? _answer;
    private long _askedAt;

    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        lock (_lock)
        {
            if (_answer is null || (_answer.IsCompleted && clock.GetElapsedTime(_askedAt) >= AnswerHolds))
            {
                _askedAt = clock.GetTimestamp();
                _answer = AskAsync();
            }

            return _answer.WaitAsync(cancellationToken);
        }
    }

    private async Task<HealthCheckResult> AskAsync()
    {
        using var limit = new CancellationTokenSource(DatabaseLimit);
        try
        {
            await using var command = database.CreateCommand("SELECT 1");
            await command.ExecuteScalarAsync(limit.Token);
            return HealthCheckResult.Healthy("The database answers.");
        }
        // Whatever it was: callers of a probe are not told, and the requests that suffer from it log it.
        catch (Exception)
        {
            return HealthCheckResult.Degraded("The database does not answer: what has to be read from it or written to it fails until it does.");
        }
    }
}
