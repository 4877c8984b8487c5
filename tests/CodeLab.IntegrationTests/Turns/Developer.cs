using System.Text.Json;
using CodeLab.Client.Approvals;
using CodeLab.Client.Sessions;
using CodeLab.Client.SignIn;
using CodeLab.Client.Tools;
using CodeLab.Protocol.Frames;
using CodeLab.Protocol.Hub;
using CodeLab.Testing.Servers;
using Xunit;

namespace CodeLab.IntegrationTests.Turns;

/// <summary>A developer at a machine: the real client with the real tools in a folder of its own, and a record of all it was told.</summary>
internal sealed class Developer : IAsyncDisposable
{
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(90);
    private readonly List<SessionUpdate> _heard = [];
    private readonly SemaphoreSlim _news = new(0);
    private readonly string _folder;
    private readonly ToolJournal? _journal;
    private readonly LocalTools? _tools;
    private readonly Task _reading;

    private Developer(string folder, string sessionId, ToolJournal? journal, LocalTools? tools, SessionClient client)
    {
        (_folder, SessionId, _journal, _tools, Client) = (folder, sessionId, journal, tools, client);
        _reading = ReadAsync();
    }

    public string SessionId { get; }

    public SessionClient Client { get; }

    /// <summary>The workspace.</summary>
    public string Workspace => Path.Combine(_folder, "workspace");

    public IReadOnlyList<SessionUpdate> Heard
    {
        get
        {
            lock (_heard)
                return [.. _heard];
        }
    }

    /// <summary>Durable frames in the order they were told.</summary>
    public IReadOnlyList<SessionFrame> Durable =>
        [.. Heard.OfType<SessionUpdate.FrameReceived>().Select(u => u.Frame).Where(f => f.Seq is not null)];

    /// <summary>All that was told, for the message of a failing test.</summary>
    public string Transcript =>
        string.Join('\n', Heard.Select(h => h is SessionUpdate.FrameReceived f ? f.Raw.GetRawText() : h.ToString()));

    /// <summary>Sits down at a server.</summary>
    /// <param name="server">The server.</param>
    /// <param name="sessionId">The session; null = a new one.</param>
    /// <param name="approvals">What is approved without asking.</param>
    /// <param name="before">Awaited before each tool runs.</param>
    /// <param name="watchOnly">Without tools.</param>
    /// <param name="username">Who.</param>
    /// <param name="connect">False: the caller connects.</param>
    /// <param name="password">Whose password; null = the one all users of the host have.</param>
    public static async Task<Developer> SitDownAsync(
        CodeLabServer server,
        string? sessionId = null,
        ApprovalMode approvals = ApprovalMode.All,
        Func<ToolInvocation, Task>? before = null,
        bool watchOnly = false,
        string username = CodeLabServer.AdminName,
        bool connect = true,
        string? password = null
    )
    {
        var folder = Directory.CreateTempSubdirectory("codelab-dev-").FullName;
        var workspace = Directory.CreateDirectory(Path.Combine(folder, "workspace")).FullName;
        await File.WriteAllTextAsync(Path.Combine(workspace, "README.md"), "# Sample\n\nHello.\n");
        var id = sessionId ?? Guid.NewGuid().ToString();
        ToolJournal? journal = null;
        LocalTools? tools = null;
        if (!watchOnly)
        {
            journal = await ToolJournal.OpenAsync(Path.Combine(folder, "journal.jsonl"));
            tools = new LocalTools(WorkspaceRoot.Open(workspace), new LocalToolOptions(), journal, TimeProvider.System);
        }
        var client = new SessionClient(
            new SessionClientOptions
            {
                Server = ServerAddress.Parse(server.BaseAddress.AbsoluteUri),
                SessionId = id,
                Tokens = new Tokens(server, username, password),
                Client = new ClientInfo
                {
                    Id = "exec-" + Guid.NewGuid().ToString("N"),
                    Name = "test",
                    Platform = "linux",
                },
                Tools = tools is null ? null : new Executor(tools, before),
                Workspace = watchOnly ? null : new WorkspaceInfo { Name = "workspace" },
                Approvals = approvals,
            }
        );
        var developer = new Developer(folder, id, journal, tools, client);
        if (connect)
            await client.ConnectAsync();
        return developer;
    }

    /// <summary>Says something to the agent named.</summary>
    public Task<InputAck> SayAsync(string text, string? messageId = null, string? whenBusy = null) =>
        Client.SendAsync(
            text,
            agent: "coder",
            messageId: messageId,
            whenBusy: whenBusy,
            cancellationToken: TestContext.Current.CancellationToken
        );

    public Task<InputAck> DecideAsync(
        string callId,
        string decision,
        object? modified = null,
        string? feedback = null,
        bool remember = false
    ) =>
        Client.DecideAsync(
            callId,
            decision,
            modified is null ? null : JsonSerializer.SerializeToElement(modified),
            feedback,
            remember,
            cancellationToken: TestContext.Current.CancellationToken
        );

    /// <summary>Waits until something like this was heard, also before now.</summary>
    public async Task<T> HearsAsync<T>(Func<T, bool>? wanted = null)
        where T : SessionFrame
    {
        using var patience = new CancellationTokenSource(_patience);
        while (true)
        {
            if (
                Heard
                    .OfType<SessionUpdate.FrameReceived>()
                    .Select(u => u.Frame)
                    .OfType<T>()
                    .FirstOrDefault(f => wanted?.Invoke(f) != false) is
                { } frame
            )
                return frame;
            try
            {
                await _news.WaitAsync(patience.Token);
            }
            catch (OperationCanceledException exception)
            {
                throw new TimeoutException($"Never heard {typeof(T).Name}. Heard:\n{Transcript}", exception);
            }
        }
    }

    public Task<ToolCallFrame> HearsQuestionAsync() => HearsAsync<ToolCallFrame>(f => f.RequiresApproval);

    public Task<TurnCompletedFrame> HearsTheEndAsync() => HearsAsync<TurnCompletedFrame>();

    /// <summary>Waits until so many turns ended well.</summary>
    public Task HearsEndsAsync(int turns) => HearsAsync<TurnCompletedFrame>(_ => Durable.OfType<TurnCompletedFrame>().Count() >= turns);

    /// <summary>How often something ran, counted by what it left.</summary>
    public int Lines(string file) =>
        File.Exists(Path.Combine(Workspace, file)) ? File.ReadAllLines(Path.Combine(Workspace, file)).Length : 0;

    public async ValueTask DisposeAsync()
    {
        await Client.DisposeAsync();
        await _reading;
        if (_tools is not null)
            await _tools.DisposeAsync();
        if (_journal is not null)
            await _journal.DisposeAsync();
        _news.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private async Task ReadAsync()
    {
        await foreach (var update in Client.Updates.ReadAllAsync())
        {
            lock (_heard)
                _heard.Add(update);
            _news.Release();
        }
    }

    private sealed class Tokens(CodeLabServer server, string username, string? password) : ITokenSource
    {
        private string? _token;

        public async Task<string> GetAsync(CancellationToken cancellationToken = default) =>
            _token ??= await server.GetTokenAsync(username, password ?? CodeLabServer.AdminPassword, cancellationToken);

        public void Refused(string accessToken) => _token = null;
    }

    private sealed class Executor(LocalTools tools, Func<ToolInvocation, Task>? before) : IToolExecutor
    {
        public IReadOnlyList<string> Names { get; } = [.. LocalTools.Names];

        public async Task<ToolOutcome> ExecuteAsync(ToolInvocation invocation, CancellationToken cancellationToken)
        {
            if (before is not null)
                await before(invocation);
            return await tools.ExecuteAsync(invocation, cancellationToken);
        }
    }
}
