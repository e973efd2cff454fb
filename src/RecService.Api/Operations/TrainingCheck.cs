using Microsoft.Extensions.Diagnostics.HealthChecks;
using RecService.Api.Storage.Entities;
using RecService.Api.Training;

namespace RecService.Api.Operations;

/// <summary>Says what became of the last runs, whichever process executed them. Why they failed is for those who may read the runs.</summary>
internal sealed class TrainingCheck(RunStore runs, TimeProvider clock) : SharedCheck(clock)
{
    protected override string Unanswered => "What became of the last run cannot be told while the database does not answer.";

    protected override async Task<HealthCheckResult> AskAsync(CancellationToken cancellationToken)
    {
        var (last, failures) = await runs.FindOutcomesAsync(DatabaseLimit, cancellationToken);
        var outcome = last switch
        {
            null => "No run has ended yet.",
            TrainingRunStatus.Succeeded => "The last run succeeded.",
            TrainingRunStatus.Cancelled => "The last run was cancelled.",
            _ => "The last run failed.",
        };
        if (failures > 0)
        {
            return HealthCheckResult.Degraded($"{outcome} Failed since the last one that succeeded: {failures}.");
        }

        if (await runs.IsHeldBackAsync(DatabaseLimit, cancellationToken))
        {
            return HealthCheckResult.Degraded($"{outcome} Its model is not served, as it ranks worse; the run says than what.");
        }

        // Sentences that named types or attributes would show anonymous callers what the store holds.
        var (types, attributes) = await runs.FindDoubtsAsync(DatabaseLimit, cancellationToken);
        List<string> warnings = [];
        if (types > 0)
        {
            warnings.Add($"Types of interactions that Training:Types does not name, and that are not trained on: {types}.");
        }

        if (attributes > 0)
        {
            warnings.Add(
                $"Attributes that are numbers in one place and texts in another, and so are two features: {attributes}; the run names them."
            );
        }

        return warnings.Count == 0 ? HealthCheckResult.Healthy(outcome) : HealthCheckResult.Degraded($"{outcome} {string.Join(' ', warnings)}");
    }
}
