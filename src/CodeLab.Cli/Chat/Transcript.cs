using CodeLab.Cli.Approvals;
using CodeLab.Cli.Markdown;
using CodeLab.Cli.Terminal;
using CodeLab.Client.Sessions;
using CodeLab.Protocol.Frames;
using Spectre.Console;

namespace CodeLab.Cli.Chat;

/// <summary>Turns what happens in a session into final lines of the screen, and the text that is being written into live ones.</summary>
internal sealed class Transcript(CliConsole console, Screen screen)
{
    private static readonly Style Dim = new(Color.Grey);
    private readonly Dictionary<string, TimeSpan> _elapsed = new(StringComparer.Ordinal);
    private MarkdownStream? _stream;
    private string? _streamId;
    private int _streamed;
    private bool _begun;

    /// <summary>The open end of the text that is being written.</summary>
    public List<string> Live() => _stream?.Open() ?? [];

    public void Frame(SessionUpdate.FrameReceived update)
    {
        switch (update.Frame)
        {
            case UserMessageFrame message:
                EndStream();
                Blank();
                var first = true;
                foreach (var line in SafeText.Plain(message.Content).Split('\n'))
                {
                    Draw(
                        new Paragraph((first ? "› " : "  ") + line, new Style(Color.Aqua, decoration: Decoration.Bold))
                        {
                            Overflow = Overflow.Fold,
                        }
                    );
                    first = false;
                }
                break;
            case AgentSwitchedFrame change:
                EndStream();
                Blank();
                var line2 = new Paragraph()
                    .Append("● ", new Style(Color.Teal))
                    .Append(SafeText.Plain(change.ToAgent), new Style(Color.Teal, decoration: Decoration.Bold));
                if (change.Reason is { Length: > 0 } reason)
                    line2.Append("  " + ToolLine.OneLine(reason, 120), Dim);
                Draw(line2);
                break;
            case AssistantMessageFrame { Content: { } content } message:
                Stream(message.MessageId, content);
                EndStream();
                break;
            case AssistantMessageFrame when update.State.Streaming is { } streaming:
                Stream(streaming);
                break;
            case ToolResultFrame result when update.State.Calls.TryGetValue(result.CallId, out var call):
                EndStream();
                Draw(ToolLine.Over(call, _elapsed.Remove(result.CallId, out var elapsed) ? elapsed : null));
                break;
            case ErrorFrame error:
                EndStream();
                Draw(new Paragraph($"! {SafeText.Plain(error.Content)} ({error.ErrorCode})", new Style(Color.Red)));
                break;
            case ContextCompactedFrame compacted:
                Note($"Older messages were summarised: {compacted.BeforeTokens:N0} → {compacted.AfterTokens:N0} tokens of context.");
                break;
            case TurnFailedFrame failed:
                EndStream();
                Draw(new Paragraph($"✗ {SafeText.Plain(failed.Content)} ({failed.ErrorCode})", new Style(Color.Red)));
                break;
            case TurnCancelledFrame:
                EndStream();
                Note("Cancelled.");
                break;
        }
    }

    public void Ran(SessionUpdate.ToolFinished finished) => _elapsed[finished.Call.CallId] = finished.Elapsed;

    /// <summary>After a new connection: the text so far, of which a part is drawn already.</summary>
    public void Resume(SessionState state)
    {
        if (state.Streaming is { } streaming)
            Stream(streaming);
        else
            EndStream();
    }

    public void Note(string text) => Draw(new Paragraph(SafeText.Plain(text), Dim) { Overflow = Overflow.Fold });

    public void Draw(Spectre.Console.Rendering.IRenderable line)
    {
        screen.Commit(console.Lines(line));
        _begun = true;
    }

    public void Blank()
    {
        if (_begun)
            screen.Commit("");
    }

    /// <summary>Forgets everything: another session follows.</summary>
    public void Reset()
    {
        EndStream();
        _elapsed.Clear();
    }

    private void Stream(StreamingText text)
    {
        Begin(text.MessageId);
        if (text.Length <= _streamed)
            return;
        screen.Commit(_stream!.Append(text.Span[_streamed..]));
        _streamed = text.Length;
    }

    private void Stream(string id, string content)
    {
        if (_streamId != id && string.IsNullOrWhiteSpace(content))
            return;
        Begin(id);
        if (content.Length <= _streamed)
            return;
        screen.Commit(_stream!.Append(content.AsSpan(_streamed)));
        _streamed = content.Length;
    }

    private void Begin(string id)
    {
        if (_streamId == id)
            return;
        EndStream();
        Blank();
        _begun = true;
        _stream = new MarkdownStream(console);
        _streamId = id;
        _streamed = 0;
    }

    private void EndStream()
    {
        if (_stream is not null)
            screen.Commit(_stream.Finish());
        _stream = null;
        _streamId = null;
        _streamed = 0;
    }
}
