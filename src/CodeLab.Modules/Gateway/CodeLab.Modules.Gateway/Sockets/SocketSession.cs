using System.Text.Json;
using CodeLab.BuildingBlocks.Results;
using CodeLab.BuildingBlocks.Startup;
using CodeLab.Modules.Agent.Sessions;
using CodeLab.Modules.Gateway.Limits;
using CodeLab.Modules.Gateway.Live;
using CodeLab.Protocol;
using CodeLab.Protocol.Frames;
using CodeLab.Protocol.Hub;
using CodeLab.Protocol.Socket;
using MediatR;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace CodeLab.Modules.Gateway.Sockets;

/// <summary>What every socket works with.</summary>
internal sealed class SocketServices(
    IServiceScopeFactory scopes,
    SessionFanout fanout,
    MessageLimits rates,
    DrainState drain,
    Delivery delivery,
    SocketCredentials credentials,
    ILogger<SocketSession> logger
)
{
    public SessionFanout Fanout => fanout;
    public MessageLimits Rates => rates;
    public DrainState Drain => drain;
    public Delivery Delivery => delivery;
    public SocketCredentials Credentials => credentials;
    public ILogger<SocketSession> Logger => logger;

    public async Task<T> SendAsync<T>(IRequest<T> request)
    {
        await using var scope = scopes.CreateAsyncScope();
        // What was read is committed whether or not the socket lives on: its sender may come back and ask.
        return await scope.ServiceProvider.GetRequiredService<ISender>().Send(request, CancellationToken.None);
    }
}

/// <summary>Who is on the socket and what it may do.</summary>
/// <param name="User">The user; the session's owner for a socket without credentials.</param>
/// <param name="MayWrite">False for a viewer.</param>
/// <param name="IsAnonymous">True for the released IDE, which sends no credentials.</param>
internal sealed record SocketHolder(LiveUser User, bool MayWrite, bool IsAnonymous);

/// <summary>The conversation on one socket: attaches it to its session, and answers what is said.</summary>
internal sealed partial class SocketSession(
    SocketServices services,
    SocketConnection connection,
    SocketHolder holder,
    SocketWishes wishes,
    string clientId
)
{
    // What every client of the published protocol runs (protocol.md §6.1); more through ?tools=.
    private static readonly string[] _publishedTools =
    [
        "read_file",
        "write_file",
        "list_files",
        "search_in_code",
        "create_directory",
        "execute_command",
    ];

    private static readonly Error _readOnly = new("PERMISSION_DENIED", "Your role or token may read this session only.", 403);
    private static readonly Error _expired = new("TOKEN_EXPIRED", "The access token has expired. Refresh it and connect again.", 401);
    private static readonly Error _draining = new("SERVER_SHUTTING_DOWN", "The server is restarting. Reconnect in a few seconds.", 503)
    {
        RetryAfterSeconds = 5,
    };

    private readonly string _session = connection.SessionId;
    private bool _attached;

    private SessionCaller Caller =>
        new(holder.User.UserId, connection.IsPublished ? "socket" : "socket.v2", connection.Id) { IsAdmin = holder.User.IsAdmin };

    /// <summary>Attaches a client of the published protocol. A session that is not there yet is made by the first message.</summary>
    public async Task OpenAsync()
    {
        if (!connection.IsPublished)
            return;
        var attached = await AttachPublishedAsync(create: false);
        if (attached is null || (attached.Code == "SESSION_NOT_FOUND" && !holder.IsAnonymous))
            return;
        connection.Fail(attached, attached.Code == "SESSION_NOT_FOUND" ? CloseReason.UnknownSession : CloseReason.Crowded);
    }

    public async Task CloseAsync()
    {
        if (_attached)
            await services.SendAsync(new DetachSessionCommand(Caller, null));
    }

    /// <summary>Answers one message. Never throws: a socket outlives a message that fails.</summary>
    public async Task HandleAsync(ReadOnlyMemory<byte> utf8)
    {
        string? id = null;
        try
        {
            var read = SocketInputs.Read(utf8.Span);
            if (IsFlood(read.Value))
                return;
            id = read.Value?.Id;
            var failed = read.Error ?? await AnswerAsync(read.Value!);
            services.Delivery.Metrics.Processed(failed is null);
            if (failed is not null)
                Fail(failed, read.Value, id);
        }
        catch (Exception exception)
        {
            var correlation = Guid.NewGuid().ToString("N");
            MessageFailed(services.Logger, exception, correlation);
            services.Delivery.Metrics.Processed(false);
            connection.Fail(new("INTERNAL_ERROR", $"Something went wrong. Name {correlation} when you ask for help.", 500), messageId: id);
        }
    }

    private void Fail(Error error, ClientMessage? message, string? id)
    {
        // Without its session a socket of the published protocol has nothing to do here (protocol.md §4.1).
        if (error.Code == "SESSION_NOT_FOUND" && connection.IsPublished)
            connection.Fail(error, CloseReason.UnknownSession);
        else
            connection.Fail(error, isFinal: message is UserMessage, id);
    }

    private bool IsFlood(ClientMessage? message)
    {
        if (message is not null && !SocketInputs.IsCounted(message))
            return false;
        if (services.Rates.Take(connection.Id, _session) is not { } refused)
            return false;
        if (refused.Close)
            connection.Fail(refused.Error, CloseReason.Flood);
        else
            connection.Fail(refused.Error, messageId: message?.Id);
        return true;
    }

    private async Task<Error?> AnswerAsync(ClientMessage message)
    {
        switch (message)
        {
            case PingMessage:
                connection.Reply(new PongMessage { Id = connection.IsPublished ? null : message.Id });
                return null;
            case AuthMessage auth:
                return await AuthenticateAsync(auth);
        }
        if (connection.IsExpired && message is not ToolResultMessage)
            return _expired;
        if (services.Drain.IsDraining && message is UserMessage or SwitchAgentMessage or AttachMessage)
            return _draining;
        switch (message)
        {
            case AttachMessage attach when !connection.IsPublished:
                return await AttachAsync(attach);
            case ChooseExecutorMessage choose when holder.MayWrite:
                return await ChooseAsync(choose);
        }
        if (SocketInputs.ToInput(message, connection.IsPublished) is not { } input)
            return message is ChooseExecutorMessage
                ? _readOnly
                : new Error("INVALID_TYPE", "Unknown message type: attach (this socket is attached already).", 400);
        if (input.Error is { } invalid)
            return invalid;
        return holder.MayWrite ? await SayAsync(message, input.Value!) : _readOnly;
    }

    private async Task<Error?> SayAsync(ClientMessage message, SessionInput input)
    {
        if (!_attached && connection.IsPublished && message is UserMessage or SwitchAgentMessage)
        {
            if (await AttachPublishedAsync(create: true) is { } refused)
                return refused;
        }
        var ack = await services.SendAsync(new AcceptInputCommand(Caller, _session, input));
        if (ack.Error is { } error)
            return error;
        if (!connection.IsPublished)
            Acknowledge(message.Id, ack.Value!);
        return null;
    }

    private async Task<Error?> ChooseAsync(ChooseExecutorMessage choose)
    {
        var chosen = await services.SendAsync(new ChooseExecutorCommand(Caller, _session, choose.ClientId));
        if (chosen.Error is { } error)
            return error;
        if (!connection.IsPublished)
            Acknowledge(choose.Id, new InputAck());
        return null;
    }

    private void Acknowledge(string? id, InputAck ack) =>
        connection.Reply(
            new AckMessage
            {
                Id = id,
                SessionId = _session,
                Seq = ack.Seq,
                Duplicate = ack.Duplicate,
            }
        );

    private async Task<Error?> AuthenticateAsync(AuthMessage auth)
    {
        if ((auth.Token ?? auth.ApiKey) is not { Length: > 0 } token)
            return new Error("MISSING_FIELD", "'token' is required and must not be empty.", 400);
        var (proof, error) = await services.Credentials.VerifyAsync(token);
        if (proof is null)
            return error;
        // A socket keeps its owner: somebody else's token would show them what is not theirs.
        if (proof.User.UserId != holder.User.UserId)
            return new Error("PERMISSION_DENIED", "The token is somebody else's. Open a connection of its own.", 403);
        connection.Renew(proof.Expires);
        connection.Reply(
            new AuthResultMessage
            {
                SessionId = _session,
                Status = "success",
                ExpiresIn = proof.Expires is { } expires
                    ? (int)Math.Max(0, (expires - services.Delivery.Time.GetUtcNow()).TotalSeconds)
                    : null,
            }
        );
        return null;
    }

    private async Task<Error?> AttachPublishedAsync(bool create)
    {
        var request = new AttachRequest
        {
            SessionId = _session,
            LastSeq = wishes.LastSeq,
            Client = new ClientInfo { Id = clientId, Name = wishes.Program },
            Tools = holder.MayWrite ? [.. _publishedTools.Concat(wishes.Tools).Select(Name)] : null,
            Capabilities = [AttachCapabilities.OneCallAtATime],
        };
        return await AttachAsync(
            new AttachSessionCommand(Caller, request) { Create = create, Replay = wishes.LastSeq is not null },
            SocketReplay.Published,
            (answer, frames) => SocketReplay.AddPendingAsync(services, Caller, clientId, wishes, answer, frames)
        );
    }

    private Task<Error?> AttachAsync(AttachMessage attach)
    {
        var request = new AttachRequest
        {
            SessionId = _session,
            LastSeq = attach.LastSeq,
            Client = attach.Client,
            Tools = holder.MayWrite ? attach.Tools : null,
            Workspace = attach.Workspace,
            Capabilities = attach.Capabilities,
        };
        return AttachAsync(
            new AttachSessionCommand(Caller, request),
            answer => SocketReplay.Own(answer, attach.Id, _session),
            (_, _) => Task.CompletedTask
        );
    }

    private async Task<Error?> AttachAsync(
        AttachSessionCommand command,
        Func<AttachResponse, List<WireFrame>> replay,
        Func<AttachResponse, List<WireFrame>, Task> complete
    )
    {
        var subscription = services.Fanout.BeginAttach(connection, _session);
        var attached = false;
        try
        {
            var answer = await services.SendAsync(command);
            if (answer.Error is { } error)
                return error;
            var frames = replay(answer.Value!);
            await complete(answer.Value!, frames);
            if (wishes.Capabilities.Contains("session_info"))
                frames.Insert(0, WireFrame.Raw(PublishedFrames.Write(new SessionInfoMessage { SessionId = _session })));
            connection.GoLive(_session, subscription, answer.Value!, frames);
            if (command.Request.LastSeq > 0)
                services.Delivery.Metrics.Resumed();
            attached = _attached = true;
            if (connection.IsPublished)
                MakeRoom();
            return null;
        }
        finally
        {
            if (!attached)
                services.Fanout.CancelAttach(connection, _session, subscription);
        }
    }

    /// <summary>Closes the oldest sockets of a session that has too many (protocol.md §4.1): their windows were closed without a word.</summary>
    private void MakeRoom()
    {
        var sockets = services
            .Fanout.AudienceOf(_session)
            .OfType<SocketConnection>()
            .Where(s => s is { IsPublished: true, IsClosing: false })
            .ToList();
        foreach (var oldest in sockets.Take(sockets.Count - services.Delivery.Limits.SocketsPerSession))
            oldest.Close(CloseReason.Replaced);
    }

    private static JsonElement Name(string tool) => JsonSerializer.SerializeToElement(tool, ProtocolJson.Default.String);

    [LoggerMessage(1002, LogLevel.Error, "A socket message failed; correlation id {CorrelationId}")]
    private static partial void MessageFailed(ILogger logger, Exception exception, string correlationId);
}

/// <summary>What a socket is sent before anything live.</summary>
internal static class SocketReplay
{
    /// <summary>
    /// For the published protocol: what still means something. A call that has ended, or was decided, is not sent: old clients would run it. One
    /// that runs is sent only to the client it was given to (security.md §11.4).
    /// </summary>
    public static List<WireFrame> Published(AttachResponse answer)
    {
        var over = new HashSet<string>(StringComparer.Ordinal);
        foreach (var frame in answer.Frames)
        {
            if (frame is ToolResultFrame { CallId: var ended })
                over.Add(ended);
            else if (frame is ApprovalResolvedFrame { CallId: var decided })
                over.Add(decided);
        }
        var frames = new List<WireFrame>(answer.Frames.Count + 2);
        foreach (var frame in answer.Frames)
        {
            if (frame is not ToolCallFrame call || (call.RequiresApproval && !over.Contains(call.CallId)))
                frames.Add(WireFrame.Of(frame));
        }
        AddOpen(answer, frames);
        return frames;
    }

    /// <summary>For <c>codelab.v2</c>: the answer, then every frame that was missed.</summary>
    public static List<WireFrame> Own(AttachResponse answer, string? id, string sessionId)
    {
        var frames = new List<WireFrame>(answer.Frames.Count + 3)
        {
            WireFrame.Raw(
                PublishedFrames.Write(
                    new AttachedMessage
                    {
                        Id = id,
                        SessionId = sessionId,
                        Session = answer.Session,
                        LastSeq = answer.LastSeq,
                        Missed = answer.Frames.Count,
                        Executor = answer.Executor,
                        Resync = answer.Resync,
                        Status = answer.Status,
                    }
                )
            ),
        };
        frames.AddRange(answer.Frames.Select(WireFrame.Of));
        AddOpen(answer, frames);
        return frames;
    }

    /// <summary>For a client that comes back without a position: the approvals that wait, which its last connection may not have shown.</summary>
    public static async Task AddPendingAsync(
        SocketServices services,
        SessionCaller caller,
        string clientId,
        SocketWishes wishes,
        AttachResponse answer,
        List<WireFrame> frames
    )
    {
        // Whether it is the executor decides what it is shown; the frame that tells everybody comes behind these.
        if (answer.Executor)
            frames.Insert(0, new WireFrame(Presence(answer, caller, clientId)));
        if (!wishes.Resumes || wishes.LastSeq is not null)
            return;
        var pending = await services.SendAsync(new GetPendingApprovalsQuery(caller, answer.Session.Id));
        foreach (var approval in pending.Value?.PendingApprovals ?? [])
        {
            frames.Add(
                WireFrame.Of(
                    new ToolCallFrame
                    {
                        SessionId = answer.Session.Id,
                        CallId = approval.CallId,
                        ToolName = approval.ToolName,
                        Arguments = approval.Arguments,
                        RequiresApproval = true,
                        Reason = approval.Reason,
                        Redelivered = true,
                    }
                )
            );
        }
    }

    private static PresenceFrame Presence(AttachResponse answer, SessionCaller caller, string clientId) =>
        new()
        {
            SessionId = answer.Session.Id,
            Clients =
            [
                new()
                {
                    ClientId = clientId,
                    UserId = caller.UserId,
                    Door = caller.Door,
                    RunsTools = true,
                    Executor = true,
                },
            ],
        };

    private static void AddOpen(AttachResponse answer, List<WireFrame> frames)
    {
        foreach (var call in answer.OpenCalls ?? [])
            frames.Add(WireFrame.Of(call));
        if (answer.Streaming is { } text)
            frames.Add(
                new WireFrame(
                    new AssistantMessageFrame
                    {
                        SessionId = answer.Session.Id,
                        MessageId = text.MessageId,
                        Token = text.Text,
                        Offset = 0,
                        Agent = text.Agent,
                    }
                )
            );
    }
}
