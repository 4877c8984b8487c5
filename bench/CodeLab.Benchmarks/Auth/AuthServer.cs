using CodeLab.BuildingBlocks.Cluster;
using CodeLab.BuildingBlocks.Data;
using CodeLab.BuildingBlocks.Startup;
using CodeLab.Modules.Auth;
using CodeLab.Modules.Auth.Access;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace CodeLab.Benchmarks.Auth;

/// <summary>The Auth module behind Kestrel on a free loopback port, on SQLite in a folder of its own or on a database of its own.</summary>
internal sealed class AuthServer : IAsyncDisposable
{
    public const string Password = "Correct-Horse-9-Battery";
    public const string Secret = "a-secret-of-the-benchmark";
    private readonly string _folder;

    private AuthServer(WebApplication app, string folder) => (App, _folder) = (app, folder);

    public WebApplication App { get; }

    public Uri Address => new(App.Urls.First());

    public Database Database => App.Services.GetRequiredService<Database>();

    /// <param name="postgres">Connection string of a PostgreSQL server; null for SQLite.</param>
    public static async Task<AuthServer> StartAsync(string? postgres)
    {
        var folder = Directory.CreateTempSubdirectory("codelab-bench-").FullName;
        var builder = WebApplication.CreateEmptyBuilder(new());
        builder.WebHost.UseKestrelCore().UseUrls("http://127.0.0.1:0");
        builder.Services.AddRoutingCore();
        builder.Logging.ClearProviders();
        builder.Configuration.AddInMemoryCollection([
            new("CODELAB_ADMIN_USERNAME", "ada"),
            new("CODELAB_ADMIN_PASSWORD", Password),
            new("CodeLab:RateLimits:Enabled", "false"),
            new("CodeLab:Auth:Clients:0:ClientId", "bench"),
            new("CodeLab:Auth:Clients:0:ClientSecret", Secret),
        ]);
        string? database = null;
        if (postgres is not null)
            database = await CreateAsync(postgres);
        builder
            .Services.AddOptions<DatabaseOptions>()
            .Configure(o =>
            {
                o.DataDirectory = folder;
                if (database is not null)
                    (o.Provider, o.ConnectionString) = (DatabaseProvider.PostgreSql, database);
            });
        builder.Services.AddDatabase();
        builder.AddCluster();
        builder.Services.AddSingleton<StartupGate>();
        builder.AddAuthModule();
        var app = builder.Build();
        app.UseRouting();
        // Before the module: what a request costs that is asked nothing.
        app.UseWhen(c => c.Request.Path == "/bare", branch => branch.Run(c => c.Response.WriteAsync("ok")));
        app.UseAuthModule();
        app.MapAuthModule();
        app.MapGet("/checked", (HttpContext c) => c.Response.WriteAsync("ok")).RequireAuthorization(Policies.SignedIn);
        await app.StartAsync();
        foreach (var task in app.Services.GetServices<IStartupTask>().OrderBy(t => t.Order))
            await task.RunAsync(CancellationToken.None);
        app.Services.GetRequiredService<StartupGate>().Open();
        return new(app, folder);
    }

    public async ValueTask DisposeAsync()
    {
        await App.DisposeAsync();
        Microsoft.Data.Sqlite.SqliteConnection.ClearAllPools();
        NpgsqlConnection.ClearAllPools();
        Directory.Delete(_folder, recursive: true);
    }

    private static async Task<string> CreateAsync(string server)
    {
        var name = "auth_bench_" + Guid.NewGuid().ToString("N");
        await using var connection = new NpgsqlConnection(server);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand($"CREATE DATABASE {name}", connection);
        await command.ExecuteNonQueryAsync();
        return new NpgsqlConnectionStringBuilder(server) { Database = name }.ToString();
    }
}
