namespace RecService.Api.Telemetry;

/// <summary>What became of interactions, of rows and of training runs.</summary>
internal static class Outcome
{
    public const string Accepted = "accepted";
    public const string Duplicate = "duplicate";
    public const string Rejected = "rejected";
    public const string Succeeded = "succeeded";
    public const string Failed = "failed";
    public const string Cancelled = "cancelled";
}
