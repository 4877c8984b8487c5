using CodeLab.BuildingBlocks.Data;
using CodeLab.Modules.Llm.Usage;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Design;

namespace CodeLab.Modules.Llm.Persistence;

/// <summary>Tables of the module; all carry the prefix <c>llm_</c>.</summary>
internal abstract class LlmDbContext(DbContextOptions options) : DbContext(options)
{
    public const string Prefix = "llm_";

    public DbSet<UsageEntry> Usage => Set<UsageEntry>();

    protected override void OnModelCreating(ModelBuilder modelBuilder) =>
        modelBuilder.ApplyConfigurationsFromAssembly(typeof(LlmDbContext).Assembly);
}

internal sealed class SqliteLlmDbContext(DbContextOptions<SqliteLlmDbContext> options) : LlmDbContext(options);

internal sealed class PostgresLlmDbContext(DbContextOptions<PostgresLlmDbContext> options) : LlmDbContext(options);

internal sealed class SqliteLlmDesign : IDesignTimeDbContextFactory<SqliteLlmDbContext>
{
    public SqliteLlmDbContext CreateDbContext(string[] args) =>
        new(ModuleDatabase.DesignTime<SqliteLlmDbContext>(DatabaseProvider.Sqlite, LlmDbContext.Prefix));
}

internal sealed class PostgresLlmDesign : IDesignTimeDbContextFactory<PostgresLlmDbContext>
{
    public PostgresLlmDbContext CreateDbContext(string[] args) =>
        new(ModuleDatabase.DesignTime<PostgresLlmDbContext>(DatabaseProvider.PostgreSql, LlmDbContext.Prefix));
}
