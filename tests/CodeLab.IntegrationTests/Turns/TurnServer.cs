using CodeLab.FakeLlm;
using CodeLab.Testing.Databases;
using CodeLab.Testing.Servers;

namespace CodeLab.IntegrationTests.Turns;

/// <summary>A real host whose only model is a fake server of its own.</summary>
internal sealed class TurnServer : IAsyncDisposable
{
    private readonly TestDatabase _database;

    private readonly (string Name, string? Value)[] _settings;

    private TurnServer(FakeLlmServer fake, TestDatabase database, CodeLabServer server, (string Name, string? Value)[] settings) =>
        (Fake, _database, Host, _settings) = (fake, database, server, settings);

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
        (string, string?)[] all =
        [
            .. data.Environment,
            .. model,
            ("CodeLab__Llm__Ollama__Probe", "false"),
            // A killed host's leases on PostgreSQL last this long.
            ("CodeLab__Agent__LeaseSeconds", "3"),
            .. settings,
        ];
        var server = await CodeLabServer.StartAsync(new CodeLabServerOptions { DataDirectory = data.DataDirectory }.With(all));
        return new(fake, data, server, all);
    }

    /// <summary>Another host on the same database, with the same keys and model.</summary>
    public Task<CodeLabServer> StartSecondAsync(params (string Name, string? Value)[] settings) =>
        CodeLabServer.StartAsync(
            new CodeLabServerOptions().With([
                .. _settings,
                ("CodeLab__KeyEncryptionKeyFile", Path.Combine(_database.DataDirectory, "keys", "key-encryption.key")),
                .. settings,
            ])
        );

    public async ValueTask DisposeAsync()
    {
        await Host.DisposeAsync();
        await Fake.DisposeAsync();
        await _database.DisposeAsync();
    }
}
