using CodeLab.BuildingBlocks.Results;
using CodeLab.Modules.Agent.Sessions;
using CodeLab.Modules.Agent.Sessions.Runtime;
using CodeLab.Protocol.Rest;
using MediatR;

namespace CodeLab.Modules.Agent.Approvals.Remembered;

internal sealed class ListRememberedHandler(PolicyStore store) : IRequestHandler<ListRememberedQuery, RememberedDecisionList>
{
    public async Task<RememberedDecisionList> Handle(ListRememberedQuery query, CancellationToken cancellationToken)
    {
        var all = query.Everybody && query.Caller.IsAdmin;
        var found = await store.RememberedAsync(all ? null : query.Caller.UserId, cancellationToken);
        return new() { Rules = [.. found.Select(r => r.Shown)] };
    }
}

internal sealed class RevokeRememberedHandler(PolicyStore store, PolicyBook book, SessionDirectory sessions)
    : IRequestHandler<RevokeRememberedCommand, Result<Unit>>
{
    public async Task<Result<Unit>> Handle(RevokeRememberedCommand command, CancellationToken cancellationToken)
    {
        var caller = command.Caller;
        var all = await store.RememberedAsync(caller.IsAdmin ? null : caller.UserId, cancellationToken);
        if (all.Find(r => r.Shown.Id == command.Id) is not { Shown: { } found })
            return new Error("RULE_NOT_FOUND", "There is no such remembered decision of yours.", 404);
        if (found.SessionId is { } sessionId)
        {
            // The session's own log allows by it: it must say first that this is over.
            var told = await sessions.UseAsync(
                caller,
                sessionId,
                create: false,
                SessionRight.Own,
                actor => actor.RevokeAsync(caller, command.Id)
            );
            if (told.Error is { Code: not "SESSION_NOT_FOUND" } error)
                return error;
        }
        await store.ForgetAsync(command.Id, caller.UserId, cancellationToken);
        await book.ChangedAsync(cancellationToken);
        return Unit.Value;
    }
}
