using System;
using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace RecService.Api.Storage.Migrations
{
    /// <inheritdoc />
    public partial class TrainingStates : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AddColumn<double>(
                name: "start_holdout_loss",
                table: "training_runs",
                type: "double precision",
                nullable: true);

            migrationBuilder.AddColumn<long>(
                name: "warm_started_from",
                table: "training_runs",
                type: "bigint",
                nullable: true);

            migrationBuilder.CreateTable(
                name: "training_state_chunks",
                columns: table => new
                {
                    run_id = table.Column<long>(type: "bigint", nullable: false),
                    chunk_index = table.Column<int>(type: "integer", nullable: false),
                    data = table.Column<byte[]>(type: "bytea", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_training_state_chunks", x => new { x.run_id, x.chunk_index });
                    table.ForeignKey(
                        name: "fk_training_state_chunks_training_runs",
                        column: x => x.run_id,
                        principalTable: "training_runs",
                        principalColumn: "run_id",
                        onDelete: ReferentialAction.Cascade);
                });

            // Numbers of training hardly compress: PostgreSQL should not try.
            migrationBuilder.Sql("ALTER TABLE training_state_chunks ALTER COLUMN data SET STORAGE EXTERNAL;");
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropTable(
                name: "training_state_chunks");

            migrationBuilder.DropColumn(
                name: "start_holdout_loss",
                table: "training_runs");

            migrationBuilder.DropColumn(
                name: "warm_started_from",
                table: "training_runs");
        }
    }
}
