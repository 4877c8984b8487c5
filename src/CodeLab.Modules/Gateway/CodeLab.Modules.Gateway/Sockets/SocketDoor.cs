using System.Net.WebSockets;
using CodeLab.BuildingBlocks.Http;
using CodeLab.BuildingBlocks.Results;
using CodeLab.Modules.Gateway.Limits;
using CodeLab.Modules.Gateway.Live;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Options;

namespace CodeLab.Modules.Gateway.Sockets;

/// <summary>
/// The published WebSocket protocol (protocol.md §4) and, under the sub-protocol <c>codelab.v2</c>, the frames of the hub. Refusals before
/// the upgrade are HTTP answers; bad credentials are told on the socket, because clients of that protocol read the code there.
/// </summary>
internal sealed class SocketDoor(
    LiveDoor door,
    SocketCredentials credentials,
    SocketServices services,
    InFlightBytes inFlight,
    LiveAudit audit,
    IOptions<GatewayOptions> options
)
{
    private const string OwnProtocol = "codelab.v2";
    private const string Route = "/ws/{session_id}";

    private static readonly Error _noUpgrade = new(
        "UPGRADE_REQUIRED",
        "Open this address as a WebSocket.",
        StatusCodes.Status426UpgradeRequired
    );
    private static readonly Error _noCredentials = new(
        "UNAUTHORIZED",
        "Send an Authorization header, or open the socket with a ticket.",
        StatusCodes.Status401Unauthorized
    );

    private static readonly Error _forbidden = new(
        "PERMISSION_DENIED",
        "Your role or token does not permit this.",
        StatusCodes.Status403Forbidden
    );

    private static readonly Error _badId = new(
        "INVALID_SESSION_ID",
        "A session id has 1 to 64 characters of A-Z a-z 0-9 _ . -",
        StatusCodes.Status400BadRequest
    );

    public static bool IsFor(HttpContext context) =>
        context.Request.Path.StartsWithSegments("/ws", StringComparison.OrdinalIgnoreCase)
        || context.Request.Path.StartsWithSegments("/api/v1/ws", StringComparison.OrdinalIgnoreCase);

    public static void Map(IEndpointRouteBuilder app)
    {
        foreach (var prefix in (string[])["", "/api/v1"])
        {
            // The door looks at the credentials itself: it has three kinds, and answers bad ones on the socket.
            app.MapGet(prefix + Route, (HttpContext context, SocketDoor door, string session_id) => door.OpenAsync(context, session_id))
                .AllowAnonymous()
                .ExcludeFromDescription();
        }
    }

    public async Task OpenAsync(HttpContext context, string sessionId)
    {
        if (!context.WebSockets.IsWebSocketRequest)
        {
            context.Response.Headers.Upgrade = "websocket";
            await ProblemResults.WriteAsync(context, _noUpgrade);
            return;
        }
        if (!Ids.IsSession(sessionId))
        {
            await ProblemResults.WriteAsync(context, _badId);
            return;
        }
        var wishes = SocketWishes.Of(context.Request, options.Value.WholeMessageUserAgents);
        var (proof, problem) = await credentials.FindAsync(context, sessionId);
        var hasCredentials = SocketCredentials.AreIn(context.Request) || proof is { IsAnonymous: true };
        if (await door.RefuseAsync(context, proof?.User.UserId, hasCredentials, wishes.Resumes) is { } refused)
        {
            await RefuseAsync(context, refused);
            return;
        }
        if (proof is null && problem is null)
        {
            await RefuseAsync(context, _noCredentials);
            return;
        }
        if (proof is { MayRead: false })
        {
            await RefuseAsync(context, _forbidden);
            return;
        }
        var own = context.WebSockets.WebSocketRequestedProtocols.Contains(OwnProtocol, StringComparer.Ordinal);
        using var socket = await context.WebSockets.AcceptWebSocketAsync(
            new WebSocketAcceptContext
            {
                SubProtocol = own ? OwnProtocol : null,
                KeepAliveInterval = TimeSpan.FromSeconds(options.Value.PingSeconds),
                KeepAliveTimeout = TimeSpan.FromSeconds(options.Value.PongSeconds),
                // Compressed, what a client sent and what it is sent can be told from the sizes.
                DangerousEnableCompression = false,
            }
        );
        if (proof is null)
            await TurnAwayAsync(context, socket, own, sessionId, problem!);
        else
            await TalkAsync(context, socket, own, sessionId, proof, wishes);
    }

    private static Task RefuseAsync(HttpContext context, Error error)
    {
        if (error.Status == StatusCodes.Status401Unauthorized)
            context.Response.Headers.WWWAuthenticate = "Bearer";
        return ProblemResults.WriteAsync(context, error);
    }

    private async Task TurnAwayAsync(HttpContext context, WebSocket socket, bool own, string sessionId, Error problem)
    {
        var shape = ShapeOf(own, sessionId, "", new(true, new HashSet<string>(), [], false, null, null, null));
        var connection = new SocketConnection(
            context.Connection.Id,
            new LiveUser("", null),
            sessionId,
            shape,
            socket,
            context.Abort,
            services.Delivery
        );
        services.Fanout.Add(connection);
        try
        {
            connection.Fail(problem, CloseReason.Refused);
            await new SocketReader(socket, connection, inFlight, options.Value, TransportOf(context), _ => Task.CompletedTask).RunAsync(
                context.RequestAborted
            );
        }
        finally
        {
            services.Fanout.Remove(connection.Id);
        }
    }

    private async Task TalkAsync(HttpContext context, WebSocket socket, bool own, string sessionId, SocketProof proof, SocketWishes wishes)
    {
        var id = context.Connection.Id;
        var clientId = wishes.ClientId ?? id;
        var connection = new SocketConnection(
            id,
            proof.User,
            sessionId,
            ShapeOf(own, sessionId, clientId, wishes),
            socket,
            context.Abort,
            services.Delivery
        );
        connection.Renew(proof.Expires);
        services.Fanout.Add(connection);
        services.Delivery.Metrics.Connected("socket");
        using var told = audit.Open(connection, own ? "socket.v2" : "socket", sessionId, context);
        var session = new SocketSession(services, connection, new(proof.User, proof.MayWrite, proof.IsAnonymous), wishes, clientId);
        try
        {
            await using var opening = new Opening(session.OpenAsync());
            // Handled after the attach, read from the first moment.
            await new SocketReader(
                socket,
                connection,
                inFlight,
                options.Value,
                TransportOf(context),
                async message =>
                {
                    await opening.Task;
                    await session.HandleAsync(message);
                }
            ).RunAsync(context.RequestAborted);
        }
        finally
        {
            services.Fanout.Remove(connection.Id);
            services.Delivery.Metrics.Disconnected("socket");
            await session.CloseAsync();
        }
    }

    private static SocketTransport? TransportOf(HttpContext context) => context.Features.Get<IHttpUpgradeFeature>() as SocketTransport;

    private static SocketShape ShapeOf(bool own, string sessionId, string clientId, SocketWishes wishes) =>
        own ? OwnShape.Instance : new PublishedShape(new(sessionId, clientId, wishes.Whole, wishes.Capabilities));

    /// <summary>An attach under way, whose end is seen whatever becomes of the socket.</summary>
    private sealed class Opening(Task task) : IAsyncDisposable
    {
        public Task Task => task;

        public async ValueTask DisposeAsync() => await task;
    }
}
