using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace CodeLab.Modules.Agent.Persistence.Migrations.Postgres
{
    /// <inheritdoc />
    public partial class SessionOrigins : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AddColumn<string>(
                name: "parent_id",
                table: "agent_sessions",
                type: "character varying(128)",
                maxLength: 128,
                nullable: true);

            migrationBuilder.AddColumn<string>(
                name: "parent_kind",
                table: "agent_sessions",
                type: "character varying(32)",
                maxLength: 32,
                nullable: true);

            migrationBuilder.AddColumn<long>(
                name: "parent_seq",
                table: "agent_sessions",
                type: "bigint",
                nullable: true);

            migrationBuilder.CreateIndex(
                name: "ix_agent_sessions_parent",
                table: "agent_sessions",
                column: "parent_id",
                filter: "parent_id IS NOT NULL");
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropIndex(
                name: "ix_agent_sessions_parent",
                table: "agent_sessions");

            migrationBuilder.DropColumn(
                name: "parent_id",
                table: "agent_sessions");

            migrationBuilder.DropColumn(
                name: "parent_kind",
                table: "agent_sessions");

            migrationBuilder.DropColumn(
                name: "parent_seq",
                table: "agent_sessions");
        }
    }
}
