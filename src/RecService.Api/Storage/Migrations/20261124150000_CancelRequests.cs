using System;
using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace RecService.Api.Storage.Migrations
{
    /// <inheritdoc />
    public partial class CancelRequests : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AddColumn<DateTimeOffset>(
                name: "cancel_requested_at",
                table: "training_runs",
                type: "timestamp with time zone",
                nullable: true);
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropColumn(
                name: "cancel_requested_at",
                table: "training_runs");
        }
    }
}
