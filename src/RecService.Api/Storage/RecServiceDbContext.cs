using Microsoft.AspNetCore.DataProtection.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore;
using RecService.Api.Storage.Entities;

namespace RecService.Api.Storage;

internal sealed class RecServiceDbContext(DbContextOptions<RecServiceDbContext> options) : DbContext(options), IDataProtectionKeyContext
{
    public DbSet<User> Users => Set<User>();

    public DbSet<Item> Items => Set<Item>();

    public DbSet<DeletedItem> DeletedItems => Set<DeletedItem>();

    public DbSet<Interaction> Interactions => Set<Interaction>();

    public DbSet<TrainingRun> TrainingRuns => Set<TrainingRun>();

    public DbSet<TrainingStateChunk> TrainingStateChunks => Set<TrainingStateChunk>();

    public DbSet<StoredModel> Models => Set<StoredModel>();

    public DbSet<StoredModelChunk> ModelChunks => Set<StoredModelChunk>();

    public DbSet<ActiveModel> ActiveModels => Set<ActiveModel>();

    public DbSet<ApiKey> ApiKeys => Set<ApiKey>();

    public DbSet<StoredIdempotencyKey> IdempotencyKeys => Set<StoredIdempotencyKey>();

    public DbSet<ErasedUser> ErasedUsers => Set<ErasedUser>();

    public DbSet<Replica> Replicas => Set<Replica>();

    public DbSet<AuditEntry> AuditLog => Set<AuditEntry>();

    public DbSet<DataProtectionKey> DataProtectionKeys => Set<DataProtectionKey>();

    protected override void OnModelCreating(ModelBuilder modelBuilder) =>
        modelBuilder.ApplyConfigurationsFromAssembly(typeof(RecServiceDbContext).Assembly);
}
