using CodeLab.BuildingBlocks.Data;
using CodeLab.BuildingBlocks.Startup;
using CodeLab.Modules.Agent.Persistence.Postgres;
using CodeLab.Modules.Agent.Persistence.Sqlite;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;

namespace CodeLab.Modules.Agent.Persistence;

/// <summary>Registers where the module keeps its data.</summary>
internal static class AgentStore
{
    /// <summary>
    /// Registers <see cref="AgentDbContext"/> and <see cref="ISessionStore"/> for the configured database.
    /// </summary>
    public static void AddAgentStore(this IHostApplicationBuilder builder)
    {
        builder.AddModuleDbContext<AgentDbContext, SqliteAgentDbContext, PostgresAgentDbContext>(AgentDbContext.Prefix);
        builder.Services.TryAddSingleton(TimeProvider.System);
        builder.Services.AddSingleton<ISessionStore>(services =>
            services.GetRequiredService<Database>().Provider == DatabaseProvider.Sqlite
                ? ActivatorUtilities.CreateInstance<SqliteSessionStore>(services)
                : ActivatorUtilities.CreateInstance<PostgresSessionStore>(services)
        );
        builder.Services.AddSingleton<IStartupTask, SqliteFileGuard>();
        builder.Services.AddSingleton<IStartupTask, SqliteLeaseReset>();
    }
}
