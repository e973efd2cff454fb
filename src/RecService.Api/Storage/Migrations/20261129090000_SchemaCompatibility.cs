using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace RecService.Api.Storage.Migrations
{
    /// <inheritdoc />
    public partial class SchemaCompatibility : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.Sql(SchemaLevel.Create);
            migrationBuilder.Sql(DeletedItemsSql.Create);
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.Sql(DeletedItemsSql.Drop);
            migrationBuilder.Sql(SchemaLevel.Drop);
        }
    }
}
