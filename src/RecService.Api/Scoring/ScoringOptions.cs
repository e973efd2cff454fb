namespace RecService.Api.Scoring;

/// <summary>Section <c>Scoring</c> of the configuration.</summary>
public sealed class ScoringOptions
{
    /// <summary>The types of interactions by which an item counts as seen; when absent, those that <c>Training:Types</c> gives a positive weight.</summary>
    public string[]? SeenTypes { get; set; }

    /// <summary>For how long an item counts as seen; for ever when absent. Above 0.</summary>
    public TimeSpan? SeenWithin { get; set; }

    /// <summary>Memory for what is stored of users, in MiB, so that it need not be read for each of their requests; 0 for none.</summary>
    public int UserCacheMebibytes { get; set; } = 64;
}
