using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using RecService.Api.Storage.Entities;

namespace RecService.Api.Storage.Configurations;

internal sealed class ItemConfiguration : IEntityTypeConfiguration<Item>
{
    public void Configure(EntityTypeBuilder<Item> builder)
    {
        builder.ToTable("items");
        builder.HasKey(item => item.ItemKey).HasName("pk_items");
        builder.Property(item => item.ItemKey).HasColumnName("item_key").UseIdentityByDefaultColumn();
        builder.Property(item => item.ItemId).HasColumnName("item_id").UseCollation("C").IsRequired();
        builder.Property(item => item.Tags).HasColumnName("tags").HasDefaultValueSql("'{}'");
        builder.Property(item => item.Attributes).HasColumnName("attributes").HasColumnType("jsonb").HasDefaultValueSql("'{}'");

        // The default is for plain SQL; the sentinel makes EF write false instead of leaving it to that default.
        builder.Property(item => item.Available).HasColumnName("available").HasDefaultValue(true).HasSentinel(true);

        // json, not jsonb: the caller gets back the very text that was given.
        builder.Property(item => item.Metadata).HasColumnName("metadata").HasColumnType("json");
        builder.Property(item => item.CreatedAt).HasColumnName("created_at");
        builder.Property(item => item.UpdatedAt).HasColumnName("updated_at");
        builder.HasIndex(item => item.ItemId).IsUnique().HasDatabaseName("ux_items_item_id");
    }
}
