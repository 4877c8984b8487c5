using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace CodeLab.Modules.Auth.Persistence.Migrations.Sqlite
{
    /// <inheritdoc />
    public partial class AuditMac : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AddColumn<byte[]>(
                name: "mac",
                table: "auth_audit",
                type: "BLOB",
                maxLength: 32,
                nullable: false,
                defaultValue: new byte[0]);
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropColumn(
                name: "mac",
                table: "auth_audit");
        }
    }
}
