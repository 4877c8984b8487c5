using CodeLab.BuildingBlocks.Results;
using CodeLab.Modules.Agent.Sessions;
using CodeLab.Modules.Agent.Sessions.Runtime;
using CodeLab.Protocol.Rest;
using MediatR;
using Microsoft.Extensions.Options;

namespace CodeLab.Modules.Agent.Approvals.Autonomy;

internal sealed class GetAutonomyHandler(PolicyStore store, SessionDirectory sessions, IOptions<AgentOptions> options)
    : IRequestHandler<GetAutonomyQuery, Result<AutonomySetting>>
{
    public async Task<Result<AutonomySetting>> Handle(GetAutonomyQuery query, CancellationToken cancellationToken)
    {
        string? chosen = null;
        if (query.SessionId is { } sessionId)
        {
            var asked = await sessions.UseAsync(query.Caller, sessionId, create: false, SessionRight.Own, actor => actor.AutonomyAsync());
            if (!asked.IsOk)
                return asked.Error;
            chosen = asked.Value;
        }
        var source = chosen is null ? "user" : "session";
        chosen ??= await store.AutonomyAsync(query.Caller.UserId, cancellationToken);
        if (chosen is null)
            (chosen, source) = (options.Value.Autonomy, "server");
        return new AutonomySetting
        {
            Level = AutonomyLevel.Stricter(options.Value.AutonomyCeiling, chosen),
            SessionId = query.SessionId,
            Source = source,
            Ceiling = options.Value.AutonomyCeiling,
        };
    }
}

internal sealed class SetAutonomyHandler(PolicyStore store, PolicyBook book, SessionDirectory sessions, ISender sender, TimeProvider time)
    : IRequestHandler<SetAutonomyCommand, Result<AutonomySetting>>
{
    public async Task<Result<AutonomySetting>> Handle(SetAutonomyCommand command, CancellationToken cancellationToken)
    {
        var (caller, setting) = command;
        if (AutonomyLevel.Find(setting.Level) is not { } level)
            return SessionErrors.InvalidLevel();
        if (setting.SessionId is { } sessionId)
        {
            var told = await sessions.UseAsync(
                caller,
                sessionId,
                create: false,
                SessionRight.Own,
                actor => actor.ChooseAutonomyAsync(caller, level)
            );
            if (told.Error is { } error)
                return error;
        }
        else
        {
            await store.SetAutonomyAsync(caller.UserId, level, time.GetUtcNow(), cancellationToken);
            await book.ChangedAsync(cancellationToken);
        }
        return await sender.Send(new GetAutonomyQuery(caller, setting.SessionId), cancellationToken);
    }
}
