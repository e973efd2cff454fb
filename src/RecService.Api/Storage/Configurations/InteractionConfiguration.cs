using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using RecService.Api.Storage.Entities;

namespace RecService.Api.Storage.Configurations;

internal sealed class InteractionConfiguration : IEntityTypeConfiguration<Interaction>
{
    public void Configure(EntityTypeBuilder<Interaction> builder)
    {
        builder.ToTable("interactions");

        // Every unique key starts with the user, so that the table can be partitioned or distributed by user as it is.
        builder.HasKey(interaction => new { interaction.UserKey, interaction.InteractionKey }).HasName("pk_interactions");
        builder
            .HasIndex(interaction => new { interaction.UserKey, interaction.InteractionId })
            .IsUnique()
            .HasFilter("interaction_id IS NOT NULL")
            .HasDatabaseName("ux_interactions_user_key_interaction_id");
        builder
            .HasIndex(interaction => new { interaction.ItemKey, interaction.InteractionKey })
            .HasDatabaseName("ix_interactions_item_key_interaction_key");
        // The newest of a user, read for every recommendation from the index alone.
        builder
            .HasIndex(interaction => new
            {
                interaction.UserKey,
                interaction.OccurredAt,
                interaction.InteractionKey,
            })
            .IsDescending(false, true, true)
            .IncludeProperties(interaction => new
            {
                interaction.ItemKey,
                interaction.Type,
                interaction.Value,
            })
            .HasDatabaseName("ix_interactions_user_key_occurred_at");
        builder.HasIndex(interaction => interaction.InteractionKey).HasDatabaseName("ix_interactions_interaction_key");
        builder.HasIndex(interaction => interaction.OccurredAt).HasMethod("brin").HasDatabaseName("ix_interactions_occurred_at");

        builder.Property(interaction => interaction.UserKey).HasColumnName("user_key");
        builder.Property(interaction => interaction.InteractionKey).HasColumnName("interaction_key").UseIdentityByDefaultColumn();
        builder.Property(interaction => interaction.ItemKey).HasColumnName("item_key");
        builder.Property(interaction => interaction.Type).HasColumnName("type").UseCollation("C");
        builder.Property(interaction => interaction.Value).HasColumnName("value");
        builder.Property(interaction => interaction.OccurredAt).HasColumnName("occurred_at");
        builder.Property(interaction => interaction.Tags).HasColumnName("tags").HasDefaultValueSql("'{}'");
        builder.Property(interaction => interaction.Context).HasColumnName("context").HasColumnType("jsonb").HasDefaultValueSql("'{}'");
        builder.Property(interaction => interaction.InteractionId).HasColumnName("interaction_id").UseCollation("C");
        builder.Property(interaction => interaction.RecommendationId).HasColumnName("recommendation_id");
        builder.Property(interaction => interaction.ReceivedAt).HasColumnName("received_at");

        builder
            .HasOne<User>()
            .WithMany()
            .HasForeignKey(interaction => interaction.UserKey)
            .OnDelete(DeleteBehavior.Cascade)
            .HasConstraintName("fk_interactions_users");
        builder
            .HasOne<Item>()
            .WithMany()
            .HasForeignKey(interaction => interaction.ItemKey)
            .OnDelete(DeleteBehavior.Cascade)
            .HasConstraintName("fk_interactions_items");
    }
}
