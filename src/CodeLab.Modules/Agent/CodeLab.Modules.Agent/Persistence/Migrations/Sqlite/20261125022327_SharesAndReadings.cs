using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace CodeLab.Modules.Agent.Persistence.Migrations.Sqlite
{
    /// <inheritdoc />
    public partial class SharesAndReadings : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.CreateTable(
                name: "agent_audit",
                columns: table => new
                {
                    session_id = table.Column<string>(type: "TEXT", maxLength: 128, nullable: false),
                    seq = table.Column<long>(type: "INTEGER", nullable: false),
                    occurred_at = table.Column<long>(type: "INTEGER", nullable: false),
                    type = table.Column<string>(type: "TEXT", maxLength: 32, nullable: false),
                    turn_id = table.Column<string>(type: "TEXT", maxLength: 128, nullable: false),
                    data = table.Column<byte[]>(type: "BLOB", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_agent_audit", x => new { x.session_id, x.seq });
                });

            migrationBuilder.CreateTable(
                name: "agent_counters",
                columns: table => new
                {
                    counter = table.Column<string>(type: "TEXT", maxLength: 32, nullable: false),
                    subject = table.Column<string>(type: "TEXT", maxLength: 512, nullable: false),
                    value = table.Column<long>(type: "INTEGER", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_agent_counters", x => new { x.counter, x.subject });
                });

            migrationBuilder.CreateTable(
                name: "agent_readings",
                columns: table => new
                {
                    session_id = table.Column<string>(type: "TEXT", maxLength: 128, nullable: false),
                    through_seq = table.Column<long>(type: "INTEGER", nullable: false),
                    state = table.Column<byte[]>(type: "BLOB", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_agent_readings", x => x.session_id);
                });

            migrationBuilder.CreateTable(
                name: "agent_shares",
                columns: table => new
                {
                    session_id = table.Column<string>(type: "TEXT", maxLength: 128, nullable: false),
                    kind = table.Column<string>(type: "TEXT", maxLength: 32, nullable: false),
                    grantee_id = table.Column<string>(type: "TEXT", maxLength: 128, nullable: false),
                    role = table.Column<string>(type: "TEXT", maxLength: 32, nullable: false),
                    added_by = table.Column<string>(type: "TEXT", maxLength: 128, nullable: false),
                    added_at = table.Column<long>(type: "INTEGER", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_agent_shares", x => new { x.session_id, x.kind, x.grantee_id });
                });

            migrationBuilder.CreateIndex(
                name: "ix_agent_audit_occurred_at",
                table: "agent_audit",
                column: "occurred_at");

            migrationBuilder.CreateIndex(
                name: "ix_agent_shares_kind_grantee_id",
                table: "agent_shares",
                columns: new[] { "kind", "grantee_id" });
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropTable(
                name: "agent_audit");

            migrationBuilder.DropTable(
                name: "agent_counters");

            migrationBuilder.DropTable(
                name: "agent_readings");

            migrationBuilder.DropTable(
                name: "agent_shares");
        }
    }
}
