using System.Text.Json;
using CodeLab.Client.Tools;
using CodeLab.Protocol.Frames;

namespace CodeLab.Client.Sessions;

/// <summary>What a face hears of a session, in order. <see cref="State"/> is the state after it.</summary>
public abstract record SessionUpdate
{
    private SessionUpdate() { }

    /// <summary>The state after this.</summary>
    public required SessionState State { get; init; }

    /// <summary>A frame that is new to this client.</summary>
    /// <param name="Frame">The frame.</param>
    /// <param name="Raw">The frame as it came, with members this client does not know.</param>
    /// <param name="Replayed">True when it came with the answer to Attach: it happened before.</param>
    public sealed record FrameReceived(SessionFrame Frame, JsonElement Raw, bool Replayed) : SessionUpdate;

    /// <summary>The client is attached; what was missed has been told before this.</summary>
    /// <param name="First">True the first time.</param>
    /// <param name="Executor">Whether this client runs the tools.</param>
    public sealed record Attached(bool First, bool Executor) : SessionUpdate;

    /// <summary>The connection is lost; the client tries again by itself.</summary>
    /// <param name="Reason">Why, for people.</param>
    /// <param name="RetryIn">When it tries next.</param>
    public sealed record Disconnected(string Reason, TimeSpan RetryIn) : SessionUpdate;

    /// <summary>A tool begins to run here.</summary>
    public sealed record ToolStarted(ToolCallFrame Call) : SessionUpdate;

    /// <summary>A tool has run here (or was answered from the journal); its result is being sent.</summary>
    public sealed record ToolFinished(ToolCallFrame Call, ToolOutcome Outcome, TimeSpan Elapsed) : SessionUpdate;

    /// <summary>The server did not take a tool's result, or a decision made by the approval mode.</summary>
    public sealed record Refused(string CallId, string Code, string Message) : SessionUpdate;
}
