using CodeLab.Modules.Agent.Sessions;
using CodeLab.Modules.Agent.Sessions.Sharing;
using CodeLab.Protocol.Rest;
using MediatR;

namespace CodeLab.Modules.Agent.Approvals.Queue;

internal sealed class ApprovalQueueHandler(PolicyStore store, SessionAccess access) : IRequestHandler<GetApprovalQueueQuery, ApprovalQueue>
{
    public async Task<ApprovalQueue> Handle(GetApprovalQueueQuery query, CancellationToken cancellationToken)
    {
        var waiting = await store.PendingAsync(cancellationToken);
        var rights = new Dictionary<string, SessionRight>(StringComparer.Ordinal);
        foreach (var approval in waiting)
        {
            if (!rights.ContainsKey(approval.SessionId))
                rights[approval.SessionId] = await access.RightAsync(query.Caller, approval.SessionId, approval.Owner, cancellationToken);
        }
        return new() { Approvals = [.. waiting.Where(a => rights[a.SessionId] >= SessionRight.Decide)] };
    }
}
