using System.ComponentModel.DataAnnotations;

namespace RecService.Client.Sending;

/// <summary>What a full queue does with one more.</summary>
public enum WhenFull
{
    /// <summary>The caller waits until there is room.</summary>
    Wait,

    /// <summary>The interaction is dropped, and counted.</summary>
    Drop,
}

/// <summary>How interactions are gathered and sent.</summary>
public sealed class InteractionSenderOptions
{
    /// <summary>How many interactions wait at most. They are in memory: what a process has not sent when it is killed is lost.</summary>
    [Range(1, 10_000_000)]
    public int Capacity { get; set; } = 50_000;

    /// <summary>What is done with those for which there is no room.</summary>
    public WhenFull WhenFull { get; set; } = WhenFull.Wait;

    /// <summary>How many interactions are sent at a time, at most.</summary>
    [Range(1, 10_000)]
    public int BatchSize { get; set; } = 1_000;

    /// <summary>How long an interaction waits at most for others to be sent with.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "01:00:00")]
    public TimeSpan Delay { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>The longest pause between two attempts to send a batch, while the service is away.</summary>
    [Range(typeof(TimeSpan), "00:00:00.010", "01:00:00")]
    public TimeSpan LongestPause { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>How long the sender goes on when it is disposed of. In a host, that is the host's own <c>ShutdownTimeout</c>.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "01:00:00")]
    public TimeSpan FlushTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>Is told of each interaction that the service does not take; without it, the log is.</summary>
    public Action<RejectedInteraction>? OnRejected { get; set; }
}
