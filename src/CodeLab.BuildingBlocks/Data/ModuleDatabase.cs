using System.Reflection;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace CodeLab.BuildingBlocks.Data;

/// <summary>Registers a module's database context for both databases (ADR 0003).</summary>
public static class ModuleDatabase
{
    /// <summary>
    /// Registers <typeparamref name="TContext"/>; at run time it is the derived context of the configured database. Tables are named in
    /// snake_case, the migrations history is the module's own.
    /// </summary>
    /// <typeparam name="TContext">Abstract context the handlers use.</typeparam>
    /// <typeparam name="TSqlite">Sealed context with the SQLite migrations.</typeparam>
    /// <typeparam name="TPostgres">Sealed context with the PostgreSQL migrations.</typeparam>
    /// <param name="builder">The host.</param>
    /// <param name="prefix">Table prefix of the module, e.g. <c>agent_</c>.</param>
    /// <param name="configure">Further options, e.g. <c>UseOpenIddict</c>.</param>
    public static void AddModuleDbContext<TContext, TSqlite, TPostgres>(
        this IHostApplicationBuilder builder,
        string prefix,
        Action<DbContextOptionsBuilder>? configure = null
    )
        where TContext : DbContext
        where TSqlite : TContext
        where TPostgres : TContext
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.Services.AddDbContext<TSqlite>(
            (services, options) =>
            {
                options
                    .UseSqlite(
                        services.GetRequiredService<Database>().ConnectionString,
                        sqlite => sqlite.MigrationsHistoryTable(prefix + "migrations")
                    )
                    .AddInterceptors(SqliteSettings.Instance);
                Common(options, configure);
            }
        );
        builder.Services.AddDbContext<TPostgres>(
            (services, options) =>
            {
                options.UseNpgsql(
                    services.GetRequiredService<Database>().Postgres,
                    postgres => postgres.MigrationsHistoryTable(prefix + "migrations")
                );
                Common(options, configure);
            }
        );
        builder.Services.AddScoped<TContext>(services =>
            services.GetRequiredService<Database>().Provider == DatabaseProvider.Sqlite
                ? services.GetRequiredService<TSqlite>()
                : services.GetRequiredService<TPostgres>()
        );
        builder.Services.AddSingleton(new ModuleMigrations(prefix, typeof(TSqlite), typeof(TPostgres)));
    }

    /// <summary>Options of a design-time factory: only the shape of the model matters, no database is opened.</summary>
    public static DbContextOptions<T> DesignTime<T>(
        DatabaseProvider provider,
        string prefix,
        Action<DbContextOptionsBuilder>? configure = null
    )
        where T : DbContext
    {
        var options = new DbContextOptionsBuilder<T>();
        if (provider == DatabaseProvider.Sqlite)
            options.UseSqlite("Data Source=design.db", sqlite => sqlite.MigrationsHistoryTable(prefix + "migrations"));
        else
            options.UseNpgsql("Host=localhost;Database=design", postgres => postgres.MigrationsHistoryTable(prefix + "migrations"));
        Common(options, configure);
        return options.Options;
    }

    private static void Common(DbContextOptionsBuilder options, Action<DbContextOptionsBuilder>? configure)
    {
        options.UseSnakeCaseNamingConvention();
        configure?.Invoke(options);
    }
}

/// <summary>The migrations of one module.</summary>
/// <param name="Prefix">Table prefix.</param>
/// <param name="Sqlite">Context of the SQLite set.</param>
/// <param name="Postgres">Context of the PostgreSQL set.</param>
public sealed record ModuleMigrations(string Prefix, Type Sqlite, Type Postgres)
{
    /// <summary>Id of the newest migration in the assembly, read from attributes: building EF's model costs 0.4 s of start-up.</summary>
    public string Latest(DatabaseProvider provider)
    {
        var context = provider == DatabaseProvider.Sqlite ? Sqlite : Postgres;
        return context
                .Assembly.GetTypes()
                .Where(t => t.GetCustomAttribute<DbContextAttribute>()?.ContextType == context)
                .Select(t => t.GetCustomAttribute<MigrationAttribute>()?.Id)
                .Max(StringComparer.Ordinal)
            ?? "";
    }
}
