using System.Text.Json;
using CodeLab.BuildingBlocks.Results;
using CodeLab.Modules.Agent.Agents;
using CodeLab.Modules.Agent.Persistence;
using CodeLab.Modules.Agent.Sessions.Sharing;
using CodeLab.Modules.Auth.Users;
using CodeLab.Protocol.Rest;
using MediatR;

namespace CodeLab.Modules.Agent.Sessions.ReadSessions;

/// <summary>A session as one caller sees it.</summary>
internal static class SeenSession
{
    public static SessionInfo ToInfo(this SessionRow row, SessionCaller caller, SessionRight right) =>
        row.Owner == caller.UserId ? row.ToInfo() : row.ToInfo() with { OwnerId = row.Owner, Role = SessionAccess.RoleOf(right) };
}

internal sealed class GetSessionHandler(SessionAccess access) : IRequestHandler<GetSessionQuery, Result<SessionInfo>>
{
    public async Task<Result<SessionInfo>> Handle(GetSessionQuery query, CancellationToken cancellationToken)
    {
        var found = await access.FindAsync(query.Caller, query.SessionId, SessionRight.Watch, cancellationToken);
        if (!found.IsOk)
            return found.Error;
        var right = await access.RightAsync(query.Caller, query.SessionId, found.Value.Owner, cancellationToken);
        return found.Value.ToInfo(query.Caller, right);
    }
}

internal sealed class ListSessionsHandler(ISessionStore store, SessionShares shares, SessionAccess access, ISender sender)
    : IRequestHandler<ListSessionsQuery, Result<SessionList>>
{
    public async Task<Result<SessionList>> Handle(ListSessionsQuery query, CancellationToken cancellationToken)
    {
        var limit = Math.Clamp(query.Limit, 1, 1000);
        var offset = Math.Max(0, query.Offset);
        var page = new SessionPage(limit, offset, query.ActiveOnly, WithOwn: query.Scope == "all");
        var (rows, total) = query.Scope switch
        {
            "shared" or "all" => await SharedAsync(query, page, cancellationToken),
            "team" => await shares.ListOfAsync(
                await sender.Send(new GetLedMembersQuery(query.Caller.UserId), cancellationToken),
                page,
                cancellationToken
            ),
            _ => await store.ListAsync(query.Caller.UserId, limit, offset, query.ActiveOnly, cancellationToken),
        };
        var sessions = new List<SessionInfo>(rows.Count);
        foreach (var row in rows)
        {
            // One's own, which is all of them for most people, need no question.
            var right =
                row.Owner == query.Caller.UserId
                    ? SessionRight.Own
                    : await access.RightAsync(query.Caller, row.Id, row.Owner, cancellationToken);
            sessions.Add(row.ToInfo(query.Caller, right));
        }
        return new SessionList
        {
            Sessions = sessions,
            Total = total,
            Limit = limit,
            Offset = offset,
        };
    }

    private async Task<(IReadOnlyList<SessionRow> Rows, int Total)> SharedAsync(
        ListSessionsQuery query,
        SessionPage page,
        CancellationToken cancellationToken
    )
    {
        var person = await sender.Send(new GetUserQuery(query.Caller.UserId), cancellationToken);
        return await shares.ListAsync(query.Caller.UserId, [.. person?.Teams.Select(t => t.Id) ?? []], page, cancellationToken);
    }
}

internal sealed class GetPendingApprovalsHandler(ISessionStore store, SessionAccess access, SessionShares shares)
    : IRequestHandler<GetPendingApprovalsQuery, Result<PendingApprovalList>>
{
    public async Task<Result<PendingApprovalList>> Handle(GetPendingApprovalsQuery query, CancellationToken cancellationToken)
    {
        var found = await access.FindAsync(query.Caller, query.SessionId, SessionRight.Watch, cancellationToken);
        if (!found.IsOk)
            return found.Error;
        var rows = new List<ApprovalRow>();
        await AddAsync(rows, query.SessionId, cancellationToken);
        // Released clients drop the whole list for one plan in it (protocol.md §3.2).
        rows.RemoveAll(r => query.RequestType != "all" && IsPlan(r) != (query.RequestType == "plan"));
        return new PendingApprovalList
        {
            SessionId = query.SessionId,
            PendingApprovals = [.. rows.Select(ToApproval)],
            Count = rows.Count,
        };
    }

    /// <summary>Those of the session, then those of the tasks it waits for: they are decided here too.</summary>
    private async Task AddAsync(List<ApprovalRow> rows, string sessionId, CancellationToken cancellationToken)
    {
        rows.AddRange(await store.PendingApprovalsAsync(sessionId, cancellationToken));
        foreach (var task in await shares.OpenTasksAsync(sessionId, cancellationToken))
            await AddAsync(rows, task, cancellationToken);
    }

    private static bool IsPlan(ApprovalRow row) => row.ToolName == "create_plan";

    private static PendingApproval ToApproval(ApprovalRow row)
    {
        var arguments = JsonElement.Parse(row.Arguments.Span);
        return new()
        {
            RequestId = row.CallId,
            RequestType = IsPlan(row) ? "plan" : "tool",
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

internal sealed class GetHistoryHandler(ISessionStore store, SessionAccess access)
    : IRequestHandler<GetHistoryQuery, Result<SessionHistory>>
{
    public async Task<Result<SessionHistory>> Handle(GetHistoryQuery query, CancellationToken cancellationToken)
    {
        var found = await access.FindAsync(query.Caller, query.SessionId, SessionRight.Watch, cancellationToken);
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

internal sealed class GetCurrentAgentHandler(ISessionStore store, SessionAccess access, AgentCatalog agents)
    : IRequestHandler<GetCurrentAgentQuery, Result<CurrentAgentInfo>>
{
    public async Task<Result<CurrentAgentInfo>> Handle(GetCurrentAgentQuery query, CancellationToken cancellationToken)
    {
        var found = await access.FindAsync(query.Caller, query.SessionId, SessionRight.Watch, cancellationToken);
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
                    SwitchedAt = last?.Timestamp ?? row.CreatedAt,
                },
            AgentHistory = reader.Switches,
            SwitchHistory = reader.Switches,
            Context = new()
            {
                Id = query.SessionId,
                SessionId = query.SessionId,
                CurrentAgent = row.Agent,
                SwitchCount = reader.Switches.Count,
                SwitchHistory = reader.Switches,
                LastSwitchAt = last?.Timestamp,
                CreatedAt = row.CreatedAt,
            },
        };
    }
}
