using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using RecService.Api.Storage.Entities;

namespace RecService.Api.Storage.Configurations;

internal sealed class TrainingRunConfiguration : IEntityTypeConfiguration<TrainingRun>
{
    public void Configure(EntityTypeBuilder<TrainingRun> builder)
    {
        builder.ToTable("training_runs", table =>
        {
            table.HasCheckConstraint("ck_training_runs_status", "status IN ('running', 'succeeded', 'failed', 'cancelled')");
            table.HasCheckConstraint("ck_training_runs_trigger", "trigger IN ('schedule', 'demand')");
        });
        builder.HasKey(run => run.RunId).HasName("pk_training_runs");
        builder.Property(run => run.RunId).HasColumnName("run_id").UseIdentityByDefaultColumn();
        builder
            .Property(run => run.Status)
            .HasColumnName("status")
            .HasConversion(status => EnumText<TrainingRunStatus>.Of(status), text => EnumText<TrainingRunStatus>.Parse(text));
        builder
            .Property(run => run.Trigger)
            .HasColumnName("trigger")
            .HasConversion(trigger => EnumText<TrainingRunTrigger>.Of(trigger), text => EnumText<TrainingRunTrigger>.Parse(text));
        builder.Property(run => run.Objective).HasColumnName("objective");
        builder.Property(run => run.StartedAt).HasColumnName("started_at");
        builder.Property(run => run.FinishedAt).HasColumnName("finished_at");
        builder.Property(run => run.CancelRequestedAt).HasColumnName("cancel_requested_at");
        builder.Property(run => run.Seed).HasColumnName("seed");
        builder.Property(run => run.Settings).HasColumnName("settings").HasColumnType("jsonb");
        builder.Property(run => run.CutoffAt).HasColumnName("cutoff_at");
        builder.Property(run => run.CutoffSnapshot).HasColumnName("cutoff_snapshot");
        builder.Property(run => run.DatabaseId).HasColumnName("database_id");
        builder.Property(run => run.Rows).HasColumnName("rows").HasColumnType("jsonb");
        builder.Property(run => run.Published).HasColumnName("published");
        builder.Property(run => run.PublishReason).HasColumnName("publish_reason");
        builder.Property(run => run.Epochs).HasColumnName("epochs").HasColumnType("jsonb").HasDefaultValueSql("'[]'");
        builder.Property(run => run.Metrics).HasColumnName("metrics").HasColumnType("jsonb");
        builder.Property(run => run.BestEpoch).HasColumnName("best_epoch");
        builder.Property(run => run.WarmStartedFrom).HasColumnName("warm_started_from");
        builder.Property(run => run.StartHoldoutLoss).HasColumnName("start_holdout_loss");
        builder.Property(run => run.ErasureHorizon).HasColumnName("erasure_horizon");
        builder.Property(run => run.ModelVersion).HasColumnName("model_version");
        builder.Property(run => run.Error).HasColumnName("error");
    }
}
