using System.Data.Common;
using CodeLab.BuildingBlocks.Startup;
using CodeLab.Modules.Agent.Approvals;
using CodeLab.Modules.Agent.Persistence;
using CodeLab.Modules.Agent.Sessions.Engine;
using CodeLab.Modules.Agent.Sessions.Log;
using CodeLab.Modules.Auth.Audit;
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
    PolicyBook policies,
    PolicyStore rules,
    TaskOrders tasks,
    IServiceProvider services,
    TimeProvider time,
    ILoggerFactory loggers
) : IDisposable
{
    // The bus resolves handlers per message; one scope for all frames, since their handlers keep nothing.
    private readonly IServiceScope _scope = scopes.CreateScope();
    private readonly ILogger<ModelCall> _modelLogger = loggers.CreateLogger<ModelCall>();

    private readonly IAuditTrail? _audit = services.GetService<IAuditTrail>();

    public TurnEngine Engine => engine;
    public PolicyBook Policies => policies;
    public TaskOrders Tasks => tasks;
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

    /// <summary>What goes into the transaction of these events: the audit's share, and decisions to remember.</summary>
    public IReadOnlyList<Func<DbConnection, DbTransaction?, Task>> Also(
        SessionState state,
        IReadOnlyList<SessionEvent> events,
        DateTimeOffset now
    )
    {
        List<Func<DbConnection, DbTransaction?, Task>>? also = null;
        if (events is [SessionCreated { Task: not null }, ..])
            (also ??= []).Add((connection, transaction) => SessionParent.SetAsync(connection, transaction, state));
        foreach (var happened in events)
        {
            if (happened is ApprovalResolved { Remembered: { Id: not null } rule })
                (also ??= []).Add(
                    (connection, transaction) => rules.RememberAsync(connection, transaction, state.Owner, state.Id, rule, now)
                );
        }
        if (_audit is null)
            return also ?? [];
        foreach (var entry in LogAudit.Of(state, events))
            (also ??= []).Add((connection, transaction) => _audit.AppendAsync(connection, transaction, entry));
        return also ?? [];
    }

    /// <summary>Notes which rules decided, and tells all nodes of new ones.</summary>
    public async ValueTask NoteUsesAsync(IReadOnlyList<SessionEvent> events, DateTimeOffset now)
    {
        foreach (var happened in events)
        {
            switch (happened)
            {
                case CallAllowed { By: { } by }
                    when by.StartsWith("rule:", StringComparison.Ordinal) || by.StartsWith("remembered:", StringComparison.Ordinal):
                    policies.Used(by[(by.IndexOf(':', StringComparison.Ordinal) + 1)..], now);
                    break;
                case ApprovalRequested { RuleId: { } rule }:
                    policies.Used(rule, now);
                    break;
                case ApprovalResolved { Remembered.Scope: "project" or "user" }:
                    await policies.ChangedAsync(CancellationToken.None);
                    break;
            }
        }
    }

    public ModelCall NewModelCall(SessionState state, ModelCallKey key, FramePublisher frames) =>
        new(key, requests.Build(state, key), state.Turn!.ModelMessageId, state.Agent, frames, scopes, _modelLogger);

    public void Dispose() => _scope.Dispose();
}
