using System.Globalization;

namespace RecService.Api.Training;

/// <summary>What a training run would read, and the memory that it would take.</summary>
/// <param name="Interactions">Interactions in the store, as its statistics have it.</param>
/// <param name="Users">Users in the store, likewise.</param>
/// <param name="Items">Items in the store, likewise.</param>
/// <param name="MemoryBytes">Memory that the run would take at most, beside what the process has in use: an estimate.</param>
/// <param name="ProcessBytes">Memory that the process has in use, without what it holds free.</param>
/// <param name="LimitBytes">Memory that the process may have in use: <c>Training:MemoryMebibytes</c>, else what there is on the machine or in the container.</param>
/// <param name="Fits">Whether the run would be within the limit. One that would not is refused.</param>
internal sealed record TrainingPlan(long Interactions, long Users, long Items, long MemoryBytes, long ProcessBytes, long LimitBytes, bool Fits)
{
    /// <summary>Why the run is refused.</summary>
    internal string Refusal =>
        string.Create(
            CultureInfo.InvariantCulture,
            $"Training on {Interactions:N0} interactions of {Users:N0} users with {Items:N0} items takes about {MemoryMebibytes:N0} MiB beside the {ProcessMebibytes:N0} MiB that the process has in use; it may have {LimitMebibytes:N0} MiB."
        );

    internal long MemoryMebibytes => MemoryBytes >> 20;

    internal long ProcessMebibytes => ProcessBytes >> 20;

    internal long LimitMebibytes => LimitBytes >> 20;
}
