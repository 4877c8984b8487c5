using CodeLab.BuildingBlocks.Data;
using CodeLab.Modules.Auth.Users;
using Microsoft.AspNetCore.Identity;
using Microsoft.AspNetCore.Identity.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Design;
using Microsoft.EntityFrameworkCore.Storage.ValueConversion;

namespace CodeLab.Modules.Auth.Persistence;

/// <summary>
/// Tables of the Auth module. Times are UTC milliseconds since 1970 in both databases, because tokens, lock-outs and keys are read by
/// hand-written SQL that must be the same for both.
/// </summary>
internal abstract class AuthDbContext(DbContextOptions options) : IdentityUserContext<User>(options)
{
    public const string Prefix = "auth_";

    protected override void ConfigureConventions(ModelConfigurationBuilder configurationBuilder) =>
        configurationBuilder.Properties<DateTimeOffset>().HaveConversion<UtcMilliseconds>();

    protected override void OnModelCreating(ModelBuilder builder)
    {
        base.OnModelCreating(builder);

        // Identity names its tables in code, which the naming convention leaves alone.
        builder.Entity<User>(user =>
        {
            user.ToTable("auth_users");
            user.Property(u => u.Id).HasMaxLength(36);
            user.Property(u => u.Roles).HasMaxLength(100);
            user.Property(u => u.PasswordHash).HasMaxLength(500);
            user.Property(u => u.SecurityStamp).HasMaxLength(64);
            user.Property(u => u.Language).HasMaxLength(5);
            user.Property(u => u.ConcurrencyStamp).HasMaxLength(64);
            user.HasIndex(u => u.NormalizedEmail).IsUnique().HasDatabaseName("ix_auth_users_normalized_email");
            user.HasIndex(u => u.NormalizedUserName).IsUnique().HasDatabaseName("ix_auth_users_normalized_user_name");
        });
        builder.Entity<IdentityUserClaim<string>>().ToTable("auth_user_claims");
        builder.Entity<IdentityUserLogin<string>>().ToTable("auth_user_logins");
        builder.Entity<IdentityUserToken<string>>().ToTable("auth_user_tokens");

        builder.Entity<SignInRow>(signIn =>
        {
            signIn.ToTable("auth_sign_ins");
            signIn.HasOne<User>().WithMany().HasForeignKey(s => s.UserId).OnDelete(DeleteBehavior.Cascade);
            signIn.HasIndex(s => s.ExpiresAt);
        });
        builder.Entity<RefreshTokenRow>(token =>
        {
            token.ToTable("auth_refresh_tokens").HasKey(t => t.Hash);
            token.HasOne<SignInRow>().WithMany().HasForeignKey(t => t.SignInId).OnDelete(DeleteBehavior.Cascade);
            token.HasIndex(t => t.ExpiresAt);
        });
        builder.Entity<LockoutRow>().ToTable("auth_lockouts").HasKey(l => l.Name);
        builder.Entity<KeyRow>(key =>
        {
            key.ToTable("auth_keys");
            key.HasIndex(k => new { k.Use, k.Generation }).IsUnique();
        });
        builder.Entity<SetupRow>(setup =>
        {
            setup.ToTable("auth_setup");
            setup.Property(s => s.Id).ValueGeneratedNever();
        });
        builder.Entity<DataProtectionKeyRow>().ToTable("auth_data_protection_keys");
        Grants(builder);
        Account(builder);
        Audit(builder);
    }

    private static void Grants(ModelBuilder builder)
    {
        builder.Entity<AuthorizationCodeRow>(code =>
        {
            code.ToTable("auth_codes").HasKey(c => c.Hash);
            code.HasIndex(c => c.ExpiresAt);
        });
        builder.Entity<DeviceCodeRow>(device =>
        {
            device.ToTable("auth_device_codes").HasKey(d => d.Hash);
            device.HasIndex(d => d.UserCode).IsUnique();
            device.HasIndex(d => d.ExpiresAt);
        });
        builder.Entity<ConsentRow>(consent =>
        {
            consent.ToTable("auth_consents").HasKey(c => new { c.UserId, c.ClientId });
            consent.HasOne<User>().WithMany().HasForeignKey(c => c.UserId).OnDelete(DeleteBehavior.Cascade);
        });
        builder.Entity<ClientRow>().ToTable("auth_clients");
        builder.Entity<SocketTicketRow>(ticket =>
        {
            ticket.ToTable("auth_socket_tickets").HasKey(t => t.Hash);
            ticket.HasIndex(t => t.ExpiresAt);
        });
    }

    private static void Account(ModelBuilder builder)
    {
        builder.Entity<AccountLinkRow>(link =>
        {
            link.ToTable("auth_account_links").HasKey(l => l.Hash);
            link.HasOne<User>().WithMany().HasForeignKey(l => l.UserId).OnDelete(DeleteBehavior.Cascade);
            link.HasIndex(l => l.ExpiresAt);
        });
        builder.Entity<AuthenticatorRow>(authenticator =>
        {
            authenticator.ToTable("auth_authenticators").HasKey(a => a.UserId);
            authenticator.HasOne<User>().WithOne().HasForeignKey<AuthenticatorRow>(a => a.UserId).OnDelete(DeleteBehavior.Cascade);
        });
        builder.Entity<RecoveryCodeRow>(code =>
        {
            code.ToTable("auth_recovery_codes").HasKey(c => new { c.UserId, c.Hash });
            code.HasOne<User>().WithMany().HasForeignKey(c => c.UserId).OnDelete(DeleteBehavior.Cascade);
        });
        builder.Entity<PasskeyRow>(passkey =>
        {
            passkey.ToTable("auth_passkeys").HasKey(p => p.CredentialId);
            passkey.HasOne<User>().WithMany().HasForeignKey(p => p.UserId).OnDelete(DeleteBehavior.Cascade);
        });
        builder.Entity<TeamRow>(team =>
        {
            team.ToTable("auth_teams");
            team.HasIndex(t => t.NormalizedName).IsUnique();
        });
        builder.Entity<TeamMemberRow>(member =>
        {
            member.ToTable("auth_team_members").HasKey(m => new { m.TeamId, m.UserId });
            member.HasOne<TeamRow>().WithMany().HasForeignKey(m => m.TeamId).OnDelete(DeleteBehavior.Cascade);
            member.HasOne<User>().WithMany().HasForeignKey(m => m.UserId).OnDelete(DeleteBehavior.Cascade);
        });
        builder.Entity<AccessKeyRow>(key =>
        {
            key.ToTable("auth_access_keys");
            key.HasOne<User>().WithMany().HasForeignKey(k => k.UserId).OnDelete(DeleteBehavior.Cascade);
        });
        builder.Entity<AccessKeySecretRow>(secret =>
        {
            secret.ToTable("auth_access_key_secrets").HasKey(s => s.Hash);
            secret.HasOne<AccessKeyRow>().WithMany().HasForeignKey(s => s.KeyId).OnDelete(DeleteBehavior.Cascade);
        });
    }

    private static void Audit(ModelBuilder builder)
    {
        builder.Entity<AuditRow>(row =>
        {
            // Seq is the key, because both databases number a key by themselves and read the newest rows by it.
            row.ToTable("auth_audit").HasKey(a => a.Seq);
            row.HasIndex(a => a.Id).IsUnique();
            row.HasIndex(a => a.Time);
        });
        builder.Entity<AuditSealRow>(seal =>
        {
            seal.ToTable("auth_audit_seals").HasKey(s => s.Number);
            seal.Property(s => s.Number).ValueGeneratedNever();
            seal.HasIndex(s => s.AuditId).IsUnique();
        });
    }

    private sealed class UtcMilliseconds()
        : ValueConverter<DateTimeOffset, long>(v => v.ToUnixTimeMilliseconds(), v => DateTimeOffset.FromUnixTimeMilliseconds(v));
}

internal sealed class SqliteAuthDbContext(DbContextOptions<SqliteAuthDbContext> options) : AuthDbContext(options);

internal sealed class PostgresAuthDbContext(DbContextOptions<PostgresAuthDbContext> options) : AuthDbContext(options);

internal sealed class SqliteDesign : IDesignTimeDbContextFactory<SqliteAuthDbContext>
{
    public SqliteAuthDbContext CreateDbContext(string[] args) =>
        new(ModuleDatabase.DesignTime<SqliteAuthDbContext>(DatabaseProvider.Sqlite, AuthDbContext.Prefix));
}

internal sealed class PostgresDesign : IDesignTimeDbContextFactory<PostgresAuthDbContext>
{
    public PostgresAuthDbContext CreateDbContext(string[] args) =>
        new(ModuleDatabase.DesignTime<PostgresAuthDbContext>(DatabaseProvider.PostgreSql, AuthDbContext.Prefix));
}
