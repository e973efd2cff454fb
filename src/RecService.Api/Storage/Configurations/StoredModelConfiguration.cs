using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using RecService.Api.Storage.Entities;

namespace RecService.Api.Storage.Configurations;

internal sealed class StoredModelConfiguration : IEntityTypeConfiguration<StoredModel>
{
    public void Configure(EntityTypeBuilder<StoredModel> builder)
    {
        builder.ToTable("models");
        builder.HasKey(model => model.Version).HasName("pk_models");
        builder.Property(model => model.Version).HasColumnName("version").UseIdentityByDefaultColumn();
        builder.Property(model => model.RunId).HasColumnName("run_id");
        builder.Property(model => model.CreatedAt).HasColumnName("created_at");
        builder.Property(model => model.Objective).HasColumnName("objective");
        builder.Property(model => model.Interaction).HasColumnName("interaction");
        builder.Property(model => model.Factors).HasColumnName("factors");
        builder.Property(model => model.Settings).HasColumnName("settings").HasColumnType("jsonb");
        builder.Property(model => model.Metrics).HasColumnName("metrics").HasColumnType("jsonb");
        builder.Property(model => model.SizeBytes).HasColumnName("size_bytes");
        builder.Property(model => model.Sha256).HasColumnName("sha256");
        builder.Property(model => model.ErasureHorizon).HasColumnName("erasure_horizon");
        builder.Property(model => model.PinnedAt).HasColumnName("pinned_at");
        builder.Property(model => model.PrunedAt).HasColumnName("pruned_at");
    }
}
