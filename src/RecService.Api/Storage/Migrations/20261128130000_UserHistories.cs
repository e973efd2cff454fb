using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace RecService.Api.Storage.Migrations
{
    /// <inheritdoc />
    public partial class UserHistories : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            // Interactions are stored while it is built, which takes long on a large table. What an attempt leaves that was cut off is invalid.
            migrationBuilder.Sql(
                "DROP INDEX CONCURRENTLY IF EXISTS ix_interactions_user_key_occurred_at",
                suppressTransaction: true);
            // It waits for transactions that are older than itself, and nobody waits behind it: no reason to give up what was built so far.
            migrationBuilder.Sql("SELECT set_config('recservice.lock_timeout', current_setting('lock_timeout'), false)", suppressTransaction: true);
            migrationBuilder.Sql("SET lock_timeout = 0", suppressTransaction: true);
            migrationBuilder.Sql(
                """
                CREATE INDEX CONCURRENTLY ix_interactions_user_key_occurred_at
                    ON interactions (user_key, occurred_at DESC, interaction_key DESC) INCLUDE (item_key, type, value)
                """,
                suppressTransaction: true);
            migrationBuilder.Sql("SELECT set_config('lock_timeout', current_setting('recservice.lock_timeout'), false)", suppressTransaction: true);
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.Sql(
                "DROP INDEX CONCURRENTLY IF EXISTS ix_interactions_user_key_occurred_at",
                suppressTransaction: true);
        }
    }
}
