using CodeLab.BuildingBlocks.Results;
using CodeLab.Modules.Agent.Approvals;
using CodeLab.Modules.Agent.Sessions.Runtime;
using CodeLab.Modules.Llm.Models;
using CodeLab.Protocol.Hub;
using FluentValidation;
using MediatR;

namespace CodeLab.Modules.Agent.Sessions.AcceptInput;

internal sealed class AcceptInputValidator : AbstractValidator<AcceptInputCommand>
{
    private const int _idLength = 128;

    public AcceptInputValidator()
    {
        When(
            c => c.Input is SessionInput.Message,
            () =>
            {
                RuleFor(c => ((SessionInput.Message)c.Input).MessageId).MaximumLength(_idLength).OverridePropertyName("message_id");
                RuleFor(c => ((SessionInput.Message)c.Input).Model).MaximumLength(_idLength).OverridePropertyName("model");
                RuleFor(c => ((SessionInput.Message)c.Input).Attachments)
                    .Must(a => a is null or { Count: <= 50 })
                    .WithMessage("At most 50 attachments go with a message.")
                    .OverridePropertyName("attachments");
            }
        );
        When(
            c => c.Input is SessionInput.Decision,
            () => RuleFor(c => ((SessionInput.Decision)c.Input).Feedback).MaximumLength(10_000).OverridePropertyName("feedback")
        );
    }
}

internal sealed class AcceptInputHandler(SessionDirectory sessions, ISender sender) : IRequestHandler<AcceptInputCommand, Result<InputAck>>
{
    public async Task<Result<InputAck>> Handle(AcceptInputCommand command, CancellationToken cancellationToken)
    {
        var (caller, sessionId, input) = command;
        if (input is SessionInput.Message { Model: { } model } message)
        {
            var resolved = await sender.Send(new ResolveModelQuery(caller.UserId, model), cancellationToken);
            if (resolved.Error is { } error)
                return error;
            input = message with { Model = resolved.Value!.Id };
        }
        if (input is SessionInput.Decision)
            caller = caller with { Roles = await Deciders.RolesAsync(sender, caller, cancellationToken) };
        // The caller may leave: what was taken is decided and committed all the same.
        // Deciding and stopping is what a lead may do besides looking.
        var needs = input is SessionInput.Decision or SessionInput.Cancel ? SessionRight.Decide : SessionRight.Drive;
        var ack = await sessions.UseAsync(caller, sessionId, input is SessionInput.Message, needs, actor => actor.SayAsync(caller, input));
        // Calls of a task are shown above it, and answered there by whoever may do that there.
        var callId = input switch
        {
            SessionInput.ToolResult result => result.CallId,
            SessionInput.Decision decision => decision.CallId,
            _ => null,
        };
        return
            callId is not null
            && ack.Error is { Code: "INVALID_CALL_ID", Status: 404 }
            && await sessions.FindTaskOfCallAsync(sessionId, callId) is { } task
            ? await sessions.SayToTaskAsync(caller, task, input)
            : ack;
    }
}
