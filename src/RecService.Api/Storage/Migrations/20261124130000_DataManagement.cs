using System;
using Microsoft.EntityFrameworkCore.Migrations;
using Npgsql.EntityFrameworkCore.PostgreSQL.Metadata;

#nullable disable

namespace RecService.Api.Storage.Migrations
{
    /// <inheritdoc />
    public partial class DataManagement : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AddColumn<long>(
                name: "erasure_horizon",
                table: "training_runs",
                type: "bigint",
                nullable: false,
                defaultValue: 0L);

            migrationBuilder.AddColumn<long>(
                name: "erasure_horizon",
                table: "models",
                type: "bigint",
                nullable: false,
                defaultValue: 0L);

            migrationBuilder.CreateTable(
                name: "audit_log",
                columns: table => new
                {
                    entry_id = table.Column<long>(type: "bigint", nullable: false)
                        .Annotation("Npgsql:ValueGenerationStrategy", NpgsqlValueGenerationStrategy.IdentityByDefaultColumn),
                    at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    key_prefix = table.Column<string>(type: "text", nullable: true),
                    action = table.Column<string>(type: "text", nullable: false),
                    target = table.Column<string>(type: "text", nullable: true),
                    outcome = table.Column<string>(type: "text", nullable: false),
                    trace_id = table.Column<string>(type: "text", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_audit_log", x => x.entry_id);
                    table.CheckConstraint("ck_audit_log_outcome", "outcome IN ('succeeded', 'failed')");
                });

            migrationBuilder.CreateTable(
                name: "erased_users",
                columns: table => new
                {
                    user_id_hash = table.Column<byte[]>(type: "bytea", nullable: false),
                    erasure_id = table.Column<long>(type: "bigint", nullable: false),
                    erased_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_erased_users", x => x.user_id_hash);
                });

            migrationBuilder.CreateTable(
                name: "replicas",
                columns: table => new
                {
                    replica_id = table.Column<string>(type: "text", nullable: false),
                    started_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    last_seen = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    erasure_horizon = table.Column<long>(type: "bigint", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_replicas", x => x.replica_id);
                });

            migrationBuilder.CreateIndex(
                name: "ix_audit_log_action_entry_id",
                table: "audit_log",
                columns: new[] { "action", "entry_id" });

            migrationBuilder.CreateIndex(
                name: "ix_audit_log_at",
                table: "audit_log",
                column: "at");

            migrationBuilder.CreateIndex(
                name: "ux_erased_users_erasure_id",
                table: "erased_users",
                column: "erasure_id",
                unique: true);
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropTable(
                name: "audit_log");

            migrationBuilder.DropTable(
                name: "erased_users");

            migrationBuilder.DropTable(
                name: "replicas");

            migrationBuilder.DropColumn(
                name: "erasure_horizon",
                table: "training_runs");

            migrationBuilder.DropColumn(
                name: "erasure_horizon",
                table: "models");
        }
    }
}
