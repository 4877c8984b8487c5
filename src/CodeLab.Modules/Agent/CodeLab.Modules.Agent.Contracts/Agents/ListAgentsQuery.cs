using CodeLab.Protocol.Rest;
using MediatR;

namespace CodeLab.Modules.Agent.Agents;

/// <summary>The agents of this server.</summary>
public sealed record ListAgentsQuery : IRequest<AgentList>;
