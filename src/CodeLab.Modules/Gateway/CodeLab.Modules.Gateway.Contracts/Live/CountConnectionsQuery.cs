using MediatR;

namespace CodeLab.Modules.Gateway.Live;

/// <summary>How many live connections this host holds; a stop waits for balancers only when there are any.</summary>
public sealed record CountConnectionsQuery : IRequest<int>;
