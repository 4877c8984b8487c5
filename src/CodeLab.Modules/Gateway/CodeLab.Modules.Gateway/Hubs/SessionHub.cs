using System.Text.Json;
using CodeLab.BuildingBlocks.Results;
using CodeLab.BuildingBlocks.Startup;
using CodeLab.Modules.Agent.Sessions;
using CodeLab.Modules.Auth.Access;
using CodeLab.Modules.Gateway.Limits;
using CodeLab.Modules.Gateway.Live;
using CodeLab.Modules.Gateway.Sessions;
using CodeLab.Protocol.Hub;
using MediatR;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.SignalR;

namespace CodeLab.Modules.Gateway.Hubs;

/// <summary>The hub of design.md §7. A method answers as soon as its input is committed and never waits for a turn.</summary>
[Authorize(Policy = Policies.Read)]
internal sealed class SessionHub(
    ISender sender,
    SessionFanout fanout,
    HubConnections connections,
    MessageLimits rates,
    DrainState drain,
    ConnectLimits limits,
    LiveAudit audit,
    Delivery delivery
) : Hub
{
    private SessionCaller Caller => Context.User!.ToCaller("hub", Context.ConnectionId);

    public override Task OnConnectedAsync()
    {
        var user = LiveUser.Of(Context.User!);
        var http = Context.GetHttpContext();
        // An upgrade without negotiation has a slot of its own, as long as its request.
        if (http?.Features.Get<ConnectionSlots.Slot>() is null)
        {
            if (!limits.TryClaim(user.UserId, out var slot))
                throw new HubException("RATE_LIMIT_EXCEEDED: You have too many connections open. Close one.");
            Context.Items[typeof(ConnectionSlots.Slot)] = slot;
        }
        var connection = new HubLiveConnection(connections[Context.ConnectionId], user, delivery);
        fanout.Add(connection);
        delivery.Metrics.Connected("hub");
        Context.Items[typeof(LiveAudit)] = audit.Open(connection, "hub", null, http);
        return Task.CompletedTask;
    }

    public override async Task OnDisconnectedAsync(Exception? exception)
    {
        if (fanout.Remove(Context.ConnectionId))
            delivery.Metrics.Disconnected("hub");
        (Context.Items[typeof(LiveAudit)] as IDisposable)?.Dispose();
        (Context.Items[typeof(ConnectionSlots.Slot)] as IDisposable)?.Dispose();
        // The connection is gone, and with it its token: the session must hear of it nevertheless.
        await sender.Send(new DetachSessionCommand(Caller, null), CancellationToken.None);
    }

    [Authorize(Policy = Policies.Read)]
    public async Task<AttachResponse> Attach(AttachRequest request)
    {
        HubInput.Check(request.SessionId);
        RefuseWhileDraining();
        var connection = fanout.Find(Context.ConnectionId) ?? throw new HubException("NOT_ATTACHED: The connection is closing.");
        var subscription = fanout.BeginAttach(connection, request.SessionId);
        var attached = false;
        try
        {
            var answer = HubInput.ValueOf(await sender.Send(new AttachSessionCommand(Caller, request), Context.ConnectionAborted));
            answer = answer with { Frames = [.. answer.Frames.Select(f => FrameJson.Fit(f).Frame)] };
            connection.GoLive(request.SessionId, subscription, answer, []);
            if (request.LastSeq > 0)
                delivery.Metrics.Resumed();
            attached = true;
            return answer;
        }
        finally
        {
            if (!attached)
                fanout.CancelAttach(connection, request.SessionId, subscription);
        }
    }

    [Authorize(Policy = Policies.Read)]
    public async Task Detach(SessionRequest request)
    {
        HubInput.Check(request.SessionId);
        if (fanout.Find(Context.ConnectionId) is { } connection)
            fanout.Leave(connection, request.SessionId);
        await sender.Send(new DetachSessionCommand(Caller, request.SessionId), Context.ConnectionAborted);
    }

    [Authorize(Policy = Policies.Write)]
    public Task<InputAck> SendMessage(SendMessageRequest request)
    {
        RefuseWhileDraining();
        return StartAsync(
            request.SessionId,
            new SessionInput.Message(
                HubInput.Optional(request.MessageId, "message_id"),
                request.Content,
                request.AgentType,
                request.Model,
                request.Attachments
            )
            {
                WhenBusy = request.WhenBusy,
            }
        );
    }

    // Results of calls in flight are taken even while the host drains: they are what a turn needs to reach a commit point.
    [Authorize(Policy = Policies.Write)]
    public Task<InputAck> SubmitToolResult(SubmitToolResultRequest request)
    {
        var (error, code) = HubInput.ErrorOf(request.Error);
        return AcceptAsync(
            request.SessionId,
            new SessionInput.ToolResult(HubInput.Required(request.CallId, "call_id"), HubInput.Present(request.Result), error, code)
        );
    }

    [Authorize(Policy = Policies.Write)]
    public Task<InputAck> Decide(DecideRequest request) =>
        StartAsync(
            request.SessionId,
            new SessionInput.Decision(
                HubInput.Required(request.CallId, "call_id"),
                request.Decision,
                HubInput.Present(request.ModifiedArguments),
                request.Feedback,
                request.Remember is not null
            )
            {
                RememberScope = request.Remember?.Scope,
                RememberDays = request.Remember?.Days,
            }
        );

    [Authorize(Policy = Policies.Write)]
    public Task<InputAck> SwitchAgent(SwitchAgentRequest request)
    {
        RefuseWhileDraining();
        return StartAsync(request.SessionId, new SessionInput.Switch(request.AgentType, request.Content, request.Reason));
    }

    [Authorize(Policy = Policies.Write)]
    public Task<InputAck> UpdateContext(UpdateContextRequest request) =>
        StartAsync(request.SessionId, new SessionInput.Context(request.Action, request.Data));

    // Stopping always works, however many messages came before.
    [Authorize(Policy = Policies.Write)]
    public Task<InputAck> Cancel(SessionRequest request) => AcceptAsync(request.SessionId, new SessionInput.Cancel());

    /// <summary>Chooses who runs the tools from now on.</summary>
    [Authorize(Policy = Policies.Write)]
    public async Task ChooseExecutor(ChooseExecutorRequest request)
    {
        HubInput.Check(request.SessionId);
        var command = new ChooseExecutorCommand(Caller, request.SessionId, HubInput.Optional(request.ClientId, "client_id"));
        HubInput.ValueOf(await sender.Send(command, CancellationToken.None));
    }

    /// <summary>An input the client started: it is counted.</summary>
    private Task<InputAck> StartAsync(string sessionId, SessionInput input)
    {
        HubInput.Check(sessionId);
        if (rates.Take(Context.ConnectionId, sessionId) is { } refused)
        {
            if (refused.Close)
                fanout.Find(Context.ConnectionId)?.Close(CloseReason.Flood);
            throw new HubException($"{refused.Error.Code}: {refused.Error.Message}");
        }
        return AcceptAsync(sessionId, input);
    }

    // Once here an input is committed whether or not its sender still waits: it may come back and ask.
    private async Task<InputAck> AcceptAsync(string sessionId, SessionInput input)
    {
        HubInput.Check(sessionId);
        var ack = await sender.Send(new AcceptInputCommand(Caller, sessionId, input), CancellationToken.None);
        delivery.Metrics.Processed(ack.IsOk);
        return HubInput.ValueOf(ack);
    }

    private void RefuseWhileDraining()
    {
        if (drain.IsDraining)
            throw new HubException("SERVER_SHUTTING_DOWN: The server is restarting. Reconnect in a few seconds.");
    }
}

/// <summary>Translates between the hub's records and the messages of Agent.</summary>
internal static class HubInput
{
    public static void Check(string? sessionId)
    {
        if (!Ids.IsSession(sessionId))
            throw new HubException("INVALID_SESSION_ID: session_id must be 1 to 64 characters of A-Z a-z 0-9 _ . -");
    }

    public static string Required(string? id, string name) =>
        Ids.IsId(id) ? id! : throw new HubException($"INVALID_REQUEST: {name} must be 1 to 128 characters of A-Z a-z 0-9 _ . : -");

    public static string? Optional(string? id, string name) => id is null ? null : Required(id, name);

    public static T ValueOf<T>(Result<T> result) =>
        result.IsOk ? result.Value : throw new HubException($"{result.Error.Code}: {result.Error.Message}");

    /// <summary>An explicit <c>null</c> is an absent member.</summary>
    public static JsonElement? Present(JsonElement? value) =>
        value is { ValueKind: JsonValueKind.Null or JsonValueKind.Undefined } ? null : value;

    /// <summary>An error is a sentence, or an object <c>{code, message}</c>.</summary>
    public static (string? Error, string? Code) ErrorOf(JsonElement? error) =>
        Present(error) switch
        {
            null => (null, null),
            { ValueKind: JsonValueKind.String } text => (text.GetString(), null),
            { ValueKind: JsonValueKind.Object } both => (Member(both, "message") ?? both.GetRawText(), Member(both, "code")),
            { } other => (other.GetRawText(), null),
        };

    private static string? Member(JsonElement value, string name) =>
        value.TryGetProperty(name, out var member) && member.ValueKind == JsonValueKind.String ? member.GetString() : null;
}
