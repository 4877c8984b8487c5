using System.Collections.Concurrent;
using System.Net;
using System.Text.Json;
using System.Threading.Channels;
using CodeLab.Client.SignIn;
using CodeLab.Protocol;
using CodeLab.Protocol.Frames;
using CodeLab.Protocol.Hub;
using CodeLab.Protocol.Rest;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.SignalR;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace CodeLab.UnitTests.Client.Sessions;

/// <summary>A hub that says what a test tells it to, over real HTTP and SignalR.</summary>
internal sealed class FakeSessionServer : IAsyncDisposable
{
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly WebApplication _app;

    private FakeSessionServer(WebApplication app) => _app = app;

    public ServerAddress Address { get; private set; } = null!;

    /// <summary>Every call of a hub method, in order.</summary>
    public Channel<(string Method, object Argument)> Calls { get; } = Channel.CreateUnbounded<(string, object)>();

    /// <summary>Answers Attach; the caller's connection can be told frames before it answers.</summary>
    public Func<AttachRequest, ISingleClientProxy, Task<AttachResponse>> OnAttach { get; set; } =
        (request, _) => Task.FromResult(Empty(request.SessionId));

    /// <summary>Answers inputs.</summary>
    public Func<string, object, InputAck> OnInput { get; set; } = (_, _) => new InputAck { Seq = 1 };

    public ConcurrentDictionary<string, HubCallerContext> Connections { get; } = new();

    public static async Task<FakeSessionServer> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder
            .Services.AddSignalR(options => options.MaximumReceiveMessageSize = null)
            .AddJsonProtocol(options => options.PayloadSerializerOptions = new JsonSerializerOptions(ProtocolJson.Default.Options));
        FakeSessionServer? server = null;
        builder.Services.AddSingleton(_ => server!);
        var app = builder.Build();
        server = new FakeSessionServer(app);
        app.MapHub<FakeHub>(SessionHubNames.Path, options => options.AllowStatefulReconnects = true);
        await app.StartAsync();
        var address = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First();
        server.Address = ServerAddress.Parse(address);
        return server;
    }

    public static SessionInfo Info(string id, string agent = "coder") =>
        new()
        {
            Id = id,
            SessionId = id,
            CurrentAgent = agent,
        };

    public static AttachResponse Empty(string id) =>
        new()
        {
            Session = Info(id),
            Frames = [],
            Executor = true,
        };

    public Task TellAsync(SessionFrame frame) =>
        _app.Services.GetRequiredService<IHubContext<FakeHub>>().Clients.All.SendAsync(SessionHubNames.Receive, frame);

    /// <summary>The next call of a method; others are skipped.</summary>
    public async Task<T> NextAsync<T>(string method)
    {
        using var limit = new CancellationTokenSource(Patience);
        while (true)
        {
            var (called, argument) = await Calls.Reader.ReadAsync(limit.Token);
            if (called == method)
                return (T)argument;
        }
    }

    /// <summary>Cuts every connection off, as a broken network does.</summary>
    public void Cut()
    {
        foreach (var connection in Connections.Values)
            connection.Abort();
    }

    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync();
        await _app.DisposeAsync();
    }

    internal sealed class FakeHub(FakeSessionServer server) : Hub
    {
        public override Task OnConnectedAsync()
        {
            server.Connections[Context.ConnectionId] = Context;
            return Task.CompletedTask;
        }

        public override Task OnDisconnectedAsync(Exception? exception)
        {
            server.Connections.TryRemove(Context.ConnectionId, out _);
            return Task.CompletedTask;
        }

        public async Task<AttachResponse> Attach(AttachRequest request)
        {
            var answer = await server.OnAttach(request, Clients.Caller);
            server.Calls.Writer.TryWrite((SessionHubNames.Attach, request));
            return answer;
        }

        public InputAck SendMessage(SendMessageRequest request) => Take(SessionHubNames.SendMessage, request);

        public InputAck SubmitToolResult(SubmitToolResultRequest request) => Take(SessionHubNames.SubmitToolResult, request);

        public InputAck Decide(DecideRequest request) => Take(SessionHubNames.Decide, request);

        public InputAck SwitchAgent(SwitchAgentRequest request) => Take(SessionHubNames.SwitchAgent, request);

        public InputAck Cancel(SessionRequest request) => Take(SessionHubNames.Cancel, request);

        private InputAck Take(string method, object request)
        {
            server.Calls.Writer.TryWrite((method, request));
            return server.OnInput(method, request);
        }
    }
}

internal sealed class FixedToken : ITokenSource
{
    public Task<string> GetAsync(CancellationToken cancellationToken = default) => Task.FromResult("token");

    public void Refused(string accessToken) { }
}
