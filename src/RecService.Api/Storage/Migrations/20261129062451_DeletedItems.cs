using System;
using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace RecService.Api.Storage.Migrations
{
    /// <inheritdoc />
    public partial class DeletedItems : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.CreateTable(
                name: "deleted_items",
                columns: table => new
                {
                    item_id = table.Column<string>(type: "text", nullable: false, collation: "C"),
                    deleted_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_deleted_items", x => x.item_id);
                });

            migrationBuilder.CreateIndex(
                name: "ix_deleted_items_deleted_at",
                table: "deleted_items",
                column: "deleted_at");
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropTable(
                name: "deleted_items");
        }
    }
}
