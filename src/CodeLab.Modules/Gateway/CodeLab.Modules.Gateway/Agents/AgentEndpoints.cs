using System.Security.Claims;
using CodeLab.BuildingBlocks.Http;
using CodeLab.BuildingBlocks.Results;
using CodeLab.Modules.Agent.Agents;
using CodeLab.Modules.Agent.Sessions;
using CodeLab.Modules.Auth.Access;
using CodeLab.Modules.Gateway.Sessions;
using CodeLab.Protocol;
using CodeLab.Protocol.Rest;
using MediatR;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace CodeLab.Modules.Gateway.Agents;

/// <summary>Agents over REST (protocol.md §3.3).</summary>
internal static class AgentEndpoints
{
    private static readonly Error _noAgent = new("MISSING_FIELD", "agent_type is missing.", StatusCodes.Status400BadRequest);

    public static void Map(IEndpointRouteBuilder app)
    {
        var agents = app.MapGroup("/api/v1/agents").WithTags("Agents").AddEndpointFilter<SessionIdFilter>();
        agents
            .MapGet("/", ListAsync)
            .WithName("ListAgents")
            .WithSummary("Lists the agents of this server")
            .WithDescription("format=array answers the bare array.")
            .RequireAuthorization(Policies.Read)
            .Answers<AgentList>();
        agents
            .MapGet("/{id}/current", CurrentAsync)
            .WithName("GetCurrentAgent")
            .WithSummary("Reads the current agent of a session and its switches")
            .RequireAuthorization(Policies.Read)
            .Answers<CurrentAgentInfo>(StatusCodes.Status404NotFound);
        agents
            .MapPost("/{id}/switch", SwitchAsync)
            .WithName("SwitchAgent")
            .WithSummary("Gives a session another agent")
            .WithDescription("The agent is named by agent_type or target_agent; agent_switched is told on live connections.")
            .RequireAuthorization(Policies.Write)
            .Answers<AgentSwitchAnswer>(StatusCodes.Status404NotFound);
    }

    private static async Task<IResult> ListAsync(ISender sender, CancellationToken cancellationToken, string? format = null)
    {
        var agents = await sender.Send(new ListAgentsQuery(), cancellationToken);
        return format == "array"
            ? TypedResults.Json(agents.Agents, ProtocolJson.Default.IReadOnlyListAgentInfo)
            : TypedResults.Json(agents, ProtocolJson.Default.AgentList);
    }

    private static async Task<IResult> CurrentAsync(string id, ClaimsPrincipal user, ISender sender, CancellationToken cancellationToken)
    {
        var current = await sender.Send(new GetCurrentAgentQuery(SessionEndpoints.Caller(user), id), cancellationToken);
        return current.Error is { } error ? error.ToProblem() : TypedResults.Json(current.Value, ProtocolJson.Default.CurrentAgentInfo);
    }

    private static async Task<IResult> SwitchAsync(
        string id,
        SwitchAgentBody body,
        ClaimsPrincipal user,
        ISender sender,
        CancellationToken cancellationToken
    )
    {
        if ((body.AgentType ?? body.TargetAgent) is not { Length: > 0 } agent)
            return _noAgent.ToProblem();
        var caller = SessionEndpoints.Caller(user);
        var before = await sender.Send(new GetCurrentAgentQuery(caller, id), cancellationToken);
        if (before.Error is { } unknown)
            return unknown.ToProblem();
        var ack = await sender.Send(
            new AcceptInputCommand(caller, id, new SessionInput.Switch(agent, null, body.Reason)),
            cancellationToken
        );
        if (ack.Error is { } error)
            return error.ToProblem();
        // The switch that was asked for, as the log has it: with the agent's own id where an alias was sent.
        var after = await sender.Send(new GetCurrentAgentQuery(caller, id), cancellationToken);
        if (after.Error is { } gone)
            return gone.ToProblem();
        var made = after.Value!.SwitchHistory[before.Value!.SwitchCount];
        var answer = new AgentSwitchAnswer
        {
            SessionId = id,
            SwitchedFrom = made.From,
            SwitchedTo = made.To,
            FromAgent = made.From,
            ToAgent = made.To,
            Reason = made.Reason,
            Timestamp = made.Timestamp,
        };
        return TypedResults.Json(answer, ProtocolJson.Default.AgentSwitchAnswer);
    }
}
