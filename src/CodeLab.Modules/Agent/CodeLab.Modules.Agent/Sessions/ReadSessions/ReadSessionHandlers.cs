using System.Text.Json;
using CodeLab.BuildingBlocks.Results;
using CodeLab.Modules.Agent.Agents;
using CodeLab.Modules.Agent.Persistence;
using CodeLab.Protocol.Rest;
using MediatR;

namespace CodeLab.Modules.Agent.Sessions.ReadSessions;

/// <summary>Reads a session for its owner; anybody else's, a deleted and an unknown one are the same.</summary>
internal static class OwnedSession
{
    public static async Task<Result<SessionRow>> FindOwnAsync(
        this ISessionStore store,
        SessionCaller caller,
        string sessionId,
        CancellationToken cancellationToken
    )
    {
        if (!SessionMapping.IsValidId(sessionId))
            return SessionErrors.NotFound(sessionId);
        var row = await store.FindAsync(sessionId, cancellationToken);
        return row is null || row.Owner != caller.UserId || row.DeletedAt is not null ? SessionErrors.NotFound(sessionId) : row;
    }
}

internal sealed class GetSessionHandler(ISessionStore store) : IRequestHandler<GetSessionQuery, Result<SessionInfo>>
{
    public async Task<Result<SessionInfo>> Handle(GetSessionQuery query, CancellationToken cancellationToken)
    {
        var found = await store.FindOwnAsync(query.Caller, query.SessionId, cancellationToken);
        return found.IsOk ? found.Value.ToInfo() : found.Error;
    }
}

internal sealed class ListSessionsHandler(ISessionStore store) : IRequestHandler<ListSessionsQuery, Result<SessionList>>
{
    public async Task<Result<SessionList>> Handle(ListSessionsQuery query, CancellationToken cancellationToken)
    {
        var limit = Math.Clamp(query.Limit, 1, 1000);
        var offset = Math.Max(0, query.Offset);
        var (rows, total) = await store.ListAsync(query.Caller.UserId, limit, offset, query.ActiveOnly, cancellationToken);
        return new SessionList
        {
            Sessions = [.. rows.Select(r => r.ToInfo())],
            Total = total,
            Limit = limit,
            Offset = offset,
        };
    }
}

internal sealed class GetPendingApprovalsHandler(ISessionStore store)
    : IRequestHandler<GetPendingApprovalsQuery, Result<PendingApprovalList>>
{
    public async Task<Result<PendingApprovalList>> Handle(GetPendingApprovalsQuery query, CancellationToken cancellationToken)
    {
        var found = await store.FindOwnAsync(query.Caller, query.SessionId, cancellationToken);
        if (!found.IsOk)
            return found.Error;
        var rows = await store.PendingApprovalsAsync(query.SessionId, cancellationToken);
        return new PendingApprovalList
        {
            SessionId = query.SessionId,
            PendingApprovals = [.. rows.Select(ToApproval)],
            Count = rows.Count,
        };
    }

    private static PendingApproval ToApproval(ApprovalRow row)
    {
        var arguments = JsonElement.Parse(row.Arguments.Span);
        return new()
        {
            RequestId = row.CallId,
            RequestType = "tool",
            Subject = row.ToolName,
            CallId = row.CallId,
            ToolName = row.ToolName,
            Arguments = arguments,
            Details = new() { Arguments = arguments },
            Reason = row.Reason,
            CreatedAt = row.CreatedAt,
            Status = row.Status,
        };
    }
}

internal sealed class GetHistoryHandler(ISessionStore store) : IRequestHandler<GetHistoryQuery, Result<SessionHistory>>
{
    public async Task<Result<SessionHistory>> Handle(GetHistoryQuery query, CancellationToken cancellationToken)
    {
        var found = await store.FindOwnAsync(query.Caller, query.SessionId, cancellationToken);
        if (!found.IsOk)
            return found.Error;
        var row = found.Value;
        var reader = new HistoryReader();
        await foreach (var happened in store.ReadAsync(query.SessionId, 0, row.LastSeq, cancellationToken))
            reader.Read(happened);
        var messages = reader.Messages.Skip(Math.Max(0, query.Offset));
        return new SessionHistory
        {
            SessionId = query.SessionId,
            Messages = [.. query.Limit is { } limit ? messages.Take(Math.Max(0, limit)) : messages],
            MessageCount = reader.Messages.Count,
            LastActivity = row.LastActivity,
            CurrentAgent = row.Agent,
            AgentHistory = reader.Switches,
        };
    }
}

internal sealed class GetCurrentAgentHandler(ISessionStore store, AgentCatalog agents)
    : IRequestHandler<GetCurrentAgentQuery, Result<CurrentAgentInfo>>
{
    public async Task<Result<CurrentAgentInfo>> Handle(GetCurrentAgentQuery query, CancellationToken cancellationToken)
    {
        var found = await store.FindOwnAsync(query.Caller, query.SessionId, cancellationToken);
        if (!found.IsOk)
            return found.Error;
        var row = found.Value;
        var reader = new HistoryReader();
        await foreach (var happened in store.ReadAsync(query.SessionId, 0, row.LastSeq, cancellationToken))
            reader.Read(happened);
        var last = reader.Switches.Count > 0 ? reader.Switches[^1] : null;
        var agent = agents.Find(row.Agent);
        return new CurrentAgentInfo
        {
            SessionId = query.SessionId,
            CurrentAgent = row.Agent,
            PreviousAgent = last?.From,
            SwitchCount = reader.Switches.Count,
            CurrentBadge = agent is null
                ? null
                : new()
                {
                    Type = agent.Type,
                    Name = agent.Name,
                    Emoji = agent.Emoji,
                    SwitchedAt = last?.Timestamp,
                },
            AgentHistory = reader.Switches,
            SwitchHistory = reader.Switches,
        };
    }
}
