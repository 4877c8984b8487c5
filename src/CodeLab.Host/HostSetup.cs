using CodeLab.BuildingBlocks.Cluster;
using CodeLab.BuildingBlocks.Data;
using CodeLab.BuildingBlocks.Modules;
using CodeLab.BuildingBlocks.Startup;
using CodeLab.Host.Configuration;
using CodeLab.Host.Health;
using CodeLab.Host.Http;
using CodeLab.Host.Http.ApiDocument;
using CodeLab.Host.Logging;
using CodeLab.Host.Metrics;
using CodeLab.Host.Shutdown;
using CodeLab.Host.Startup;
using Microsoft.Extensions.Options;

namespace CodeLab.Host;

/// <summary>Puts the house together: what the host itself brings, then the modules.</summary>
internal static class HostSetup
{
    public static WebApplicationBuilder CreateBuilder(string[] args)
    {
        // The slim builder leaves out what we do not use: IIS, event log, regex constraints. The content root is the program's own folder: in somebody's project folder lies
        // somebody else's appsettings.json. Watching that file would cost a thread and an inotify handle.
        var builder = WebApplication.CreateSlimBuilder(
            new WebApplicationOptions
            {
                Args = ["--hostBuilder:reloadConfigOnChange=false", .. args],
                ContentRootPath = AppContext.BaseDirectory,
            }
        );
        SettingAliases.Apply(builder.Configuration);
        builder.AddJsonLogs();
        builder.AddListener();
        builder.AddHostOptions();
        builder.Services.AddSingleton(TimeProvider.System);
        builder.Services.AddSingleton<StartupGate>();
        builder.Services.AddSingleton<DrainState>();
        builder.Services.AddDatabase();
        builder.AddCluster();
        builder.Services.AddHealth();
        builder.Services.AddHostedService<StartupRunner>();
        builder.Services.AddHostedService<ParentWatch>();
        builder.Services.AddOrderlyShutdown();
        builder.AddWireJson();
        builder.AddMetrics();
        builder.AddApiDocument();
        builder.AddModules();
        return builder;
    }

    /// <summary>The way of a request, outermost first.</summary>
    public static void UseCodeLab(this WebApplication app)
    {
        app.UseTrustedProxies();
        app.UseMiddleware<ResponseHeaders>();
        app.UseMiddleware<RequestMetrics>();
        app.UseMiddleware<ErrorHandling>();
        app.UseMiddleware<HealthEndpoints>();
        app.UseMiddleware<StartingGate>();
        app.UseErrorBodies();
        app.UseRouting();
        app.UseModules();
        if (app.Environment.IsDevelopment())
            app.MapOpenApi().AllowAnonymous();
        app.MapModules();
        app.MapMetrics();
    }

    private static void AddHostOptions(this WebApplicationBuilder builder)
    {
        builder.AddModuleOptions<HostSettings>(HostSettings.Section);
        builder.AddModuleOptions<DatabaseOptions>(DatabaseOptions.Section);
        // Two settings of the contract (design.md §12) live outside the section of the options they belong to.
        builder
            .Services.AddOptions<DatabaseOptions>()
            .Configure<IConfiguration>(
                (options, configuration) =>
                {
                    options.DataDirectory = configuration["CodeLab:DataDirectory"] ?? options.DataDirectory;
                    options.ConnectionString = configuration.GetConnectionString("CodeLab") ?? options.ConnectionString;
                }
            );
        builder.Services.AddSingleton(services => services.GetRequiredService<IOptions<HostSettings>>().Value);
    }
}
