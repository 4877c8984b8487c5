using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace CodeLab.Modules.Llm.Persistence.Migrations.Sqlite
{
    /// <inheritdoc />
    public partial class ControlPlane : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropIndex(
                name: "ix_llm_usage_user_id_created_at",
                table: "llm_usage");

            migrationBuilder.AddColumn<string>(
                name: "alias",
                table: "llm_usage",
                type: "TEXT",
                maxLength: 128,
                nullable: true);

            migrationBuilder.AddColumn<long>(
                name: "cache_write_tokens",
                table: "llm_usage",
                type: "INTEGER",
                nullable: false,
                defaultValue: 0L);

            migrationBuilder.AddColumn<string>(
                name: "door",
                table: "llm_usage",
                type: "TEXT",
                maxLength: 32,
                nullable: true);

            migrationBuilder.AddColumn<bool>(
                name: "is_cache_hit",
                table: "llm_usage",
                type: "INTEGER",
                nullable: false,
                defaultValue: false);

            migrationBuilder.AddColumn<bool>(
                name: "is_streamed",
                table: "llm_usage",
                type: "INTEGER",
                nullable: false,
                defaultValue: false);

            migrationBuilder.AddColumn<string>(
                name: "key_id",
                table: "llm_usage",
                type: "TEXT",
                maxLength: 128,
                nullable: true);

            migrationBuilder.AddColumn<long>(
                name: "overhead_us",
                table: "llm_usage",
                type: "INTEGER",
                nullable: false,
                defaultValue: 0L);

            migrationBuilder.AddColumn<string>(
                name: "team_id",
                table: "llm_usage",
                type: "TEXT",
                maxLength: 128,
                nullable: true);

            migrationBuilder.CreateTable(
                name: "llm_access_rules",
                columns: table => new
                {
                    scope = table.Column<string>(type: "TEXT", maxLength: 16, nullable: false),
                    subject = table.Column<string>(type: "TEXT", maxLength: 128, nullable: false),
                    models = table.Column<string>(type: "TEXT", nullable: true),
                    requests_per_minute = table.Column<int>(type: "INTEGER", nullable: true),
                    tokens_per_minute = table.Column<int>(type: "INTEGER", nullable: true),
                    concurrent = table.Column<int>(type: "INTEGER", nullable: true),
                    updated_at = table.Column<long>(type: "INTEGER", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_llm_access_rules", x => new { x.scope, x.subject });
                });

            migrationBuilder.CreateTable(
                name: "llm_budget_holds",
                columns: table => new
                {
                    budget_id = table.Column<string>(type: "TEXT", maxLength: 200, nullable: false),
                    subject = table.Column<string>(type: "TEXT", maxLength: 128, nullable: false),
                    period_start = table.Column<long>(type: "INTEGER", nullable: false),
                    node_id = table.Column<string>(type: "TEXT", maxLength: 36, nullable: false),
                    held = table.Column<long>(type: "INTEGER", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_llm_budget_holds", x => new { x.budget_id, x.subject, x.period_start, x.node_id });
                });

            migrationBuilder.CreateTable(
                name: "llm_budget_periods",
                columns: table => new
                {
                    budget_id = table.Column<string>(type: "TEXT", maxLength: 200, nullable: false),
                    subject = table.Column<string>(type: "TEXT", maxLength: 128, nullable: false),
                    period_start = table.Column<long>(type: "INTEGER", nullable: false),
                    spent = table.Column<long>(type: "INTEGER", nullable: false),
                    held = table.Column<long>(type: "INTEGER", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_llm_budget_periods", x => new { x.budget_id, x.subject, x.period_start });
                });

            migrationBuilder.CreateTable(
                name: "llm_budgets",
                columns: table => new
                {
                    id = table.Column<string>(type: "TEXT", maxLength: 200, nullable: false),
                    scope = table.Column<string>(type: "TEXT", maxLength: 16, nullable: false),
                    subject = table.Column<string>(type: "TEXT", maxLength: 128, nullable: false),
                    period = table.Column<string>(type: "TEXT", maxLength: 8, nullable: false),
                    amount_micros = table.Column<long>(type: "INTEGER", nullable: false),
                    currency = table.Column<string>(type: "TEXT", maxLength: 3, nullable: false),
                    enabled = table.Column<bool>(type: "INTEGER", nullable: false),
                    created_at = table.Column<long>(type: "INTEGER", nullable: false),
                    updated_at = table.Column<long>(type: "INTEGER", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_llm_budgets", x => x.id);
                });

            migrationBuilder.CreateTable(
                name: "llm_contents",
                columns: table => new
                {
                    call_id = table.Column<string>(type: "TEXT", maxLength: 36, nullable: false),
                    user_id = table.Column<string>(type: "TEXT", maxLength: 128, nullable: false),
                    request = table.Column<string>(type: "TEXT", nullable: true),
                    response = table.Column<string>(type: "TEXT", nullable: true),
                    created_at = table.Column<long>(type: "INTEGER", nullable: false),
                    expires_at = table.Column<long>(type: "INTEGER", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_llm_contents", x => x.call_id);
                });

            migrationBuilder.CreateTable(
                name: "llm_egress",
                columns: table => new
                {
                    host = table.Column<string>(type: "TEXT", maxLength: 300, nullable: false),
                    reason = table.Column<string>(type: "TEXT", maxLength: 32, nullable: false),
                    provider = table.Column<string>(type: "TEXT", maxLength: 64, nullable: true),
                    calls = table.Column<long>(type: "INTEGER", nullable: false),
                    first_call_at = table.Column<long>(type: "INTEGER", nullable: false),
                    last_call_at = table.Column<long>(type: "INTEGER", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_llm_egress", x => new { x.host, x.reason });
                });

            migrationBuilder.CreateTable(
                name: "llm_nodes",
                columns: table => new
                {
                    node_id = table.Column<string>(type: "TEXT", maxLength: 36, nullable: false),
                    seen_at = table.Column<long>(type: "INTEGER", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_llm_nodes", x => x.node_id);
                });

            migrationBuilder.CreateTable(
                name: "llm_open_calls",
                columns: table => new
                {
                    id = table.Column<string>(type: "TEXT", maxLength: 36, nullable: false),
                    node_id = table.Column<string>(type: "TEXT", maxLength: 36, nullable: false),
                    opened_at = table.Column<long>(type: "INTEGER", nullable: false),
                    call = table.Column<string>(type: "TEXT", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_llm_open_calls", x => x.id);
                });

            migrationBuilder.CreateTable(
                name: "llm_prices",
                columns: table => new
                {
                    model = table.Column<string>(type: "TEXT", maxLength: 128, nullable: false),
                    price = table.Column<string>(type: "TEXT", nullable: false),
                    updated_at = table.Column<long>(type: "INTEGER", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_llm_prices", x => x.model);
                });

            migrationBuilder.CreateTable(
                name: "llm_providers",
                columns: table => new
                {
                    id = table.Column<string>(type: "TEXT", maxLength: 36, nullable: false),
                    name = table.Column<string>(type: "TEXT", maxLength: 64, nullable: false),
                    kind = table.Column<string>(type: "TEXT", maxLength: 32, nullable: false),
                    base_url = table.Column<string>(type: "TEXT", maxLength: 500, nullable: true),
                    models = table.Column<string>(type: "TEXT", nullable: false),
                    settings = table.Column<string>(type: "TEXT", nullable: false),
                    allow_private_network = table.Column<bool>(type: "INTEGER", nullable: false),
                    enabled = table.Column<bool>(type: "INTEGER", nullable: false),
                    secret_cipher = table.Column<byte[]>(type: "BLOB", nullable: true),
                    wrapped_data_key = table.Column<byte[]>(type: "BLOB", nullable: true),
                    kek_id = table.Column<string>(type: "TEXT", maxLength: 64, nullable: true),
                    secret_last4 = table.Column<string>(type: "TEXT", maxLength: 4, nullable: true),
                    created_at = table.Column<long>(type: "INTEGER", nullable: false),
                    updated_at = table.Column<long>(type: "INTEGER", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_llm_providers", x => x.id);
                });

            migrationBuilder.CreateTable(
                name: "llm_routes",
                columns: table => new
                {
                    id = table.Column<string>(type: "TEXT", maxLength: 36, nullable: false),
                    name = table.Column<string>(type: "TEXT", maxLength: 128, nullable: false),
                    description = table.Column<string>(type: "TEXT", maxLength: 500, nullable: true),
                    strategy = table.Column<string>(type: "TEXT", maxLength: 16, nullable: false),
                    targets = table.Column<string>(type: "TEXT", nullable: false),
                    enabled = table.Column<bool>(type: "INTEGER", nullable: false),
                    updated_at = table.Column<long>(type: "INTEGER", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_llm_routes", x => x.id);
                });

            migrationBuilder.CreateTable(
                name: "llm_settings",
                columns: table => new
                {
                    name = table.Column<string>(type: "TEXT", maxLength: 64, nullable: false),
                    value = table.Column<string>(type: "TEXT", nullable: true),
                    number = table.Column<long>(type: "INTEGER", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_llm_settings", x => x.name);
                });

            migrationBuilder.CreateTable(
                name: "llm_usage_days",
                columns: table => new
                {
                    start = table.Column<long>(type: "INTEGER", nullable: false),
                    user_id = table.Column<string>(type: "TEXT", maxLength: 128, nullable: false),
                    team_id = table.Column<string>(type: "TEXT", maxLength: 128, nullable: false),
                    key_id = table.Column<string>(type: "TEXT", maxLength: 128, nullable: false),
                    agent = table.Column<string>(type: "TEXT", maxLength: 64, nullable: false),
                    provider = table.Column<string>(type: "TEXT", maxLength: 64, nullable: false),
                    model = table.Column<string>(type: "TEXT", maxLength: 128, nullable: false),
                    calls = table.Column<long>(type: "INTEGER", nullable: false),
                    failed = table.Column<long>(type: "INTEGER", nullable: false),
                    cache_hits = table.Column<long>(type: "INTEGER", nullable: false),
                    input_tokens = table.Column<long>(type: "INTEGER", nullable: false),
                    output_tokens = table.Column<long>(type: "INTEGER", nullable: false),
                    cached_tokens = table.Column<long>(type: "INTEGER", nullable: false),
                    reasoning_tokens = table.Column<long>(type: "INTEGER", nullable: false),
                    cost_nanos = table.Column<long>(type: "INTEGER", nullable: false),
                    unpriced = table.Column<long>(type: "INTEGER", nullable: false),
                    duration_ms = table.Column<long>(type: "INTEGER", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_llm_usage_days", x => new { x.start, x.user_id, x.team_id, x.key_id, x.agent, x.provider, x.model });
                });

            migrationBuilder.CreateTable(
                name: "llm_usage_hours",
                columns: table => new
                {
                    start = table.Column<long>(type: "INTEGER", nullable: false),
                    user_id = table.Column<string>(type: "TEXT", maxLength: 128, nullable: false),
                    team_id = table.Column<string>(type: "TEXT", maxLength: 128, nullable: false),
                    key_id = table.Column<string>(type: "TEXT", maxLength: 128, nullable: false),
                    agent = table.Column<string>(type: "TEXT", maxLength: 64, nullable: false),
                    provider = table.Column<string>(type: "TEXT", maxLength: 64, nullable: false),
                    model = table.Column<string>(type: "TEXT", maxLength: 128, nullable: false),
                    calls = table.Column<long>(type: "INTEGER", nullable: false),
                    failed = table.Column<long>(type: "INTEGER", nullable: false),
                    cache_hits = table.Column<long>(type: "INTEGER", nullable: false),
                    input_tokens = table.Column<long>(type: "INTEGER", nullable: false),
                    output_tokens = table.Column<long>(type: "INTEGER", nullable: false),
                    cached_tokens = table.Column<long>(type: "INTEGER", nullable: false),
                    reasoning_tokens = table.Column<long>(type: "INTEGER", nullable: false),
                    cost_nanos = table.Column<long>(type: "INTEGER", nullable: false),
                    unpriced = table.Column<long>(type: "INTEGER", nullable: false),
                    duration_ms = table.Column<long>(type: "INTEGER", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_llm_usage_hours", x => new { x.start, x.user_id, x.team_id, x.key_id, x.agent, x.provider, x.model });
                });

            migrationBuilder.CreateIndex(
                name: "ix_llm_budget_holds_node_id",
                table: "llm_budget_holds",
                column: "node_id");

            migrationBuilder.CreateIndex(
                name: "ix_llm_budgets_scope_subject_period",
                table: "llm_budgets",
                columns: new[] { "scope", "subject", "period" },
                unique: true);

            migrationBuilder.CreateIndex(
                name: "ix_llm_contents_expires_at",
                table: "llm_contents",
                column: "expires_at");

            migrationBuilder.CreateIndex(
                name: "ix_llm_open_calls_node_id",
                table: "llm_open_calls",
                column: "node_id");

            migrationBuilder.CreateIndex(
                name: "ix_llm_providers_name",
                table: "llm_providers",
                column: "name",
                unique: true);

            migrationBuilder.CreateIndex(
                name: "ix_llm_routes_name",
                table: "llm_routes",
                column: "name",
                unique: true);
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropTable(
                name: "llm_access_rules");

            migrationBuilder.DropTable(
                name: "llm_budget_holds");

            migrationBuilder.DropTable(
                name: "llm_budget_periods");

            migrationBuilder.DropTable(
                name: "llm_budgets");

            migrationBuilder.DropTable(
                name: "llm_contents");

            migrationBuilder.DropTable(
                name: "llm_egress");

            migrationBuilder.DropTable(
                name: "llm_nodes");

            migrationBuilder.DropTable(
                name: "llm_open_calls");

            migrationBuilder.DropTable(
                name: "llm_prices");

            migrationBuilder.DropTable(
                name: "llm_providers");

            migrationBuilder.DropTable(
                name: "llm_routes");

            migrationBuilder.DropTable(
                name: "llm_settings");

            migrationBuilder.DropTable(
                name: "llm_usage_days");

            migrationBuilder.DropTable(
                name: "llm_usage_hours");

            migrationBuilder.DropColumn(
                name: "alias",
                table: "llm_usage");

            migrationBuilder.DropColumn(
                name: "cache_write_tokens",
                table: "llm_usage");

            migrationBuilder.DropColumn(
                name: "door",
                table: "llm_usage");

            migrationBuilder.DropColumn(
                name: "is_cache_hit",
                table: "llm_usage");

            migrationBuilder.DropColumn(
                name: "is_streamed",
                table: "llm_usage");

            migrationBuilder.DropColumn(
                name: "key_id",
                table: "llm_usage");

            migrationBuilder.DropColumn(
                name: "overhead_us",
                table: "llm_usage");

            migrationBuilder.DropColumn(
                name: "team_id",
                table: "llm_usage");

            migrationBuilder.CreateIndex(
                name: "ix_llm_usage_user_id_created_at",
                table: "llm_usage",
                columns: new[] { "user_id", "created_at" });
        }
    }
}
