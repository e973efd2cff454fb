using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using RecService.Api.Storage.Entities;

namespace RecService.Api.Storage.Configurations;

internal sealed class ApiKeyConfiguration : IEntityTypeConfiguration<ApiKey>
{
    public void Configure(EntityTypeBuilder<ApiKey> builder)
    {
        builder.ToTable("api_keys", table =>
        {
            table.HasCheckConstraint("ck_api_keys_roles", "roles <@ ARRAY['score', 'ingest', 'admin'] AND cardinality(roles) > 0");
            table.HasCheckConstraint("ck_api_keys_former", "(former_hash IS NULL) = (former_expires_at IS NULL)");
        });
        builder.HasKey(key => key.KeyId).HasName("pk_api_keys");
        builder.Property(key => key.KeyId).HasColumnName("key_id").UseIdentityByDefaultColumn();
        builder.Property(key => key.Prefix).HasColumnName("prefix");
        builder.Property(key => key.Hash).HasColumnName("hash");
        builder.Property(key => key.FormerHash).HasColumnName("former_hash");
        builder.Property(key => key.FormerExpiresAt).HasColumnName("former_expires_at");
        builder.Property(key => key.Name).HasColumnName("name");
        builder.PrimitiveCollection(key => key.Roles).HasColumnName("roles").HasColumnType("text[]");
        builder.Property(key => key.CreatedAt).HasColumnName("created_at");
        builder.Property(key => key.RotatedAt).HasColumnName("rotated_at");
        builder.Property(key => key.ExpiresAt).HasColumnName("expires_at");
        builder.Property(key => key.RevokedAt).HasColumnName("revoked_at");
        builder.HasIndex(key => key.Prefix).IsUnique().HasDatabaseName("ux_api_keys_prefix");
    }
}
