using CodeLab.Protocol.Rest;
using MediatR;

namespace CodeLab.Modules.Agent.Agents;

internal sealed class ListAgentsHandler(AgentCatalog agents) : IRequestHandler<ListAgentsQuery, AgentList>
{
    public Task<AgentList> Handle(ListAgentsQuery request, CancellationToken cancellationToken) => Task.FromResult(agents.ToProtocol());
}
