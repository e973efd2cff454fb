using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using RecService.Api.Storage.Entities;

namespace RecService.Api.Storage.Configurations;

internal sealed class StoredModelChunkConfiguration : IEntityTypeConfiguration<StoredModelChunk>
{
    public void Configure(EntityTypeBuilder<StoredModelChunk> builder)
    {
        builder.ToTable("model_chunks");
        builder.HasKey(chunk => new { chunk.Version, chunk.ChunkIndex }).HasName("pk_model_chunks");
        builder.Property(chunk => chunk.Version).HasColumnName("version");
        builder.Property(chunk => chunk.ChunkIndex).HasColumnName("chunk_index");
        builder.Property(chunk => chunk.Data).HasColumnName("data");
        builder
            .HasOne<StoredModel>()
            .WithMany()
            .HasForeignKey(chunk => chunk.Version)
            .OnDelete(DeleteBehavior.Cascade)
            .HasConstraintName("fk_model_chunks_models");
    }
}
