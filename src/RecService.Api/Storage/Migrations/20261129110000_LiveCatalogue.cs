using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace RecService.Api.Storage.Migrations
{
    /// <inheritdoc />
    public partial class LiveCatalogue : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.Sql(ItemChangesSql.Create);
            migrationBuilder.Sql(ItemCountsSql.Create);
            // What a long transaction writes at its end must not be old at once.
            migrationBuilder.Sql("ALTER TABLE changes ALTER COLUMN changed_at SET DEFAULT clock_timestamp()");
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.Sql("ALTER TABLE changes ALTER COLUMN changed_at SET DEFAULT now()");
            migrationBuilder.Sql(ItemCountsSql.Drop);
            migrationBuilder.Sql(ItemChangesSql.Drop);
        }
    }
}
