using CodeLab.BuildingBlocks.Cluster;
using CodeLab.BuildingBlocks.Data;
using CodeLab.BuildingBlocks.Startup;
using CodeLab.Modules.Llm;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace CodeLab.Benchmarks.Llm;

/// <summary>The LLM module alone, on SQLite in a folder, as the benchmarks of its control plane need it.</summary>
internal sealed class ControlHost : IAsyncDisposable
{
    private readonly IHost _host;
    private readonly string _folder;
    private readonly bool _isTemporary;

    private ControlHost(IHost host, string folder, bool isTemporary) => (_host, _folder, _isTemporary) = (host, folder, isTemporary);

    public IServiceProvider Services => _host.Services;

    public static async Task<ControlHost> StartAsync(string? directory)
    {
        var folder = directory is null ? Directory.CreateTempSubdirectory("codelab-bench-").FullName : Path.GetFullPath(directory);
        var builder = Microsoft.Extensions.Hosting.Host.CreateEmptyApplicationBuilder(null);
        builder.Configuration.AddInMemoryCollection(
            new Dictionary<string, string?>
            {
                ["CodeLab:Llm:Ollama:Probe"] = "false",
                ["CodeLab:Llm:Limits:RequestsPerMinute"] = "1000000",
                ["CodeLab:Llm:Limits:Concurrent"] = "100000",
            }
        );
        builder.Services.AddSingleton(Options.Create(new DatabaseOptions { DataDirectory = folder }));
        builder.Services.AddDatabase();
        builder.AddCluster();
        builder.AddLlmModule();
        var host = builder.Build();
        foreach (var task in host.Services.GetServices<IStartupTask>().OrderBy(t => t.Order))
            await task.RunAsync(CancellationToken.None);
        await host.StartAsync();
        return new ControlHost(host, folder, directory is null);
    }

    public async ValueTask DisposeAsync()
    {
        await _host.StopAsync();
        await ((IAsyncDisposable)_host).DisposeAsync();
        if (!_isTemporary)
            return;
        SqliteConnection.ClearAllPools();
        Directory.Delete(_folder, recursive: true);
    }
}
