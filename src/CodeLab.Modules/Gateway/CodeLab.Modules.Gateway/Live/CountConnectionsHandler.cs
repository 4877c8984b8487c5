using MediatR;

namespace CodeLab.Modules.Gateway.Live;

internal sealed class CountConnectionsHandler : IRequestHandler<CountConnectionsQuery, int>
{
    public Task<int> Handle(CountConnectionsQuery request, CancellationToken cancellationToken) => Task.FromResult(0);
}
