using System.Text.Json;
using CodeLab.Modules.Agent.Persistence;
using CodeLab.Modules.Agent.Sessions.Engine;
using CodeLab.Modules.Agent.Sessions.Log;

namespace CodeLab.Modules.Agent.Sessions.Runtime;

/// <summary>Keeps opening a long session cheap: a stored state and the events behind it, never the whole log.</summary>
internal static class Snapshots
{
    private const int _shortTail = 200;

    /// <summary>A snapshot once the tail outgrows a quarter of the log: writing them stays a constant share of all writing.</summary>
    public static SessionSnapshot? IfDue(SessionState state, long lastSnapshotSeq) =>
        state.LastSeq - lastSnapshotSeq < Math.Max(_shortTail, state.LastSeq / 4) ? null : Of(state);

    /// <summary>The state as it is stored.</summary>
    public static SessionSnapshot Of(SessionState state) =>
        new(state.LastSeq, JsonSerializer.SerializeToUtf8Bytes(state, LogJson.Default.SessionState));

    /// <summary>The state after a snapshot and the events behind it.</summary>
    public static SessionState Fold(LoadedSession loaded)
    {
        var state = loaded.Snapshot is { } snapshot
            ? JsonSerializer.Deserialize(snapshot.Payload.Span, LogJson.Default.SessionState)!
            : new SessionState { Id = loaded.Row.Id };
        foreach (var row in loaded.Tail)
            state.Apply(EventCodec.Decode(row.Type, row.Payload.Span), row.CreatedAt);
        return state;
    }
}
