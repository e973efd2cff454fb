namespace RecService.Client.Sending;

/// <summary>An interaction that the service does not take, and will not.</summary>
/// <param name="Interaction">The interaction.</param>
/// <param name="Reasons">What is wrong with it, each with its field; <c>$</c> is the whole interaction.</param>
public sealed record RejectedInteraction(InteractionInput Interaction, IReadOnlyList<(string Field, string Reason)> Reasons);
