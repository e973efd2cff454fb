using System.ComponentModel.DataAnnotations;

namespace RecService.Client;

/// <summary>Which service is asked, as whom, and how often.</summary>
public sealed class RecServiceClientOptions
{
    /// <summary>The address of the service, with the path that it lies below, if it does.</summary>
    [Required]
    public Uri? BaseAddress { get; set; }

    /// <summary>The API key. It is read before each request: one that changes with the configuration holds for the next.</summary>
    public string? ApiKey { get; set; }

    /// <summary>
    /// How often a request is sent again that failed in passing, if that is harmless: what reads, PUT and DELETE, and interactions, which go under an
    /// <c>Idempotency-Key</c>.
    /// </summary>
    [Range(0, 20)]
    public int Retries { get; set; } = 3;

    /// <summary>How long a request is waited for, each time that it is sent. Imports, exports and what else takes long may last as long as they do.</summary>
    [Range(typeof(TimeSpan), "00:00:00.100", "1.00:00:00")]
    public TimeSpan Timeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>How long a <c>Retry-After</c> may ask to wait; a request that is to wait longer fails at once.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "1.00:00:00")]
    public TimeSpan LongestRetryAfter { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>Whether bodies of more than a kilobyte are sent compressed. Streams go as they are.</summary>
    public bool Compress { get; set; } = true;
}
