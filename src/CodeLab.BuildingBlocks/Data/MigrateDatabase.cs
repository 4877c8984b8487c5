using System.Data.Common;
using CodeLab.BuildingBlocks.Startup;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace CodeLab.BuildingBlocks.Data;

/// <summary>
/// Brings the schema of every module up to date. A row per module says which migration it stands at: where it is the newest one known,
/// EF is not even loaded, which is most starts (packages.md §9: a no-op migration costs 0.4 s).
/// </summary>
internal sealed partial class MigrateDatabase(
    Database database,
    IEnumerable<ModuleMigrations> modules,
    IServiceScopeFactory scopes,
    ILogger<MigrateDatabase> logger
) : IStartupTask
{
    public int Order => 0;

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken);
        await ExecuteAsync(
            connection,
            "CREATE TABLE IF NOT EXISTS codelab_schema (module varchar(64) PRIMARY KEY, migration varchar(150) NOT NULL)",
            cancellationToken
        );
        foreach (var module in modules)
        {
            var latest = module.Latest(database.Provider);
            if (await StandsAtAsync(connection, module.Prefix, cancellationToken) == latest)
                continue;
            await using (var scope = scopes.CreateAsyncScope())
            {
                var type = database.Provider == DatabaseProvider.Sqlite ? module.Sqlite : module.Postgres;
                var context = (DbContext)scope.ServiceProvider.GetRequiredService(type);
                // EF takes its own migration lock, so that several hosts may start at once.
                await context.Database.MigrateAsync(cancellationToken);
            }
            await ExecuteAsync(
                connection,
                "INSERT INTO codelab_schema (module, migration) VALUES (@module, @migration) "
                    + "ON CONFLICT (module) DO UPDATE SET migration = excluded.migration",
                cancellationToken,
                ("@module", module.Prefix),
                ("@migration", latest)
            );
            Migrated(module.Prefix, latest);
        }
    }

    private static async Task<string?> StandsAtAsync(DbConnection connection, string module, CancellationToken cancellationToken)
    {
        await using var command = connection.CreateCommand();
        command.CommandText = "SELECT migration FROM codelab_schema WHERE module = @module";
        AddParameter(command, "@module", module);
        return await command.ExecuteScalarAsync(cancellationToken) as string;
    }

    private static async Task ExecuteAsync(
        DbConnection connection,
        string sql,
        CancellationToken cancellationToken,
        params (string Name, string Value)[] parameters
    )
    {
        await using var command = connection.CreateCommand();
        command.CommandText = sql;
        foreach (var (name, value) in parameters)
            AddParameter(command, name, value);
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    private static void AddParameter(DbCommand command, string name, string value)
    {
        var parameter = command.CreateParameter();
        parameter.ParameterName = name;
        parameter.Value = value;
        command.Parameters.Add(parameter);
    }

    [LoggerMessage(110, LogLevel.Information, "Schema of {Module} is at {Migration}")]
    private partial void Migrated(string module, string migration);
}

/// <summary>Registers the database of the whole host.</summary>
public static class DatabaseRegistration
{
    /// <summary>Registers <see cref="Database"/> and the start-up task that migrates it.</summary>
    public static void AddDatabase(this IServiceCollection services)
    {
        services.AddSingleton<Database>();
        services.AddSingleton<IStartupTask, MigrateDatabase>();
    }
}
