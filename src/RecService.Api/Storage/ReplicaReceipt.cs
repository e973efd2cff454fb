namespace RecService.Api.Storage;

/// <summary>A replica, and whether it has freed its models of an erased user.</summary>
/// <param name="Id">The replica: the machine, and a number of the process.</param>
/// <param name="Confirmed">Whether it has said so.</param>
internal sealed record ReplicaReceipt(string Id, bool Confirmed);
