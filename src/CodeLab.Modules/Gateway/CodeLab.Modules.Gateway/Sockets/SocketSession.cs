using System.Text.Json;
using CodeLab.BuildingBlocks.Results;
using CodeLab.Modules.Agent.Sessions;
using CodeLab.Modules.Gateway.Live;
using CodeLab.Protocol;
using CodeLab.Protocol.Hub;
using CodeLab.Protocol.Socket;
using Microsoft.Extensions.Logging;

namespace CodeLab.Modules.Gateway.Sockets;

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
