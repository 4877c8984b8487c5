using Microsoft.EntityFrameworkCore.Migrations;
using Npgsql.EntityFrameworkCore.PostgreSQL.Metadata;

#nullable disable

namespace CodeLab.Modules.Auth.Persistence.Migrations.Postgres
{
    /// <inheritdoc />
    public partial class Accounts : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AddColumn<string>(
                name: "language",
                table: "auth_users",
                type: "character varying(5)",
                maxLength: 5,
                nullable: true);

            migrationBuilder.AddColumn<string>(
                name: "ip",
                table: "auth_sign_ins",
                type: "character varying(64)",
                maxLength: 64,
                nullable: true);

            migrationBuilder.AddColumn<string>(
                name: "methods",
                table: "auth_sign_ins",
                type: "character varying(50)",
                maxLength: 50,
                nullable: false,
                defaultValue: "");

            migrationBuilder.AddColumn<string>(
                name: "user_agent",
                table: "auth_sign_ins",
                type: "character varying(256)",
                maxLength: 256,
                nullable: true);

            migrationBuilder.CreateTable(
                name: "auth_access_keys",
                columns: table => new
                {
                    id = table.Column<string>(type: "character varying(36)", maxLength: 36, nullable: false),
                    user_id = table.Column<string>(type: "character varying(36)", maxLength: 36, nullable: false),
                    name = table.Column<string>(type: "character varying(100)", maxLength: 100, nullable: false),
                    scopes = table.Column<string>(type: "character varying(500)", maxLength: 500, nullable: false),
                    models = table.Column<string>(type: "text", nullable: true),
                    requests_per_minute = table.Column<int>(type: "integer", nullable: true),
                    tokens_per_minute = table.Column<int>(type: "integer", nullable: true),
                    budget_micros = table.Column<long>(type: "bigint", nullable: true),
                    budget_currency = table.Column<string>(type: "character varying(3)", maxLength: 3, nullable: true),
                    budget_period = table.Column<string>(type: "character varying(5)", maxLength: 5, nullable: true),
                    created_at = table.Column<long>(type: "bigint", nullable: false),
                    expires_at = table.Column<long>(type: "bigint", nullable: true),
                    last_used_at = table.Column<long>(type: "bigint", nullable: true),
                    revoked_at = table.Column<long>(type: "bigint", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_auth_access_keys", x => x.id);
                    table.ForeignKey(
                        name: "fk_auth_access_keys_auth_users_user_id",
                        column: x => x.user_id,
                        principalTable: "auth_users",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateTable(
                name: "auth_account_links",
                columns: table => new
                {
                    hash = table.Column<byte[]>(type: "bytea", maxLength: 32, nullable: false),
                    kind = table.Column<string>(type: "character varying(20)", maxLength: 20, nullable: false),
                    user_id = table.Column<string>(type: "character varying(36)", maxLength: 36, nullable: false),
                    created_by = table.Column<string>(type: "character varying(36)", maxLength: 36, nullable: true),
                    created_at = table.Column<long>(type: "bigint", nullable: false),
                    expires_at = table.Column<long>(type: "bigint", nullable: false),
                    used_at = table.Column<long>(type: "bigint", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_auth_account_links", x => x.hash);
                    table.ForeignKey(
                        name: "fk_auth_account_links_auth_users_user_id",
                        column: x => x.user_id,
                        principalTable: "auth_users",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateTable(
                name: "auth_audit",
                columns: table => new
                {
                    seq = table.Column<long>(type: "bigint", nullable: false)
                        .Annotation("Npgsql:ValueGenerationStrategy", NpgsqlValueGenerationStrategy.IdentityByDefaultColumn),
                    id = table.Column<string>(type: "character varying(36)", maxLength: 36, nullable: true),
                    time = table.Column<long>(type: "bigint", nullable: false),
                    type = table.Column<string>(type: "character varying(50)", maxLength: 50, nullable: false),
                    actor = table.Column<string>(type: "character varying(255)", maxLength: 255, nullable: true),
                    subject = table.Column<string>(type: "character varying(255)", maxLength: 255, nullable: true),
                    session = table.Column<string>(type: "character varying(128)", maxLength: 128, nullable: true),
                    ip = table.Column<string>(type: "character varying(64)", maxLength: 64, nullable: true),
                    user_agent = table.Column<string>(type: "character varying(256)", maxLength: 256, nullable: true),
                    client_id = table.Column<string>(type: "character varying(255)", maxLength: 255, nullable: true),
                    outcome = table.Column<string>(type: "character varying(10)", maxLength: 10, nullable: false),
                    reason = table.Column<string>(type: "character varying(500)", maxLength: 500, nullable: true),
                    metadata = table.Column<string>(type: "text", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_auth_audit", x => x.seq);
                });

            migrationBuilder.CreateTable(
                name: "auth_audit_seals",
                columns: table => new
                {
                    number = table.Column<long>(type: "bigint", nullable: false),
                    audit_id = table.Column<string>(type: "character varying(36)", maxLength: 36, nullable: false),
                    hash = table.Column<byte[]>(type: "bytea", maxLength: 32, nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_auth_audit_seals", x => x.number);
                });

            migrationBuilder.CreateTable(
                name: "auth_authenticators",
                columns: table => new
                {
                    user_id = table.Column<string>(type: "character varying(36)", maxLength: 36, nullable: false),
                    secret = table.Column<byte[]>(type: "bytea", nullable: false),
                    created_at = table.Column<long>(type: "bigint", nullable: false),
                    confirmed_at = table.Column<long>(type: "bigint", nullable: true),
                    last_step = table.Column<long>(type: "bigint", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_auth_authenticators", x => x.user_id);
                    table.ForeignKey(
                        name: "fk_auth_authenticators_auth_users_user_id",
                        column: x => x.user_id,
                        principalTable: "auth_users",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateTable(
                name: "auth_clients",
                columns: table => new
                {
                    id = table.Column<string>(type: "character varying(255)", maxLength: 255, nullable: false),
                    name = table.Column<string>(type: "character varying(200)", maxLength: 200, nullable: false),
                    secret_hash = table.Column<byte[]>(type: "bytea", maxLength: 32, nullable: true),
                    grants = table.Column<string>(type: "character varying(300)", maxLength: 300, nullable: false),
                    scopes = table.Column<string>(type: "character varying(500)", maxLength: 500, nullable: false),
                    redirect_uris = table.Column<string>(type: "text", nullable: false),
                    created_at = table.Column<long>(type: "bigint", nullable: false),
                    created_by = table.Column<string>(type: "character varying(36)", maxLength: 36, nullable: false),
                    disabled_at = table.Column<long>(type: "bigint", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_auth_clients", x => x.id);
                });

            migrationBuilder.CreateTable(
                name: "auth_codes",
                columns: table => new
                {
                    hash = table.Column<byte[]>(type: "bytea", maxLength: 32, nullable: false),
                    client_id = table.Column<string>(type: "character varying(255)", maxLength: 255, nullable: false),
                    user_id = table.Column<string>(type: "character varying(36)", maxLength: 36, nullable: false),
                    browser_sign_in_id = table.Column<string>(type: "character varying(36)", maxLength: 36, nullable: true),
                    scope = table.Column<string>(type: "character varying(500)", maxLength: 500, nullable: false),
                    redirect_uri = table.Column<string>(type: "character varying(2000)", maxLength: 2000, nullable: false),
                    code_challenge = table.Column<string>(type: "character varying(128)", maxLength: 128, nullable: false),
                    nonce = table.Column<string>(type: "character varying(500)", maxLength: 500, nullable: true),
                    created_at = table.Column<long>(type: "bigint", nullable: false),
                    expires_at = table.Column<long>(type: "bigint", nullable: false),
                    used_at = table.Column<long>(type: "bigint", nullable: true),
                    sign_in_id = table.Column<string>(type: "character varying(36)", maxLength: 36, nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_auth_codes", x => x.hash);
                });

            migrationBuilder.CreateTable(
                name: "auth_consents",
                columns: table => new
                {
                    user_id = table.Column<string>(type: "character varying(36)", maxLength: 36, nullable: false),
                    client_id = table.Column<string>(type: "character varying(255)", maxLength: 255, nullable: false),
                    scope = table.Column<string>(type: "character varying(500)", maxLength: 500, nullable: false),
                    created_at = table.Column<long>(type: "bigint", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_auth_consents", x => new { x.user_id, x.client_id });
                    table.ForeignKey(
                        name: "fk_auth_consents_auth_users_user_id",
                        column: x => x.user_id,
                        principalTable: "auth_users",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateTable(
                name: "auth_device_codes",
                columns: table => new
                {
                    hash = table.Column<byte[]>(type: "bytea", maxLength: 32, nullable: false),
                    user_code = table.Column<string>(type: "character varying(16)", maxLength: 16, nullable: false),
                    client_id = table.Column<string>(type: "character varying(255)", maxLength: 255, nullable: false),
                    scope = table.Column<string>(type: "character varying(500)", maxLength: 500, nullable: false),
                    ip = table.Column<string>(type: "character varying(64)", maxLength: 64, nullable: true),
                    user_agent = table.Column<string>(type: "character varying(256)", maxLength: 256, nullable: true),
                    created_at = table.Column<long>(type: "bigint", nullable: false),
                    expires_at = table.Column<long>(type: "bigint", nullable: false),
                    interval_seconds = table.Column<int>(type: "integer", nullable: false),
                    polled_at = table.Column<long>(type: "bigint", nullable: true),
                    state = table.Column<string>(type: "character varying(10)", maxLength: 10, nullable: false),
                    user_id = table.Column<string>(type: "character varying(36)", maxLength: 36, nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_auth_device_codes", x => x.hash);
                });

            migrationBuilder.CreateTable(
                name: "auth_passkeys",
                columns: table => new
                {
                    credential_id = table.Column<byte[]>(type: "bytea", maxLength: 1024, nullable: false),
                    user_id = table.Column<string>(type: "character varying(36)", maxLength: 36, nullable: false),
                    name = table.Column<string>(type: "character varying(200)", maxLength: 200, nullable: false),
                    public_key = table.Column<byte[]>(type: "bytea", nullable: false),
                    sign_count = table.Column<long>(type: "bigint", nullable: false),
                    transports = table.Column<string>(type: "character varying(100)", maxLength: 100, nullable: false),
                    is_user_verified = table.Column<bool>(type: "boolean", nullable: false),
                    is_backup_eligible = table.Column<bool>(type: "boolean", nullable: false),
                    is_backed_up = table.Column<bool>(type: "boolean", nullable: false),
                    attestation_object = table.Column<byte[]>(type: "bytea", nullable: false),
                    client_data_json = table.Column<byte[]>(type: "bytea", nullable: false),
                    created_at = table.Column<long>(type: "bigint", nullable: false),
                    last_used_at = table.Column<long>(type: "bigint", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_auth_passkeys", x => x.credential_id);
                    table.ForeignKey(
                        name: "fk_auth_passkeys_auth_users_user_id",
                        column: x => x.user_id,
                        principalTable: "auth_users",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateTable(
                name: "auth_recovery_codes",
                columns: table => new
                {
                    user_id = table.Column<string>(type: "character varying(36)", maxLength: 36, nullable: false),
                    hash = table.Column<byte[]>(type: "bytea", maxLength: 32, nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_auth_recovery_codes", x => new { x.user_id, x.hash });
                    table.ForeignKey(
                        name: "fk_auth_recovery_codes_auth_users_user_id",
                        column: x => x.user_id,
                        principalTable: "auth_users",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateTable(
                name: "auth_socket_tickets",
                columns: table => new
                {
                    hash = table.Column<byte[]>(type: "bytea", maxLength: 32, nullable: false),
                    user_id = table.Column<string>(type: "character varying(36)", maxLength: 36, nullable: false),
                    sign_in_id = table.Column<string>(type: "character varying(36)", maxLength: 36, nullable: false),
                    session_id = table.Column<string>(type: "character varying(128)", maxLength: 128, nullable: false),
                    expires_at = table.Column<long>(type: "bigint", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_auth_socket_tickets", x => x.hash);
                });

            migrationBuilder.CreateTable(
                name: "auth_teams",
                columns: table => new
                {
                    id = table.Column<string>(type: "character varying(36)", maxLength: 36, nullable: false),
                    name = table.Column<string>(type: "character varying(100)", maxLength: 100, nullable: false),
                    normalized_name = table.Column<string>(type: "character varying(100)", maxLength: 100, nullable: false),
                    created_at = table.Column<long>(type: "bigint", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_auth_teams", x => x.id);
                });

            migrationBuilder.CreateTable(
                name: "auth_access_key_secrets",
                columns: table => new
                {
                    hash = table.Column<byte[]>(type: "bytea", maxLength: 32, nullable: false),
                    key_id = table.Column<string>(type: "character varying(36)", maxLength: 36, nullable: false),
                    ending = table.Column<string>(type: "character varying(4)", maxLength: 4, nullable: false),
                    created_at = table.Column<long>(type: "bigint", nullable: false),
                    expires_at = table.Column<long>(type: "bigint", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_auth_access_key_secrets", x => x.hash);
                    table.ForeignKey(
                        name: "fk_auth_access_key_secrets_auth_access_keys_key_id",
                        column: x => x.key_id,
                        principalTable: "auth_access_keys",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateTable(
                name: "auth_team_members",
                columns: table => new
                {
                    team_id = table.Column<string>(type: "character varying(36)", maxLength: 36, nullable: false),
                    user_id = table.Column<string>(type: "character varying(36)", maxLength: 36, nullable: false),
                    is_lead = table.Column<bool>(type: "boolean", nullable: false),
                    added_at = table.Column<long>(type: "bigint", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_auth_team_members", x => new { x.team_id, x.user_id });
                    table.ForeignKey(
                        name: "fk_auth_team_members_auth_teams_team_id",
                        column: x => x.team_id,
                        principalTable: "auth_teams",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Cascade);
                    table.ForeignKey(
                        name: "fk_auth_team_members_auth_users_user_id",
                        column: x => x.user_id,
                        principalTable: "auth_users",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateIndex(
                name: "ix_auth_access_key_secrets_key_id",
                table: "auth_access_key_secrets",
                column: "key_id");

            migrationBuilder.CreateIndex(
                name: "ix_auth_access_keys_user_id",
                table: "auth_access_keys",
                column: "user_id");

            migrationBuilder.CreateIndex(
                name: "ix_auth_account_links_expires_at",
                table: "auth_account_links",
                column: "expires_at");

            migrationBuilder.CreateIndex(
                name: "ix_auth_account_links_user_id",
                table: "auth_account_links",
                column: "user_id");

            migrationBuilder.CreateIndex(
                name: "ix_auth_audit_id",
                table: "auth_audit",
                column: "id",
                unique: true);

            migrationBuilder.CreateIndex(
                name: "ix_auth_audit_time",
                table: "auth_audit",
                column: "time");

            migrationBuilder.CreateIndex(
                name: "ix_auth_audit_seals_audit_id",
                table: "auth_audit_seals",
                column: "audit_id",
                unique: true);

            migrationBuilder.CreateIndex(
                name: "ix_auth_codes_expires_at",
                table: "auth_codes",
                column: "expires_at");

            migrationBuilder.CreateIndex(
                name: "ix_auth_device_codes_expires_at",
                table: "auth_device_codes",
                column: "expires_at");

            migrationBuilder.CreateIndex(
                name: "ix_auth_device_codes_user_code",
                table: "auth_device_codes",
                column: "user_code",
                unique: true);

            migrationBuilder.CreateIndex(
                name: "ix_auth_passkeys_user_id",
                table: "auth_passkeys",
                column: "user_id");

            migrationBuilder.CreateIndex(
                name: "ix_auth_socket_tickets_expires_at",
                table: "auth_socket_tickets",
                column: "expires_at");

            migrationBuilder.CreateIndex(
                name: "ix_auth_team_members_user_id",
                table: "auth_team_members",
                column: "user_id");

            migrationBuilder.CreateIndex(
                name: "ix_auth_teams_normalized_name",
                table: "auth_teams",
                column: "normalized_name",
                unique: true);
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropTable(
                name: "auth_access_key_secrets");

            migrationBuilder.DropTable(
                name: "auth_account_links");

            migrationBuilder.DropTable(
                name: "auth_audit");

            migrationBuilder.DropTable(
                name: "auth_audit_seals");

            migrationBuilder.DropTable(
                name: "auth_authenticators");

            migrationBuilder.DropTable(
                name: "auth_clients");

            migrationBuilder.DropTable(
                name: "auth_codes");

            migrationBuilder.DropTable(
                name: "auth_consents");

            migrationBuilder.DropTable(
                name: "auth_device_codes");

            migrationBuilder.DropTable(
                name: "auth_passkeys");

            migrationBuilder.DropTable(
                name: "auth_recovery_codes");

            migrationBuilder.DropTable(
                name: "auth_socket_tickets");

            migrationBuilder.DropTable(
                name: "auth_team_members");

            migrationBuilder.DropTable(
                name: "auth_access_keys");

            migrationBuilder.DropTable(
                name: "auth_teams");

            migrationBuilder.DropColumn(
                name: "language",
                table: "auth_users");

            migrationBuilder.DropColumn(
                name: "ip",
                table: "auth_sign_ins");

            migrationBuilder.DropColumn(
                name: "methods",
                table: "auth_sign_ins");

            migrationBuilder.DropColumn(
                name: "user_agent",
                table: "auth_sign_ins");
        }
    }
}
