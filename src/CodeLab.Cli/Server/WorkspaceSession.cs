using System.Runtime.InteropServices;
using CodeLab.Client.Approvals;
using CodeLab.Client.Sessions;
using CodeLab.Client.Tools;
using CodeLab.Client.Workspaces;
using CodeLab.Protocol.Hub;

namespace CodeLab.Cli.Server;

/// <summary>A session with the tools of a folder: identity, journal, tools and client, opened and closed together.</summary>
internal sealed class WorkspaceSession : IAsyncDisposable
{
    private readonly ToolJournal _journal;

    private WorkspaceSession(string sessionId, ToolJournal journal, LocalTools tools, SessionClient client)
    {
        SessionId = sessionId;
        _journal = journal;
        Tools = tools;
        Client = client;
    }

    public string SessionId { get; }
    public LocalTools Tools { get; }
    public SessionClient Client { get; }

    /// <summary>Prepares the session; <see cref="SessionClient.ConnectAsync"/> joins it.</summary>
    public static async Task<WorkspaceSession> OpenAsync(
        ServerConnection connection,
        ExecutorIdentity identity,
        string root,
        string? sessionId,
        ApprovalMode approvals,
        CancellationToken cancellationToken
    )
    {
        var id = sessionId ?? Guid.NewGuid().ToString();
        var journal = await ToolJournal.OpenAsync(identity.JournalPath(id), cancellationToken);
        try
        {
            var tools = new LocalTools(WorkspaceRoot.Open(root), new LocalToolOptions(), journal, connection.Time);
            var client = new SessionClient(
                new SessionClientOptions
                {
                    Server = connection.Server,
                    SessionId = id,
                    Tokens = connection.Tokens,
                    Client = new ClientInfo
                    {
                        Id = identity.Id,
                        Name = "codelab",
                        Version = ProgramVersion.Text,
                        Platform = Platform(),
                    },
                    Tools = new LocalToolExecutor(tools),
                    Workspace = await WorkspaceDescription.OfAsync(root, cancellationToken),
                    Approvals = approvals,
                    Time = connection.Time,
                }
            );
            return new WorkspaceSession(id, journal, tools, client);
        }
        catch
        {
            await journal.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await Client.DisposeAsync();
        await Tools.DisposeAsync();
        await _journal.DisposeAsync();
    }

    private static string Platform()
    {
        var shell = OperatingSystem.IsWindows() ? "cmd" : Path.GetFileName(Environment.GetEnvironmentVariable("SHELL") ?? "/bin/sh");
        return $"{RuntimeInformation.OSDescription} ({RuntimeInformation.OSArchitecture}), shell {shell}";
    }

    private sealed class LocalToolExecutor(LocalTools tools) : IToolExecutor
    {
        public IReadOnlyList<string> Names { get; } = [.. LocalTools.Names];

        public Task<ToolOutcome> ExecuteAsync(ToolInvocation invocation, CancellationToken cancellationToken) =>
            tools.ExecuteAsync(invocation, cancellationToken);
    }
}
