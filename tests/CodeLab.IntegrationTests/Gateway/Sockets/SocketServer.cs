using CodeLab.IntegrationTests.Gateway.Rest;
using CodeLab.IntegrationTests.Turns;
using CodeLab.Testing.Servers;
using Xunit;

namespace CodeLab.IntegrationTests.Gateway.Sockets;

/// <summary>A host whose model plays the script a message names, so that the tests of a class share it.</summary>
public class SocketServer : IAsyncLifetime
{
    private TurnServer? _server;

    internal TurnServer Turns => _server!;

    internal CodeLabServer Host => _server!.Host;

    internal string Token { get; private set; } = "";

    internal virtual (string, string?)[] Settings => [];

    public async ValueTask InitializeAsync()
    {
        _server = await RestServer.StartAsync(settings: Settings);
        var fake = _server.Fake;
        fake.Script("hello", s => s.Text("Hello there, nice to see you.").DeltaSize(4));
        fake.Script("list", s => s.Text("I look.").ToolCall("list_files", new { path = "." }).Then().Text("That is all."));
        // A name for each time: within a session a script goes on where it was.
        foreach (var name in (string[])["write", "write-edit", "write-reject", "write-cancel"])
            fake.Script(name, s => s.ToolCall("write_file", new { path = "a.txt", content = "x" }).Then().Text("Understood."));
        fake.Script(
            "two",
            s =>
                s.ToolCall("list_files", new { path = "." }).ToolCall("read_file", new { path = "README.md" }).Then().Text("Both are read.")
        );
        fake.Script(
            "two-writes",
            s =>
                s.ToolCall("write_file", new { path = "a.txt", content = "a" })
                    .ToolCall("write_file", new { path = "b.txt", content = "b" })
                    .Then()
                    .Text("Both are written.")
        );
        Token = await _server.Host.GetTokenAsync(cancellationToken: TestContext.Current.CancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        if (_server is not null)
            await _server.DisposeAsync();
    }

    /// <summary>A service with <c>api:admin</c>.</summary>
    internal Task<HttpClient> AdminAsync() => RestServer.SignInServiceAsync(Host);

    /// <summary>A new developer: id and token.</summary>
    internal async Task<(string Id, string Token)> AddUserAsync(string name)
    {
        var unique = name + "-" + Guid.NewGuid().ToString("N")[..8];
        var (client, id) = await RestServer.AddUserAsync(Host, await AdminAsync(), unique);
        return (id, client.DefaultRequestHeaders.Authorization!.Parameter!);
    }

    /// <summary>Opens a socket, by default signed in, on a new session and the path with prefix.</summary>
    internal Task<SocketClient> OpenAsync(
        string? session = null,
        string query = "",
        string? token = "",
        string prefix = "/api/v1",
        string? protocol = null,
        params (string Name, string Value)[] headers
    ) => SocketClient.OpenAsync(Host, session ?? Guid.NewGuid().ToString(), query, token == "" ? Token : token, prefix, protocol, headers);
}
