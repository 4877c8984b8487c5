using CodeLab.BuildingBlocks.Results;
using CodeLab.Modules.Agent.Agents;
using CodeLab.Modules.Agent.Sessions.Runtime;
using CodeLab.Modules.Llm.Models;
using CodeLab.Protocol.Rest;
using FluentValidation;
using MediatR;

namespace CodeLab.Modules.Agent.Sessions.ManageSessions;

internal sealed class CreateSessionValidator : AbstractValidator<CreateSessionCommand>
{
    public CreateSessionValidator() => RuleFor(c => c.Body.Title).MaximumLength(500).OverridePropertyName("title");
}

internal sealed class CreateSessionHandler(SessionDirectory sessions, AgentCatalog agents, ISender sender)
    : IRequestHandler<CreateSessionCommand, Result<SessionInfo>>
{
    public async Task<Result<SessionInfo>> Handle(CreateSessionCommand command, CancellationToken cancellationToken)
    {
        var (caller, body) = command;
        if (body.AgentType is { } wanted)
        {
            if (agents.Find(wanted) is not { } agent)
                return SessionErrors.UnknownAgent(wanted);
            body = body with { AgentType = agent.Type };
        }
        if (body.Model is { } model)
        {
            var resolved = await sender.Send(new ResolveModelQuery(caller.UserId, model), cancellationToken);
            if (resolved.Error is { } error)
                return error;
            body = body with { Model = resolved.Value!.Id };
        }
        var sessionId = body.SessionId ?? Guid.NewGuid().ToString();
        var created = await sessions.UseAsync(caller, sessionId, create: true, SessionRight.Own, actor => actor.CreateAsync(caller, body));
        // Somebody else's id is taken too; saying more would tell that it exists (security.md §6.2), and 409 is what a taken id gets.
        return created.Error is { Code: "SESSION_NOT_FOUND" or "PERMISSION_DENIED" } ? SessionErrors.Exists(sessionId) : created;
    }
}

internal sealed class UpdateSessionValidator : AbstractValidator<UpdateSessionCommand>
{
    public UpdateSessionValidator()
    {
        RuleFor(c => c.Body.Title).MaximumLength(500).OverridePropertyName("title");
        RuleFor(c => c.Body.Description).MaximumLength(2000).OverridePropertyName("description");
    }
}

internal sealed class UpdateSessionHandler(SessionDirectory sessions, ISender sender)
    : IRequestHandler<UpdateSessionCommand, Result<SessionInfo>>
{
    public async Task<Result<SessionInfo>> Handle(UpdateSessionCommand command, CancellationToken cancellationToken)
    {
        var (caller, sessionId, body) = command;
        if (body.Model is { } model)
        {
            var resolved = await sender.Send(new ResolveModelQuery(caller.UserId, model), cancellationToken);
            if (resolved.Error is { } error)
                return error;
            body = body with { Model = resolved.Value!.Id };
        }
        return await sessions.UseAsync(caller, sessionId, create: false, SessionRight.Drive, actor => actor.UpdateAsync(body));
    }
}

internal sealed class DeleteSessionHandler(SessionDirectory sessions) : IRequestHandler<DeleteSessionCommand, Result<Unit>>
{
    public Task<Result<Unit>> Handle(DeleteSessionCommand command, CancellationToken cancellationToken) =>
        sessions.UseAsync(command.Caller, command.SessionId, create: false, SessionRight.Own, actor => actor.DeleteAsync(command.Caller));
}

internal sealed class ClearHistoryHandler(SessionDirectory sessions) : IRequestHandler<ClearHistoryCommand, Result<Unit>>
{
    public Task<Result<Unit>> Handle(ClearHistoryCommand command, CancellationToken cancellationToken) =>
        sessions.UseAsync(command.Caller, command.SessionId, create: false, SessionRight.Own, actor => actor.ClearAsync(command.Caller));
}
