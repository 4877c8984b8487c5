using CodeLab.BuildingBlocks.Results;
using CodeLab.Modules.Agent.Sessions.Runtime;
using CodeLab.Protocol.Hub;
using FluentValidation;
using MediatR;

namespace CodeLab.Modules.Agent.Sessions.AttachSession;

internal sealed class AttachSessionValidator : AbstractValidator<AttachSessionCommand>
{
    private const int _rulesCharacters = 256 * 1024;

    public AttachSessionValidator()
    {
        RuleFor(c => c.Caller.ConnectionId).NotEmpty();
        RuleFor(c => c.Request.LastSeq).GreaterThanOrEqualTo(0).OverridePropertyName("last_seq");
        RuleFor(c => c.Request.Client!.Id)
            .Matches("^[A-Za-z0-9._:-]{1,128}$")
            .When(c => c.Request.Client?.Id is not null)
            .OverridePropertyName("client.id");
        RuleFor(c => c.Request.Tools)
            .Must(t => t is null or { Count: <= 128 })
            .WithMessage("A client offers at most 128 tools.")
            .OverridePropertyName("tools");
        RuleFor(c => c.Request.Workspace!.Rules)
            .Must(rules => rules is null || rules.Sum(r => (long)r.Content.Length) <= _rulesCharacters)
            .WithMessage("Project rules are limited to 256 KiB in total.")
            .When(c => c.Request.Workspace is not null)
            .OverridePropertyName("workspace.rules");
    }
}

internal sealed class AttachSessionHandler(SessionDirectory sessions) : IRequestHandler<AttachSessionCommand, Result<AttachResponse>>
{
    public async Task<Result<AttachResponse>> Handle(AttachSessionCommand command, CancellationToken cancellationToken)
    {
        var (caller, request) = command;
        var answer = await sessions.UseAsync(
            caller,
            request.SessionId,
            command.Create,
            SessionRight.Watch,
            // Who may not drive runs no tools: they are left out of what the client offers.
            (actor, right) =>
                actor.AttachAsync(caller, right < SessionRight.Drive ? request with { Tools = null } : request, command.Replay)
        );
        if (!answer.IsOk)
            return answer;
        sessions.Track(caller.ConnectionId!, request.SessionId);
        var clientId = request.Client?.Id is { Length: > 0 and <= 128 } own ? own : caller.ConnectionId!;
        var calls = await sessions.OpenTaskCallsAsync(request.SessionId, clientId);
        if (calls.Count == 0)
            return answer;
        return answer.Value! with
        {
            Frames = [.. answer.Value!.Frames, .. calls.Where(c => c.RequiresApproval)],
            OpenCalls = [.. answer.Value!.OpenCalls ?? [], .. calls.Where(c => !c.RequiresApproval)],
        };
    }
}

internal sealed class ChooseExecutorHandler(SessionDirectory sessions) : IRequestHandler<ChooseExecutorCommand, Result<Unit>>
{
    public Task<Result<Unit>> Handle(ChooseExecutorCommand command, CancellationToken cancellationToken) =>
        sessions.UseAsync(
            command.Caller,
            command.SessionId,
            create: false,
            SessionRight.Drive,
            actor => actor.ChooseExecutorAsync(command.Caller, command.ClientId)
        );
}

internal sealed class FindSessionOwnerHandler(SessionDirectory sessions) : IRequestHandler<FindSessionOwnerQuery, string?>
{
    public Task<string?> Handle(FindSessionOwnerQuery query, CancellationToken cancellationToken) =>
        sessions.OwnerOfAsync(query.SessionId, cancellationToken);
}

internal sealed class HoldsSessionHandler(SessionDirectory sessions) : IRequestHandler<HoldsSessionQuery, bool>
{
    public Task<bool> Handle(HoldsSessionQuery query, CancellationToken cancellationToken) =>
        Task.FromResult(sessions.Holds(query.SessionId));
}

internal sealed class DetachSessionHandler(SessionDirectory sessions) : IRequestHandler<DetachSessionCommand, Unit>
{
    public async Task<Unit> Handle(DetachSessionCommand command, CancellationToken cancellationToken)
    {
        if (command.Caller.ConnectionId is { } connectionId)
            await sessions.DetachAsync(connectionId, command.SessionId);
        return Unit.Value;
    }
}
