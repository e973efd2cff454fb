using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using RecService.Api.Storage.Entities;

namespace RecService.Api.Storage.Configurations;

internal sealed class ActiveModelConfiguration : IEntityTypeConfiguration<ActiveModel>
{
    public void Configure(EntityTypeBuilder<ActiveModel> builder)
    {
        builder.ToTable("active_model", table => table.HasCheckConstraint("ck_active_model_one_row", "id = 1"));
        builder.HasKey(active => active.Id).HasName("pk_active_model");
        builder.Property(active => active.Id).HasColumnName("id").ValueGeneratedNever();
        builder.Property(active => active.Version).HasColumnName("version");
        builder.Property(active => active.ActivatedAt).HasColumnName("activated_at");
        builder.HasIndex(active => active.Version).HasDatabaseName("ix_active_model_version");
        builder
            .HasOne<StoredModel>()
            .WithMany()
            .HasForeignKey(active => active.Version)
            .OnDelete(DeleteBehavior.Restrict)
            .HasConstraintName("fk_active_model_models");
    }
}
