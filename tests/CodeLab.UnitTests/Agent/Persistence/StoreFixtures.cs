using System.Data.Common;
using CodeLab.BuildingBlocks.Data;
using CodeLab.Modules.Agent.Persistence;
using CodeLab.Modules.Agent.Persistence.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Npgsql;
using Xunit;

namespace CodeLab.UnitTests.Agent.Persistence;

/// <summary>An empty, migrated database and a store on it, registered as the module registers it.</summary>
public abstract class StoreFixture : IAsyncLifetime
{
    private IHost? _host;

    /// <summary>Why the tests cannot run here, or null.</summary>
    public virtual string? Missing => null;

    internal ISessionStore Store => _host!.Services.GetRequiredService<ISessionStore>();

    internal Database Database => _host!.Services.GetRequiredService<Database>();

    protected abstract Task<DatabaseOptions> CreateAsync();

    protected abstract Task DropAsync();

    public async ValueTask InitializeAsync()
    {
        if (Missing is not null)
            return;
        _host = await StartAsync(await CreateAsync());
    }

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        if (_host is null)
            return;
        await ((IAsyncDisposable)_host).DisposeAsync();
        await DropAsync();
    }

    internal static async Task<IHost> StartAsync(DatabaseOptions options)
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Services.AddSingleton(Options.Create(options));
        builder.Services.AddSingleton<Database>();
        builder.AddAgentStore();
        var host = builder.Build();
        await using var scope = host.Services.CreateAsyncScope();
        await scope.ServiceProvider.GetRequiredService<AgentDbContext>().Database.MigrateAsync(TestContext.Current.CancellationToken);
        return host;
    }

    internal async Task ExecuteAsync(string sql)
    {
        await using var connection = await Database.OpenAsync(TestContext.Current.CancellationToken);
        await using var command = connection.CreateCommand();
        command.CommandText = sql;
        await command.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
    }

    internal async Task<long> CountAsync(string sql)
    {
        await using var connection = await Database.OpenAsync(TestContext.Current.CancellationToken);
        await using var command = connection.CreateCommand();
        command.CommandText = sql;
        return Convert.ToInt64(await command.ExecuteScalarAsync(TestContext.Current.CancellationToken), null);
    }
}

public sealed class SqliteStoreFixture : StoreFixture
{
    private readonly string _directory = Directory.CreateTempSubdirectory("codelab-store-").FullName;

    protected override Task<DatabaseOptions> CreateAsync() => Task.FromResult(new DatabaseOptions { DataDirectory = _directory });

    protected override Task DropAsync()
    {
        Microsoft.Data.Sqlite.SqliteConnection.ClearAllPools();
        Directory.Delete(_directory, recursive: true);
        return Task.CompletedTask;
    }
}

public sealed class PostgresStoreFixture : StoreFixture
{
    private static readonly string? Server = Environment.GetEnvironmentVariable("CODELAB_TEST_POSTGRES");
    private readonly string _name = $"codelab_store_{Guid.NewGuid():N}";
    private readonly string _directory = Directory.CreateTempSubdirectory("codelab-store-").FullName;

    public override string? Missing =>
        string.IsNullOrWhiteSpace(Server) ? "CODELAB_TEST_POSTGRES holds no connection string of a PostgreSQL server" : null;

    protected override async Task<DatabaseOptions> CreateAsync()
    {
        await OnServerAsync($"CREATE DATABASE {_name}");
        return new()
        {
            Provider = DatabaseProvider.PostgreSql,
            DataDirectory = _directory,
            ConnectionString = new NpgsqlConnectionStringBuilder(Server) { Database = _name }.ToString(),
        };
    }

    protected override async Task DropAsync()
    {
        await OnServerAsync($"DROP DATABASE {_name} WITH (FORCE)");
        Directory.Delete(_directory, recursive: true);
    }

    private static async Task OnServerAsync(string sql)
    {
        await using var connection = new NpgsqlConnection(Server);
        await connection.OpenAsync();
        await using DbCommand command = connection.CreateCommand();
        command.CommandText = sql;
        await command.ExecuteNonQueryAsync();
    }
}
