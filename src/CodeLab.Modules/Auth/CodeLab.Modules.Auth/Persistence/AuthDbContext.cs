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
