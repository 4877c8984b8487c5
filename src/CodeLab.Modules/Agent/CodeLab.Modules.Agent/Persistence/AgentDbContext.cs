using CodeLab.BuildingBlocks.Data;
using CodeLab.BuildingBlocks.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Design;
using Microsoft.EntityFrameworkCore.Migrations;

namespace CodeLab.Modules.Agent.Persistence;

/// <summary>
/// Tables of the module. EF owns their shape and serves the rare questions; the log itself is written and read by <see cref="ISessionStore"/>
/// in plain SQL (ADR 0004).
/// </summary>
internal abstract class AgentDbContext(DbContextOptions options) : DbContext(options)
{
    /// <summary>Prefix of the module's tables.</summary>
    public const string Prefix = "agent_";

    /// <summary>Sessions, as of the newest event of each.</summary>
    public DbSet<SessionRow> Sessions => Set<SessionRow>();

    /// <inheritdoc/>
    protected override void OnModelCreating(ModelBuilder modelBuilder) =>
        modelBuilder.ApplyConfigurationsFromAssembly(typeof(AgentDbContext).Assembly);
}

/// <summary>The tables in a SQLite file.</summary>
internal sealed class SqliteAgentDbContext(DbContextOptions<SqliteAgentDbContext> options) : AgentDbContext(options)
{
    /// <inheritdoc/>
    protected override void OnConfiguring(DbContextOptionsBuilder optionsBuilder) =>
        optionsBuilder.ReplaceService<IMigrationsSqlGenerator, Sqlite.WithoutRowIdSqlGenerator>();

    /// <inheritdoc/>
    protected override void ConfigureConventions(ModelConfigurationBuilder configurationBuilder) =>
        configurationBuilder.Properties<DateTimeOffset>().HaveConversion<UnixMicrosecondsConverter>();

    internal sealed class Factory : IDesignTimeDbContextFactory<SqliteAgentDbContext>
    {
        public SqliteAgentDbContext CreateDbContext(string[] args) =>
            new(ModuleDatabase.DesignTime<SqliteAgentDbContext>(DatabaseProvider.Sqlite, Prefix));
    }
}

/// <summary>The tables in PostgreSQL.</summary>
internal sealed class PostgresAgentDbContext(DbContextOptions<PostgresAgentDbContext> options) : AgentDbContext(options)
{
    internal sealed class Factory : IDesignTimeDbContextFactory<PostgresAgentDbContext>
    {
        public PostgresAgentDbContext CreateDbContext(string[] args) =>
            new(ModuleDatabase.DesignTime<PostgresAgentDbContext>(DatabaseProvider.PostgreSql, Prefix));
    }
}
