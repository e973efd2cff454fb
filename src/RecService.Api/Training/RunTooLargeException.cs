namespace RecService.Api.Training;

/// <summary>A run would take more memory than the process may have.</summary>
internal sealed class RunTooLargeException(TrainingPlan plan) : Exception(plan.Refusal);
