using Microsoft.Extensions.Diagnostics.HealthChecks;
using Npgsql;

namespace RecService.Api.Operations;

internal sealed class DatabaseCheck(NpgsqlDataSource database, TimeProvider clock) : SharedCheck(clock)
{
    protected override string Unanswered => "The database does not answer: what has to be read from it or written to it fails until it does.";

    protected override async Task<HealthCheckResult> AskAsync(CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand("SELECT 1");
        command.CommandTimeout = (int)DatabaseLimit.TotalSeconds;
        await command.ExecuteScalarAsync(cancellationToken);
        return HealthCheckResult.Healthy("The database answers.");
    }
}
