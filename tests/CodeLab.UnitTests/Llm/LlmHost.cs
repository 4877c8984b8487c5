using CodeLab.BuildingBlocks.Cluster;
using CodeLab.BuildingBlocks.Data;
using CodeLab.BuildingBlocks.Startup;
using CodeLab.FakeLlm;
using CodeLab.Modules.Llm;
using CodeLab.Modules.Llm.Chat;
using CodeLab.Modules.Llm.Persistence;
using CodeLab.Modules.Llm.Usage;
using MediatR;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Xunit;

namespace CodeLab.UnitTests.Llm;

/// <summary>The module alone, over SQLite in a folder of its own, with the settings of a test.</summary>
internal sealed class LlmHost : IAsyncDisposable
{
    private readonly IHost _host;
    private readonly DirectoryInfo _folder;

    private readonly bool _ownsFolder;

    private LlmHost(IHost host, DirectoryInfo folder, bool ownsFolder) => (_host, _folder, _ownsFolder) = (host, folder, ownsFolder);

    public ISender Sender => _host.Services.GetRequiredService<ISender>();

    public IServiceProvider Services => _host.Services;

    public static Task<LlmHost> StartAsync(params (string Name, string Value)[] settings) =>
        StartAsync((Action<IServiceCollection>?)null, null, settings);

    /// <summary>With further services of a test, and with a data folder that another start goes on with.</summary>
    public static async Task<LlmHost> StartAsync(
        Action<IServiceCollection>? configure,
        DirectoryInfo? shared,
        params (string Name, string Value)[] settings
    )
    {
        var folder = shared ?? Directory.CreateTempSubdirectory("codelab-llm-");
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.Configuration.AddInMemoryCollection(
            new Dictionary<string, string?>
            {
                ["CodeLab:Llm:Ollama:Probe"] = "false",
                ["CodeLab:Llm:Demo:WordDelayMilliseconds"] = "0",
                ["CodeLab:Llm:Retries:DelayMilliseconds"] = "1",
            }
        );
        builder.Configuration.AddInMemoryCollection(settings.Select(s => KeyValuePair.Create(s.Name, (string?)s.Value)));
        builder
            .Services.AddOptions<DatabaseOptions>()
            .Bind(builder.Configuration.GetSection(DatabaseOptions.Section))
            .Configure(o => o.DataDirectory = folder.FullName);
        builder.Services.AddDatabase();
        builder.AddCluster();
        builder.AddLlmModule();
        configure?.Invoke(builder.Services);
        var host = builder.Build();
        foreach (var task in host.Services.GetServices<IStartupTask>())
            await task.RunAsync(TestContext.Current.CancellationToken);
        await host.StartAsync(TestContext.Current.CancellationToken);
        return new LlmHost(host, folder, shared is null);
    }

    /// <summary>The module with the fake model as its only provider.</summary>
    public static Task<LlmHost> StartAsync(string kind, FakeLlmServer fake, params (string Name, string Value)[] settings) =>
        StartAsync([.. Settings(kind, fake), .. settings]);

    public static Task<FakeLlmServer> FakeAsync(FakeLlmOptions? options = null) =>
        FakeLlmServer.StartAsync(options, TestContext.Current.CancellationToken);

    public static (string Name, string Value)[] Settings(string kind, FakeLlmServer fake) =>
        kind switch
        {
            "openai" => [("OPENAI_API_KEY", "sk-canary"), ("OPENAI_BASE_URL", fake.OpenAiBaseUrl)],
            "anthropic" => [("ANTHROPIC_API_KEY", "sk-canary"), ("ANTHROPIC_BASE_URL", fake.AnthropicBaseUrl)],
            "azure_openai" =>
            [
                ("AZURE_OPENAI_API_KEY", "sk-canary"),
                ("AZURE_OPENAI_ENDPOINT", fake.AzureBaseUrl),
                ("CodeLab:Llm:AzureOpenAi:Models:0", "fake-model"),
            ],
            "ollama" => [("OLLAMA_BASE_URL", fake.OllamaBaseUrl)],
            _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, null),
        };

    public IAsyncEnumerable<ChatUpdate> Stream(
        IReadOnlyList<ChatMessage> messages,
        ChatCallOptions? options = null,
        string? model = "fake-model",
        CancellationToken cancellationToken = default
    ) =>
        Sender.CreateStream(
            new StreamChatQuery(new ChatCaller("ada", "session-1", "coder"), model, messages, options ?? new ChatCallOptions()),
            cancellationToken
        );

    public Task<List<ChatUpdate>> AskAsync(string text, ChatCallOptions? options = null, string? model = "fake-model") =>
        AskAsync([new ChatMessage(ChatRole.User, text)], options, model);

    public async Task<List<ChatUpdate>> AskAsync(
        IReadOnlyList<ChatMessage> messages,
        ChatCallOptions? options = null,
        string? model = "fake-model"
    )
    {
        var updates = new List<ChatUpdate>();
        await foreach (var update in Stream(messages, options, model, TestContext.Current.CancellationToken))
            updates.Add(update);
        return updates;
    }

    public async Task<List<UsageEntry>> LedgerAsync()
    {
        await using var scope = Services.CreateAsyncScope();
        return await scope
            .ServiceProvider.GetRequiredService<LlmDbContext>()
            .Usage.OrderBy(u => u.Id)
            .ToListAsync(TestContext.Current.CancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        await _host.StopAsync(CancellationToken.None);
        if (_host is IAsyncDisposable disposable)
            await disposable.DisposeAsync();
        Microsoft.Data.Sqlite.SqliteConnection.ClearAllPools();
        if (_ownsFolder)
            _folder.Delete(recursive: true);
    }

    public static string TextOf(IEnumerable<ChatUpdate> updates) =>
        string.Concat(updates.OfType<ChatUpdate.TextDelta>().Select(t => t.Text));

    public static AIFunctionDeclaration Tool(string name) =>
        AIFunctionFactory.CreateDeclaration(
            name,
            $"The tool {name}.",
            System.Text.Json.JsonElement.Parse("""{"type":"object","properties":{"path":{"type":"string"}},"required":["path"]}""")
        );
}
