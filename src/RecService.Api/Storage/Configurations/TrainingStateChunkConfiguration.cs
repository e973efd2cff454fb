using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using RecService.Api.Storage.Entities;

namespace RecService.Api.Storage.Configurations;

internal sealed class TrainingStateChunkConfiguration : IEntityTypeConfiguration<TrainingStateChunk>
{
    public void Configure(EntityTypeBuilder<TrainingStateChunk> builder)
    {
        builder.ToTable("training_state_chunks");
        builder.HasKey(chunk => new { chunk.RunId, chunk.ChunkIndex }).HasName("pk_training_state_chunks");
        builder.Property(chunk => chunk.RunId).HasColumnName("run_id");
        builder.Property(chunk => chunk.ChunkIndex).HasColumnName("chunk_index");
        builder.Property(chunk => chunk.Data).HasColumnName("data");
        builder
            .HasOne<TrainingRun>()
            .WithMany()
            .HasForeignKey(chunk => chunk.RunId)
            .OnDelete(DeleteBehavior.Cascade)
            .HasConstraintName("fk_training_state_chunks_training_runs");
    }
}
