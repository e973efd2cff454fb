using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using RecService.Api.Storage.Entities;

namespace RecService.Api.Storage.Configurations;

internal sealed class ReplicaConfiguration : IEntityTypeConfiguration<Replica>
{
    public void Configure(EntityTypeBuilder<Replica> builder)
    {
        builder.ToTable("replicas");
        builder.HasKey(replica => replica.ReplicaId).HasName("pk_replicas");
        builder.Property(replica => replica.ReplicaId).HasColumnName("replica_id");
        builder.Property(replica => replica.StartedAt).HasColumnName("started_at");
        builder.Property(replica => replica.LastSeen).HasColumnName("last_seen");
        builder.Property(replica => replica.ErasureHorizon).HasColumnName("erasure_horizon");
    }
}
