using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using RecService.Api.Storage.Entities;

namespace RecService.Api.Storage.Configurations;

internal sealed class DeletedItemConfiguration : IEntityTypeConfiguration<DeletedItem>
{
    public void Configure(EntityTypeBuilder<DeletedItem> builder)
    {
        builder.ToTable("deleted_items");
        builder.HasKey(deleted => deleted.ItemId).HasName("pk_deleted_items");
        builder.Property(deleted => deleted.ItemId).HasColumnName("item_id").UseCollation("C");
        builder.Property(deleted => deleted.DeletedAt).HasColumnName("deleted_at");
        builder.HasIndex(deleted => deleted.DeletedAt).HasDatabaseName("ix_deleted_items_deleted_at");
    }
}
