using CodeLab.BuildingBlocks.Results;
using CodeLab.Modules.Agent.Sessions;
using CodeLab.Protocol.Hub;
using MediatR;
using Microsoft.Extensions.Hosting;

namespace CodeLab.Modules.Gateway.Relay;

/// <summary>Whether a call found that another node has the session.</summary>
internal static class Elsewhere
{
    public static bool Is<T>(SessionRelay relay, Result<T> answer) =>
        answer.Error?.Code == "SESSION_ELSEWHERE" && relay.IsOn && !SessionRelay.IsRelayed;
}

/// <summary>Inputs of every door reach the node that holds the session.</summary>
internal sealed class RelayInput(SessionRelay relay) : IPipelineBehavior<AcceptInputCommand, Result<InputAck>>
{
    public async Task<Result<InputAck>> Handle(
        AcceptInputCommand request,
        CancellationToken cancellationToken,
        RequestHandlerDelegate<Result<InputAck>> next
    )
    {
        var answer = await next();
        if (!Elsewhere.Is(relay, answer))
            return answer;
        return await relay.AskAsync(RelayCall.Of(request), RelayJson.Default.InputAck, cancellationToken) ?? answer;
    }
}

/// <summary>Attaches reach it too, and from then on its frames come here.</summary>
internal sealed class RelayAttach(SessionRelay relay) : IPipelineBehavior<AttachSessionCommand, Result<AttachResponse>>
{
    public async Task<Result<AttachResponse>> Handle(
        AttachSessionCommand request,
        CancellationToken cancellationToken,
        RequestHandlerDelegate<Result<AttachResponse>> next
    )
    {
        var answer = await next();
        if (!Elsewhere.Is(relay, answer))
            return answer;
        var call = RelayCall.Of("attach", request.Caller, request.Request.SessionId) with
        {
            Attach = request.Request,
            Create = request.Create,
            Replay = request.Replay,
        };
        return await relay.AskAsync(call, RelayJson.Default.AttachResponse, cancellationToken) ?? answer;
    }
}

/// <summary>So does the choice of an executor.</summary>
internal sealed class RelayChoice(SessionRelay relay) : IPipelineBehavior<ChooseExecutorCommand, Result<Unit>>
{
    public async Task<Result<Unit>> Handle(
        ChooseExecutorCommand request,
        CancellationToken cancellationToken,
        RequestHandlerDelegate<Result<Unit>> next
    )
    {
        var answer = await next();
        if (!Elsewhere.Is(relay, answer))
            return answer;
        var call = RelayCall.Of("choose", request.Caller, request.SessionId) with { Id = request.ClientId };
        var told = await relay.AskAsync(call, RelayJson.Default.InputAck, cancellationToken);
        if (told is not { } relayed)
            return answer;
        return relayed.Error is { } error ? error : Unit.Value;
    }
}

/// <summary>And the end of a connection.</summary>
internal sealed class RelayDetach(SessionRelay relay) : IPipelineBehavior<DetachSessionCommand, Unit>
{
    public async Task<Unit> Handle(DetachSessionCommand request, CancellationToken cancellationToken, RequestHandlerDelegate<Unit> next)
    {
        if (relay.IsOn && !SessionRelay.IsRelayed)
            await relay.DetachAsync(request.Caller, request.SessionId);
        return await next();
    }
}

/// <summary>Listens to the other nodes, and beats for them every two seconds.</summary>
internal sealed class RelayClock(SessionRelay relay, TimeProvider time) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        relay.Start();
        if (!relay.IsOn)
            return;
        using var timer = new PeriodicTimer(TimeSpan.FromSeconds(2), time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
            await relay.BeatAsync();
    }
}
