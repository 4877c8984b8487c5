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
        agents.MapGet("/", ListAsync).WithName("ListAgents").RequireAuthorization(Policies.Read).Produces<AgentList>();
        agents
            .MapGet("/{id}/current", CurrentAsync)
            .WithName("GetCurrentAgent")
            .RequireAuthorization(Policies.Read)
            .Produces<CurrentAgentInfo>();
        agents
            .MapPost("/{id}/switch", SwitchAsync)
            .WithName("SwitchAgent")
            .RequireAuthorization(Policies.Write)
            .Produces<AgentSwitchAnswer>();
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
        TimeProvider time,
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
        var from = before.Value!.CurrentAgent;
        var answer = new AgentSwitchAnswer
        {
            SessionId = id,
            SwitchedFrom = from,
            SwitchedTo = agent,
            FromAgent = from,
            ToAgent = agent,
            Reason = body.Reason,
            Timestamp = time.GetUtcNow(),
        };
        return TypedResults.Json(answer, ProtocolJson.Default.AgentSwitchAnswer);
    }
}
