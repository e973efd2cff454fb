using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using RecService.Api.Storage.Entities;

namespace RecService.Api.Storage.Configurations;

internal sealed class ErasedUserConfiguration : IEntityTypeConfiguration<ErasedUser>
{
    public void Configure(EntityTypeBuilder<ErasedUser> builder)
    {
        builder.ToTable("erased_users");
        builder.HasKey(erased => erased.UserIdHash).HasName("pk_erased_users");
        builder.Property(erased => erased.UserIdHash).HasColumnName("user_id_hash");
        builder.Property(erased => erased.ErasureId).HasColumnName("erasure_id");
        builder.Property(erased => erased.ErasedAt).HasColumnName("erased_at");
        builder.HasIndex(erased => erased.ErasureId).IsUnique().HasDatabaseName("ux_erased_users_erasure_id");
    }
}
