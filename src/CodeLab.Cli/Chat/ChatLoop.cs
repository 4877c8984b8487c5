using CodeLab.Cli.Approvals;
using CodeLab.Cli.CommandLine;
using CodeLab.Cli.Server;
using CodeLab.Cli.Terminal;
using CodeLab.Client.Rest;
using CodeLab.Client.Sessions;
using CodeLab.Client.Workspaces;
using CodeLab.Protocol.Frames;

namespace CodeLab.Cli.Chat;

/// <summary>
/// The conversation: one loop that waits for keys, frames and the clock, and draws once after each. Everything that talks to the server
/// runs beside it, so that the screen never stands still.
/// </summary>
internal sealed partial class ChatLoop(
    ServerConnection connection,
    ExecutorIdentity identity,
    string root,
    CommonSettings settings,
    CliConsole console,
    InputHistory history
) : IAsyncDisposable
{
    private enum Asking
    {
        Nothing,
        Decision,
        Reason,
    }

    private static readonly TimeSpan Frame = TimeSpan.FromMilliseconds(33);
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(120);

    private readonly Screen _screen = new(console);
    private readonly LineBuffer _input = new();
    private readonly PasteReader _paste = new();
    private readonly List<Task> _background = [];
    private readonly List<string> _sending = [];
    private readonly CancellationTokenSource _leave = new();
    private readonly HashSet<string> _shown = new(StringComparer.Ordinal);
    private Transcript _transcript = null!;
    private WorkspaceSession _session = null!;
    private KeySource _keys = null!;
    private string? _agent = settings.Agent;
    private string? _model = settings.Model;
    private string? _connectionNote;
    private string _draft = "";
    private Asking _asking;
    private string? _askedCall;
    private bool _interrupted;
    private bool _cancelling;
    private bool _turnRan;
    private long _turnBegun;

    public async Task<int> RunAsync(CancellationToken cancellationToken)
    {
        using var outside = cancellationToken.Register(_leave.Cancel);
        _transcript = new Transcript(console, _screen);
        await OpenAsync(settings.Session);
        await using var keys = _keys = new KeySource();
        await console.Out.WriteAsync(PasteReader.Enable);
        try
        {
            _transcript.Note($"CodeLab · {Path.GetFileName(root)} · session {_session.SessionId}");
            _transcript.Note("/help shows commands. Ctrl-C cancels a turn.");
            await LoopAsync();
        }
        finally
        {
            _screen.Clear();
            await console.Out.WriteAsync(PasteReader.Disable);
        }
        console.Note($"Go on later: {settings.GoOnWith} --session {_session.SessionId}");
        return ExitCodes.Done;
    }

    public async ValueTask DisposeAsync()
    {
        await _leave.CancelAsync();
        await Task.WhenAll(_background);
        if (_session is not null)
            await _session.DisposeAsync();
        _leave.Dispose();
    }

    private async Task OpenAsync(string? sessionId)
    {
        _session = await WorkspaceSession.OpenAsync(connection, identity, root, sessionId, settings.Approve, _leave.Token);
        await _session.Client.ConnectAsync(_leave.Token);
    }

    private async Task LoopAsync()
    {
        var keys = _keys.Keys.WaitToReadAsync(_leave.Token).AsTask();
        var reader = _session.Client.Updates;
        var updates = reader.WaitToReadAsync(_leave.Token).AsTask();
        var drawn = 0L;
        while (!_leave.IsCancellationRequested)
        {
            Redraw();
            drawn = connection.Time.GetTimestamp();
            var pause = Task.Delay(Tick, connection.Time, _leave.Token);
            await Task.WhenAny([keys, updates, pause, .. _background]);
            if (_leave.IsCancellationRequested)
                break;

            if (keys.IsCompleted)
            {
                if (!await keys)
                    break;
                while (_keys.Keys.TryRead(out var key))
                    Take(key);
                keys = _keys.Keys.WaitToReadAsync(_leave.Token).AsTask();
            }
            else if (pause.IsCompleted)
            {
                foreach (var key in _paste.Flush())
                    Typed(key);
            }
            // Frames of a fast stream are drawn together; keys are drawn at once.
            else if (updates.IsCompleted && connection.Time.GetElapsedTime(drawn) is var since && since < Frame)
            {
                await Task.Delay(Frame - since, connection.Time, _leave.Token).ContinueWith(_ => { }, TaskScheduler.Default);
            }
            if (!ReferenceEquals(reader, _session.Client.Updates))
            {
                reader = _session.Client.Updates;
                updates = reader.WaitToReadAsync(_leave.Token).AsTask();
            }
            else if (updates.IsCompleted)
            {
                if (!await updates)
                    break;
                while (reader.TryRead(out var update))
                    Heard(update);
                updates = reader.WaitToReadAsync(_leave.Token).AsTask();
            }
            await ReapAsync();
            Consider();
        }
    }

    private void Heard(SessionUpdate update)
    {
        switch (update)
        {
            case SessionUpdate.FrameReceived frame:
                if (frame.Frame is UserMessageFrame message)
                    _sending.Remove(message.Content);
                _transcript.Frame(frame);
                if (!frame.Replayed)
                    Turn(frame.State);
                break;
            case SessionUpdate.ToolFinished finished:
                _transcript.Ran(finished);
                break;
            case SessionUpdate.Attached attached:
                _transcript.Resume(attached.State);
                if (_connectionNote is not null)
                    _transcript.Note("Connected again.");
                _connectionNote = null;
                if (!attached.Executor)
                    _transcript.Note("Another client runs the tools of this session; this one watches and may approve.");
                Turn(attached.State);
                break;
            case SessionUpdate.Disconnected lost:
                if (_connectionNote is null)
                    _transcript.Note("The connection is lost; trying again until the server answers. Nothing is lost.");
                _connectionNote = ToolLine.OneLine(lost.Reason, 60);
                break;
            case SessionUpdate.Refused refused:
                _transcript.Note($"The server refused: {refused.Message} ({refused.Code})");
                break;
        }
    }

    private void Turn(SessionState state)
    {
        var running = state.Turn.Phase == TurnPhase.Running;
        if (running && !_turnRan)
            _turnBegun = connection.Time.GetTimestamp();
        if (!running && _turnRan)
        {
            _transcript.Note(StatusLine.AfterTurn(state, connection.Time.GetElapsedTime(_turnBegun)));
            _cancelling = false;
            _interrupted = false;
        }
        _turnRan = running;
    }

    private void Take(ConsoleKeyInfo key)
    {
        var (typed, pasted) = _paste.Take(key);
        foreach (var one in typed)
            Typed(one);
        if (pasted is not null && _asking != Asking.Decision)
            _input.Insert(pasted);
    }

    private void Typed(ConsoleKeyInfo key)
    {
        if (key is { Key: ConsoleKey.C, Modifiers: ConsoleModifiers.Control })
        {
            Interrupt();
            return;
        }
        _interrupted = false;
        switch (_asking)
        {
            case Asking.Decision:
                Decide(key);
                return;
            case Asking.Reason when key.Key == ConsoleKey.Enter:
                var reason = _input.Text.Trim();
                Answer("reject", feedback: reason.Length == 0 ? null : reason);
                return;
            case Asking.Reason when key.Key == ConsoleKey.Escape:
                _asking = Asking.Decision;
                _input.Text = "";
                return;
        }
        switch (key.Key)
        {
            case ConsoleKey.D when key.Modifiers == ConsoleModifiers.Control && _input.Text.Length == 0:
                _leave.Cancel();
                break;
            case ConsoleKey.Enter when key.Modifiers.HasFlag(ConsoleModifiers.Alt):
                _input.Insert("\n");
                break;
            case ConsoleKey.Enter when _input.Text.EndsWith('\\') && _input.Cursor == _input.Text.Length:
                _input.Text = _input.Text[..^1] + "\n";
                break;
            case ConsoleKey.Enter:
                Enter();
                break;
            case ConsoleKey.UpArrow:
                if (!_input.MoveLine(-1) && history.Older(_input.Text) is { } older)
                    _input.Text = older;
                break;
            case ConsoleKey.DownArrow:
                if (!_input.MoveLine(1) && history.Newer() is { } newer)
                    _input.Text = newer;
                break;
            default:
                _input.Apply(key);
                break;
        }
    }

    private void Interrupt()
    {
        if (_session.Client.State.Turn.Phase == TurnPhase.Running && !_cancelling)
        {
            _cancelling = true;
            Begin(() => _session.Client.CancelAsync(_leave.Token));
            return;
        }
        if (_asking == Asking.Nothing && _input.Text.Length > 0 && !_cancelling)
        {
            _input.Text = "";
            return;
        }
        if (_cancelling || _interrupted)
            _leave.Cancel();
        _interrupted = true;
    }

    private void Enter()
    {
        var text = _input.Text.Trim();
        if (text.Length == 0)
            return;
        _input.Text = "";
        Begin(() => history.AddAsync(text, CancellationToken.None));
        if (text[0] == '/')
            Begin(() => CommandAsync(text));
        else
            Send(text);
    }

    private void Send(string text)
    {
        _sending.Add(text);
        var (agent, model) = (_agent, _model);
        (_agent, _model) = (null, null);
        Begin(async () =>
        {
            try
            {
                await _session.Client.SendAsync(text, agent, model, cancellationToken: _leave.Token);
            }
            catch (ServerException)
            {
                // Nothing typed is lost: it stands in the input line again.
                _sending.Remove(text);
                if (_input.Text.Length == 0)
                    _input.Text = text;
                throw;
            }
        });
    }

    private void Begin(Func<Task> work) => _background.Add(work());

    /// <summary>Tells how what ran beside the loop ended.</summary>
    private async Task ReapAsync()
    {
        foreach (var task in _background.Where(task => task.IsCompleted).ToList())
        {
            _background.Remove(task);
            try
            {
                await task;
            }
            catch (OperationCanceledException)
            {
                // Leaving.
            }
            catch (Exception fault)
                when (fault
                        is ServerException
                            or ServerUnreachableException
                            or Client.SignIn.NotSignedInException
                            or IOException
                            or UnauthorizedAccessException
                )
            {
                _transcript.Note($"! {fault.Message}");
            }
        }
    }
}
