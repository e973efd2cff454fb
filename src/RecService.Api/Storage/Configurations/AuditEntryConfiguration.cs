using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using RecService.Api.Storage.Entities;

namespace RecService.Api.Storage.Configurations;

internal sealed class AuditEntryConfiguration : IEntityTypeConfiguration<AuditEntry>
{
    public void Configure(EntityTypeBuilder<AuditEntry> builder)
    {
        builder.ToTable("audit_log", table => table.HasCheckConstraint("ck_audit_log_outcome", "outcome IN ('succeeded', 'failed')"));
        builder.HasKey(entry => entry.EntryId).HasName("pk_audit_log");
        builder.Property(entry => entry.EntryId).HasColumnName("entry_id").UseIdentityByDefaultColumn();
        builder.Property(entry => entry.At).HasColumnName("at");
        builder.Property(entry => entry.KeyPrefix).HasColumnName("key_prefix");
        builder.Property(entry => entry.Action).HasColumnName("action");
        builder.Property(entry => entry.Target).HasColumnName("target");
        builder.Property(entry => entry.Outcome).HasColumnName("outcome");
        builder.Property(entry => entry.TraceId).HasColumnName("trace_id");
        builder.HasIndex(entry => new { entry.Action, entry.EntryId }).HasDatabaseName("ix_audit_log_action_entry_id");
        builder.HasIndex(entry => entry.At).HasDatabaseName("ix_audit_log_at");
    }
}
