using System.Collections.Concurrent;
using System.Globalization;
using System.Net.WebSockets;
using System.Security.Claims;
using System.Text.Encodings.Web;
using CodeLab.BuildingBlocks.Limits;
using CodeLab.BuildingBlocks.Messages;
using CodeLab.BuildingBlocks.Results;
using CodeLab.BuildingBlocks.Startup;
using CodeLab.Modules.Agent.Sessions;
using CodeLab.Modules.Auth.Access;
using CodeLab.Modules.Gateway;
using CodeLab.Modules.Gateway.Live;
using CodeLab.Protocol.Frames;
using CodeLab.Protocol.Hub;
using CodeLab.Protocol.Rest;
using MediatR;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.SignalR;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace CodeLab.Benchmarks.Gateway;

/// <summary>
/// The doors of the Gateway module beside a bare Kestrel WebSocket and a bare hub that send the same bytes, in one process of their own. In
/// place of the sessions stand handlers that answer at once: the doors are what is measured.
/// </summary>
internal static class GatewayServer
{
    public const int MissedFrames = 1_000;
    private const int Window = 12;
    private static readonly ConcurrentDictionary<string, WebSocket> _bareSockets = new(StringComparer.Ordinal);

    public static async Task RunAsync()
    {
        var builder = WebApplication.CreateSlimBuilder(["--urls", "http://127.0.0.1:0"]);
        builder.Logging.ClearProviders();
        builder.Services.Configure<KestrelServerOptions>(kestrel => kestrel.AddServerHeader = false);
        builder.Services.AddSingleton(TimeProvider.System);
        builder.Services.AddSingleton<DrainState>();
        builder.Services.AddSingleton<IRateCounter, MemoryRateCounter>();
        builder.Services.AddAuthentication("Bench").AddScheme<AuthenticationSchemeOptions, Anyone>("Bench", null);
        builder
            .Services.AddAuthorizationBuilder()
            .AddPolicy(Policies.Read, p => p.RequireAssertion(_ => true))
            .AddPolicy(Policies.Write, p => p.RequireAssertion(_ => true))
            .AddPolicy(Policies.Admin, p => p.RequireAssertion(_ => true));
        builder.Configuration["CodeLab:RateLimits:Enabled"] = "false";
        builder.AddModuleMessages(typeof(GatewayServer).Assembly);
        builder.AddGatewayModule();
        var app = builder.Build();
        app.UseRouting();
        app.UseAuthentication();
        app.UseAuthorization();
        app.UseWhen(c => c.Request.Path.StartsWithSegments("/bare-ws", StringComparison.Ordinal), bare => bare.UseWebSockets());
        app.UseGatewayModule();
        app.MapGatewayModule();
        app.MapHub<BareHub>("/bare-hub");
        app.MapGet("/bare-ws/{id}", BareSocketAsync);
        app.MapPost("/publish/{kind}", PublishAsync);
        app.MapPost(
            "/collect",
            () =>
            {
                GC.Collect(2, GCCollectionMode.Aggressive, blocking: true, compacting: true);
                return Environment.CpuUsage.TotalTime.TotalMilliseconds.ToString(CultureInfo.InvariantCulture);
            }
        );
        await app.StartAsync();
        Console.WriteLine(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First());
        // Ends with the benchmark that started it.
        await Console.In.ReadToEndAsync();
        await app.StopAsync();
    }

    public static AssistantMessageFrame Delta(string session, int offset, string token) =>
        new()
        {
            SessionId = session,
            MessageId = "msg_0123456789abcdefghijklmn",
            Token = token,
            Offset = offset,
            Agent = "coder",
        };

    private static async Task BareSocketAsync(HttpContext context, string id)
    {
        using var socket = await context.WebSockets.AcceptWebSocketAsync();
        _bareSockets[context.Connection.Id] = socket;
        var buffer = new byte[256];
        try
        {
            while ((await socket.ReceiveAsync(buffer.AsMemory(), context.RequestAborted)).MessageType != WebSocketMessageType.Close) { }
        }
        catch (Exception ended) when (ended is WebSocketException or OperationCanceledException)
        {
            // The benchmark ended the connection.
        }
        finally
        {
            _bareSockets.TryRemove(context.Connection.Id, out _);
        }
    }

    /// <summary>Sends pieces of text to everybody; with a rate to one session after the other, evenly, and with the time of sending in the text.</summary>
    private static async Task PublishAsync(
        string kind,
        int count,
        int sessions,
        int? perSecond,
        SessionFanout fanout,
        IHubContext<BareHub> hub
    )
    {
        var json = FrameJson.Serialize(Delta("fan", 123_456, "four "));
        Func<SessionFrame, ReadOnlyMemory<byte>, Task> send = kind switch
        {
            "bare-ws" => (_, bytes) => SendBareAsync(bytes),
            "bare-hub" => (frame, _) => hub.Clients.All.SendAsync(SessionHubNames.Receive, frame),
            _ => (frame, _) =>
            {
                fanout.Publish(frame);
                return Task.CompletedTask;
            },
        };
        if (perSecond is { } rate)
        {
            await PaceAsync(kind, count, sessions, rate, fanout, hub);
            return;
        }
        for (var sent = 0; sent < count; sent++)
        {
            await send(Delta("fan", 123_456, "four "), json);
            // Let readers keep up: joined pieces would be fewer messages than the bare server sends.
            if (sent % Window == Window - 1)
            {
                foreach (var connection in fanout.Connections)
                {
                    while (connection.IsWaiting)
                        await Task.Yield();
                }
            }
        }
    }

    private static async Task SendBareAsync(ReadOnlyMemory<byte> json)
    {
        foreach (var socket in _bareSockets.Values)
            await socket.SendAsync(json, WebSocketMessageType.Text, true, CancellationToken.None);
    }

    private static async Task PaceAsync(string kind, int count, int sessions, int perSecond, SessionFanout fanout, IHubContext<BareHub> hub)
    {
        var sockets = _bareSockets.Values.ToArray();
        var began = TimeProvider.System.GetTimestamp();
        var ticksEach = TimeProvider.System.TimestampFrequency / (double)perSecond;
        for (var sent = 0; sent < count; sent++)
        {
            while (TimeProvider.System.GetTimestamp() - began < sent * ticksEach)
                await Task.Delay(1);
            var now = TimeProvider.System.GetTimestamp().ToString(CultureInfo.InvariantCulture);
            var frame = Delta("s-" + (sent % sessions).ToString(CultureInfo.InvariantCulture), sent, now);
            if (kind == "bare-ws")
                await sockets[sent % sockets.Length].SendAsync(FrameJson.Serialize(frame), WebSocketMessageType.Text, true, default);
            else if (kind == "bare-hub")
                await hub.Clients.Group(frame.SessionId).SendAsync(SessionHubNames.Receive, frame);
            else
                fanout.Publish(frame);
        }
    }

    /// <summary>Everybody is somebody of their own.</summary>
    private sealed class Anyone(IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory logger, UrlEncoder encoder)
        : AuthenticationHandler<AuthenticationSchemeOptions>(options, logger, encoder)
    {
        protected override Task<AuthenticateResult> HandleAuthenticateAsync()
        {
            var identity = new ClaimsIdentity("Bench", "name", "role");
            identity.AddClaim(new("sub", Context.Connection.Id));
            identity.AddClaim(new("sid", "s"));
            identity.AddClaim(new("scope", "api:read api:write"));
            return Task.FromResult(AuthenticateResult.Success(new(new ClaimsPrincipal(identity), "Bench")));
        }
    }
}

/// <summary>A hub as short as can be.</summary>
[AllowAnonymous]
internal sealed class BareHub : Hub
{
    public Task Attach(SessionRequest request) => Groups.AddToGroupAsync(Context.ConnectionId, request.SessionId);
}

internal sealed class BenchAttachHandler : IRequestHandler<AttachSessionCommand, Result<AttachResponse>>
{
    private static readonly SessionFrame[] _missed =
    [
        .. Enumerable
            .Range(1, GatewayServer.MissedFrames)
            .Select(seq => new ToolResultFrame
            {
                SessionId = "s",
                Seq = seq,
                CallId = "call_0123456789abcdefghijklmn",
                ToolName = "read_file",
                Status = "result",
                Result = System.Text.Json.JsonSerializer.SerializeToElement(new string('x', 400)),
            }),
    ];

    public Task<Result<AttachResponse>> Handle(AttachSessionCommand request, CancellationToken cancellationToken) =>
        Task.FromResult<Result<AttachResponse>>(
            new AttachResponse
            {
                Session = new SessionInfo
                {
                    Id = request.Request.SessionId,
                    SessionId = request.Request.SessionId,
                    CurrentAgent = "coder",
                },
                LastSeq = request.Request.LastSeq is null ? 0 : GatewayServer.MissedFrames,
                Frames = request.Request.LastSeq is null || !request.Replay ? [] : _missed,
            }
        );
}

internal sealed class BenchDetachHandler : IRequestHandler<DetachSessionCommand, Unit>
{
    public Task<Unit> Handle(DetachSessionCommand request, CancellationToken cancellationToken) => Unit.Task;
}
