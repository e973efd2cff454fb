using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace RecService.Api.Storage.Migrations
{
    /// <inheritdoc />
    public partial class PublishedRuns : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AddColumn<string>(
                name: "publish_reason",
                table: "training_runs",
                type: "text",
                nullable: true);

            migrationBuilder.AddColumn<bool>(
                name: "published",
                table: "training_runs",
                type: "boolean",
                nullable: true);
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropColumn(
                name: "publish_reason",
                table: "training_runs");

            migrationBuilder.DropColumn(
                name: "published",
                table: "training_runs");
        }
    }
}
