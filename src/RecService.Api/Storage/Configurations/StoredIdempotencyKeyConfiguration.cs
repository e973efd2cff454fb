using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using RecService.Api.Storage.Entities;

namespace RecService.Api.Storage.Configurations;

internal sealed class StoredIdempotencyKeyConfiguration : IEntityTypeConfiguration<StoredIdempotencyKey>
{
    public void Configure(EntityTypeBuilder<StoredIdempotencyKey> builder)
    {
        builder.ToTable("idempotency_keys");
        builder.HasKey(key => new { key.Caller, key.Key }).HasName("pk_idempotency_keys");
        builder.HasIndex(key => key.CreatedAt).HasDatabaseName("ix_idempotency_keys_created_at");
        builder.Property(key => key.Caller).HasColumnName("caller").UseCollation("C");
        builder.Property(key => key.Key).HasColumnName("key").UseCollation("C");
        builder.Property(key => key.BodyHash).HasColumnName("body_hash");
        builder.Property(key => key.Answer).HasColumnName("answer");
        builder.Property(key => key.CreatedAt).HasColumnName("created_at");
    }
}
