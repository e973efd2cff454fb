using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using RecService.Api.Storage.Entities;

namespace RecService.Api.Storage.Configurations;

internal sealed class UserConfiguration : IEntityTypeConfiguration<User>
{
    public void Configure(EntityTypeBuilder<User> builder)
    {
        builder.ToTable("users");
        builder.HasKey(user => user.UserKey).HasName("pk_users");
        builder.Property(user => user.UserKey).HasColumnName("user_key").UseIdentityByDefaultColumn();
        builder.Property(user => user.UserId).HasColumnName("user_id").UseCollation("C").IsRequired();
        builder.Property(user => user.Tags).HasColumnName("tags").HasDefaultValueSql("'{}'");
        builder.Property(user => user.Attributes).HasColumnName("attributes").HasColumnType("jsonb").HasDefaultValueSql("'{}'");
        builder.Property(user => user.CreatedAt).HasColumnName("created_at");
        builder.Property(user => user.UpdatedAt).HasColumnName("updated_at");
        builder.HasIndex(user => user.UserId).IsUnique().HasDatabaseName("ux_users_user_id");
    }
}
