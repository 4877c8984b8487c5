using CodeLab.BuildingBlocks.Startup;
using CodeLab.Modules.Agent.Persistence;
using CodeLab.Modules.Agent.Sessions.Engine;
using MediatR;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace CodeLab.Modules.Agent.Sessions.Runtime;

/// <summary>What every actor works with.</summary>
internal sealed class SessionRuntime(
    TurnEngine engine,
    ISessionStore store,
    ModelRequests requests,
    IServiceScopeFactory scopes,
    DrainState drain,
    TimeProvider time,
    ILoggerFactory loggers
) : IDisposable
{
    // The bus resolves handlers per message; one scope for all frames, since their handlers keep nothing.
    private readonly IServiceScope _scope = scopes.CreateScope();
    private readonly ILogger<ModelCall> _modelLogger = loggers.CreateLogger<ModelCall>();

    public TurnEngine Engine => engine;
    public ISessionStore Store => store;
    public DrainState Drain => drain;
    public TimeProvider Time => time;
    public ILogger Logger { get; } = loggers.CreateLogger<SessionActor>();
    public IPublisher Publisher => field ??= _scope.ServiceProvider.GetRequiredService<IPublisher>();

    /// <summary>Told when an actor has stopped.</summary>
    public Action<SessionActor> Forget { get; set; } = _ => { };

    /// <summary>Now, at the log's precision: what is read back must equal what was written.</summary>
    public DateTimeOffset Now()
    {
        var now = time.GetUtcNow();
        return now.AddTicks(-(now.Ticks % TimeSpan.TicksPerMicrosecond));
    }

    public ModelCall NewModelCall(SessionState state, ModelCallKey key, FramePublisher frames) =>
        new(key, requests.Build(state, key), state.Turn!.ModelMessageId, state.Agent, frames, scopes, _modelLogger);

    public void Dispose() => _scope.Dispose();
}
