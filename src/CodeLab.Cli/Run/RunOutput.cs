using System.Text.Json;
using CodeLab.Cli.Approvals;
using CodeLab.Cli.Markdown;
using CodeLab.Cli.Terminal;
using CodeLab.Client.Sessions;
using CodeLab.Protocol.Frames;

namespace CodeLab.Cli.Run;

/// <summary>How a run is told.</summary>
internal interface IRunOutput
{
    void Frame(SessionUpdate.FrameReceived update);
    void Other(SessionUpdate update);
    void End(int exitCode, string sessionId);
}

/// <summary>Frames as they came, one JSON object a line, and one last object; nothing else.</summary>
internal sealed class JsonRunOutput(TextWriter output) : IRunOutput
{
    public void Frame(SessionUpdate.FrameReceived update)
    {
        // Re-written without line breaks: the server's formatting is not a promise.
        using var buffer = new MemoryStream();
        using (var writer = new Utf8JsonWriter(buffer))
            update.Raw.WriteTo(writer);
        output.WriteLine(System.Text.Encoding.UTF8.GetString(buffer.GetBuffer(), 0, (int)buffer.Length));
    }

    public void Other(SessionUpdate update) { }

    public void End(int exitCode, string sessionId)
    {
        using var buffer = new MemoryStream();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartObject();
            writer.WriteString("type", "run_completed");
            writer.WriteNumber("exit_code", exitCode);
            writer.WriteString("session_id", sessionId);
            writer.WriteEndObject();
        }
        output.WriteLine(System.Text.Encoding.UTF8.GetString(buffer.GetBuffer(), 0, (int)buffer.Length));
    }
}

/// <summary>Calm lines for a person: agents, tool calls when they are over, texts when they are whole.</summary>
internal sealed class HumanRunOutput(CliConsole console) : IRunOutput
{
    private readonly Dictionary<string, TimeSpan> _elapsed = new(StringComparer.Ordinal);

    public void Frame(SessionUpdate.FrameReceived update)
    {
        switch (update.Frame)
        {
            case AgentSwitchedFrame change:
                console.Write(ToolLine.Agent(change.ToAgent));
                break;
            case ToolResultFrame result when update.State.Calls.TryGetValue(result.CallId, out var call):
                console.Write(ToolLine.Over(call, _elapsed.TryGetValue(result.CallId, out var elapsed) ? elapsed : null));
                break;
            case AssistantMessageFrame { Content: { Length: > 0 } content }:
                if (console.HasColors)
                {
                    console.Out.WriteLine();
                    foreach (var line in MarkdownRenderer.Lines(content, console))
                        console.Out.WriteLine(line);
                }
                else
                {
                    console.Out.WriteLine(SafeText.Plain(content).TrimEnd());
                }
                break;
            case ErrorFrame error:
                console.Problem($"{error.Content} ({error.ErrorCode})");
                break;
        }
    }

    public void Other(SessionUpdate update)
    {
        switch (update)
        {
            case SessionUpdate.ToolFinished finished:
                _elapsed[finished.Call.CallId] = finished.Elapsed;
                break;
            case SessionUpdate.Disconnected lost:
                console.Note($"The connection is lost ({lost.Reason}). Trying again in {lost.RetryIn.TotalSeconds:0.0} s.");
                break;
            case SessionUpdate.Attached { First: false }:
                console.Note("Connected again.");
                break;
            case SessionUpdate.Refused refused:
                console.Note($"The server refused: {refused.Message} ({refused.Code})");
                break;
        }
    }

    public void End(int exitCode, string sessionId)
    {
        if (console.ErrorIsTerminal)
            console.Note($"Session {sessionId}");
    }
}
