using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace RecService.Api.Operations;

/// <summary>A check that asks the database once for all probes that come within a second.</summary>
internal abstract class SharedCheck(TimeProvider clock) : IHealthCheck
{
    /// <summary>How long the database may take: less than probes wait for.</summary>
    protected static readonly TimeSpan DatabaseLimit = TimeSpan.FromSeconds(2);

    // Anybody may probe, at any rate: the database shall not notice.
    private static readonly TimeSpan AnswerHolds = TimeSpan.FromSeconds(1);

    private readonly Lock _lock = new();
    private Task<HealthCheckResult>? _answer;
    private long _askedAt;

    /// <summary>What is said when the database does not answer.</summary>
    protected abstract string Unanswered { get; }

    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        lock (_lock)
        {
            if (_answer is null || (_answer.IsCompleted && clock.GetElapsedTime(_askedAt) >= AnswerHolds))
            {
                _askedAt = clock.GetTimestamp();
                _answer = AskWithinLimitAsync();
            }

            return _answer.WaitAsync(cancellationToken);
        }
    }

    protected abstract Task<HealthCheckResult> AskAsync(CancellationToken cancellationToken);

    private async Task<HealthCheckResult> AskWithinLimitAsync()
    {
        using var limit = new CancellationTokenSource(DatabaseLimit);
        try
        {
            // Neither the question's own end nor that of the token's callbacks: with a silent server both may take longer.
            return await AskAsync(limit.Token).WaitAsync(DatabaseLimit, CancellationToken.None);
        }
        // Whatever it was: callers of a probe are not told, and the requests that suffer from it log it.
        catch (Exception)
        {
            return HealthCheckResult.Degraded(Unanswered);
        }
    }
}
