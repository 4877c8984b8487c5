using CodeLab.FakeLlm;
using CodeLab.Testing.Databases;
using CodeLab.Testing.Servers;

namespace CodeLab.IntegrationTests.Turns;

/// <summary>A real host whose only model is a fake server of its own.</summary>
internal sealed class TurnServer : IAsyncDisposable
{
    private readonly TestDatabase _database;

    private TurnServer(FakeLlmServer fake, TestDatabase database, CodeLabServer server) =>
        (Fake, _database, Host) = (fake, database, server);

    public FakeLlmServer Fake { get; }

    public CodeLabServer Host { get; }

    public static async Task<TurnServer> StartAsync(
        DatabaseKind database = DatabaseKind.Sqlite,
        string provider = "openai",
        params (string Name, string? Value)[] settings
    )
    {
        var data = await TestDatabase.CreateAsync(database);
        var fake = await FakeLlmServer.StartAsync();
        (string, string?)[] model = provider switch
        {
            "openai" => [("OPENAI_API_KEY", "test"), ("OPENAI_BASE_URL", fake.OpenAiBaseUrl)],
            "anthropic" => [("ANTHROPIC_API_KEY", "test"), ("ANTHROPIC_BASE_URL", fake.AnthropicBaseUrl)],
            _ => [("OLLAMA_BASE_URL", fake.OllamaBaseUrl)],
        };
        var server = await CodeLabServer.StartAsync(
            new CodeLabServerOptions { DataDirectory = data.DataDirectory }.With([
                .. data.Environment,
                .. model,
                ("CodeLab__Llm__Ollama__Probe", "false"),
                // A killed host's leases on PostgreSQL last this long.
                ("CodeLab__Agent__LeaseSeconds", "3"),
                .. settings,
            ])
        );
        return new(fake, data, server);
    }

    public async ValueTask DisposeAsync()
    {
        await Host.DisposeAsync();
        await Fake.DisposeAsync();
        await _database.DisposeAsync();
    }
}
