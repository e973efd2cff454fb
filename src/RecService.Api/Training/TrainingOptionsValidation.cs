using Microsoft.Extensions.Options;

namespace RecService.Api.Training;

internal sealed class TrainingOptionsValidation : IValidateOptions<TrainingOptions>
{
    public ValidateOptionsResult Validate(string? name, TrainingOptions options)
    {
        var errors = new ValidateOptionsResultBuilder();
        void Require(bool condition, string property, string reason)
        {
            if (!condition)
            {
                errors.AddError(reason, $"Training:{property}");
            }
        }

        Require(Enum.IsDefined(options.Objective), "Objective", "must be one of Implicit, Rating, Next");
        Require(Enum.IsDefined(options.Interaction), "Interaction", "must be one of FieldPooled, Plain, FieldWeighted");
        Require(options.Holdout is not { } holdout || Enum.IsDefined(holdout), "Holdout", "must be one of Hash, Newest, NewestOfUsers, None");
        Require(
            options.Schedule is null || RunSchedule.TryParse(options.Schedule, out _),
            "Schedule",
            "must be a cron expression, such as '*/30 * * * *' (minutes first) or '0 0/30 * * * ?' (seconds first)"
        );
        Require(
            options.Schedule is null
                || !RunSchedule.TryParse(options.Schedule, out var cron)
                || cron.GetNextValidTimeAfter(DateTimeOffset.UtcNow) is not null,
            "Schedule",
            "must name a time that comes, unlike the 31st of February"
        );
        Require(
            options.Interval >= TimeSpan.FromSeconds(1) && options.Interval <= TimeSpan.FromDays(31),
            "Interval",
            "must be from 00:00:01 to 31.00:00:00 (write it as [days.]hours:minutes:seconds)"
        );
        Require(options.Factors is null or (>= 1 and <= 1024), "Factors", "must be from 1 to 1024");
        Require(options.Epochs is >= 1 and <= 10_000, "Epochs", "must be from 1 to 10000");
        Require(Enum.IsDefined(options.Solver), "Solver", "must be one of Sgd, AdaGrad, Adam");
        Require(Enum.IsDefined(options.RateSchedule), "RateSchedule", "must be one of Constant, InverseSquareRoot, Cosine");
        Require(options.Threads is >= 1 and <= 256, "Threads", "must be from 1 to 256");
        Require(options.LearningRate is null or > 0 and < float.PositiveInfinity, "LearningRate", "must be above 0");
        Require(options.L2Linear is null or >= 0 and < float.PositiveInfinity, "L2Linear", "must not be negative");
        Require(options.L2Factors is null or >= 0 and < float.PositiveInfinity, "L2Factors", "must not be negative");
        Require(options.InitialDeviation is null or > 0 and < float.PositiveInfinity, "InitialDeviation", "must be above 0");
        Require(options.Seed >= 0, "Seed", "must not be negative");
        Require(options.Patience is null or >= 1, "Patience", "must be at least 1");
        Require(options.HistoryLength is null or (>= 0 and <= 10_000), "HistoryLength", "must be from 0 to 10000");
        Require(Enum.IsDefined(options.Saturation), "Saturation", "must be one of Log, None");
        Require(options.UserShare is > 0 and <= 1, "UserShare", "must be above 0 and at most 1");
        Require(options.NegativesPerPositive is >= 1 and <= 100, "NegativesPerPositive", "must be from 1 to 100");
        Require(options.MinimumFeatureCount >= 1, "MinimumFeatureCount", "must be at least 1");
        Require(options.HoldoutShare is null or (> 0 and <= 0.5), "HoldoutShare", "must be above 0 and at most 0.5");
        Require(options.RankingSample >= 1, "RankingSample", "must be at least 1");
        Require(Enum.IsDefined(options.Gate), "Gate", "must be one of On, Off");
        Require(options.KeepModels is >= 1 and <= 1000, "KeepModels", "must be from 1 to 1000");
        // The schedule goes by the last two runs.
        Require(options.KeepRuns is >= 2 and <= 100_000, "KeepRuns", "must be from 2 to 100000");
        Require(options.MemoryMebibytes is null or >= 1, "MemoryMebibytes", "must be at least 1");
        foreach (var (type, settings) in options.Types)
        {
            Require(
                (settings.Weight == 0 || (float)settings.Weight != 0) && float.IsFinite((float)settings.Weight),
                $"Types:{type}:Weight",
                "must be a number within single precision"
            );
            Require(Enum.IsDefined(settings.WeightBy), $"Types:{type}:WeightBy", "must be one of None, Value");
            Require(
                settings.WeightBy == WeightSource.None || settings.Weight >= 0,
                $"Types:{type}:WeightBy",
                "must be None where the weight is negative, as dislikes count the same whatever their value"
            );
            Require(!(settings.NegativeTo >= settings.PositiveFrom), $"Types:{type}:NegativeTo", "must be below PositiveFrom");
            Require(settings.Minimum is null || double.IsFinite(settings.Minimum.Value), $"Types:{type}:Minimum", "must be a finite number");
            Require(settings.Maximum is null || double.IsFinite(settings.Maximum.Value), $"Types:{type}:Maximum", "must be a finite number");
            Require(!(settings.Maximum < settings.Minimum), $"Types:{type}:Maximum", "must be at least Minimum");
            Require(!(settings.PositiveFrom > settings.Maximum), $"Types:{type}:PositiveFrom", "must be at most Maximum");
        }

        return errors.Build();
    }
}
