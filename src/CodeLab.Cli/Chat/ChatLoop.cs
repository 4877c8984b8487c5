using System.Text.Json;
using CodeLab.Cli.Approvals;
using CodeLab.Cli.CommandLine;
using CodeLab.Cli.Server;
using CodeLab.Cli.Terminal;
using CodeLab.Client.Approvals;
using CodeLab.Client.Rest;
using CodeLab.Client.Sessions;
using CodeLab.Client.Workspaces;
using CodeLab.Protocol.Frames;
using Spectre.Console;

namespace CodeLab.Cli.Chat;

/// <summary>
/// The conversation: one loop that waits for keys, frames and the clock, and draws once after each. Everything that talks to the server
/// runs beside it, so that the screen never stands still.
/// </summary>
internal sealed class ChatLoop(
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
        console.Note($"Go on later: codelab chat --session {_session.SessionId}");
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

    /// <summary>Asks about the oldest call that waits; a question that was answered elsewhere is taken back.</summary>
    private void Consider()
    {
        var state = _session.Client.State;
        if (_askedCall is { } asked && !state.WaitingApprovals.Contains(asked))
        {
            if (state.Calls.TryGetValue(asked, out var call) && call.Decision is { } decision && !_shown.Contains(asked + "!"))
                _transcript.Note($"  Decided elsewhere: {decision}.");
            Asked(null);
        }
        if (_askedCall is not null)
            return;
        foreach (var callId in state.WaitingApprovals)
        {
            var call = state.Calls[callId];
            if (_shown.Contains(callId + "!") || ApprovalPolicy.Approves(settings.Approve, call.ToolName, call.Arguments))
                continue;
            Asked(callId);
            Begin(() => ShowAsync(call, ApprovalView.ShortDiff));
            return;
        }
    }

    private async Task ShowAsync(ToolCallState call, int most)
    {
        var lines = await ApprovalView.DrawAsync(_session.Tools, call, most, _leave.Token);
        _transcript.Blank();
        foreach (var line in lines)
            _transcript.Draw(line);
    }

    private void Asked(string? callId)
    {
        // What was being typed is put aside, not lost.
        if (callId is not null && _askedCall is null)
            (_draft, _input.Text) = (_input.Text, "");
        else if (callId is null && _askedCall is not null)
            (_input.Text, _draft) = (_draft, "");
        _askedCall = callId;
        _asking = callId is null ? Asking.Nothing : Asking.Decision;
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

    private void Decide(ConsoleKeyInfo key)
    {
        if (_askedCall is not { } callId || !_session.Client.State.Calls.TryGetValue(callId, out var call))
            return;
        switch (char.ToLowerInvariant(key.KeyChar))
        {
            case 'y':
                Answer("approve");
                break;
            case 'a':
                Answer("approve", remember: true);
                break;
            case 'n':
                _asking = Asking.Reason;
                break;
            case 'd':
                Begin(() => ShowAsync(call, int.MaxValue));
                break;
            case 'e':
                Begin(() => EditAsync(call));
                break;
        }
    }

    private async Task EditAsync(ToolCallState call)
    {
        try
        {
            _screen.Clear();
            if (await _keys.LendTerminalAsync(() => ArgumentEditor.EditAsync(call, _leave.Token)) is { } edited)
                Answer("edit", edited);
            else
                _transcript.Note("  Nothing changed.");
        }
        catch (JsonException fault)
        {
            _transcript.Note($"  That is no JSON: {fault.Message}");
        }
    }

    private void Answer(string decision, JsonElement? arguments = null, string? feedback = null, bool remember = false)
    {
        var callId = _askedCall!;
        // Not asked again while the answer is on its way; asked again when the server refuses it.
        _shown.Add(callId + "!");
        Asked(null);
        Begin(async () =>
        {
            try
            {
                await _session.Client.DecideAsync(callId, decision, arguments, feedback, remember, _leave.Token);
            }
            catch (ServerException)
            {
                _shown.Remove(callId + "!");
                throw;
            }
        });
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

    private async Task CommandAsync(string text)
    {
        var words = text.Split(' ', 2, StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        var argument = words.Length > 1 ? words[1] : null;
        switch (words[0])
        {
            case "/help":
                foreach (var line in ChatCommands.Help)
                    _transcript.Note(line);
                break;
            case "/quit" or "/exit":
                await _leave.CancelAsync();
                break;
            case "/agents":
                foreach (var agent in (await connection.Api.AgentsAsync(_leave.Token)).Agents)
                    _transcript.Draw(ChatCommands.Agent(agent, agent.Type == _session.Client.State.Agent));
                break;
            case "/agent" when argument is not null:
                await _session.Client.SwitchAgentAsync(argument, _leave.Token);
                break;
            case "/models":
                foreach (var model in (await connection.Api.ModelsAsync(_leave.Token)).Models)
                    _transcript.Note($"  {model.Id}  {model.Provider}{(model.IsDefault ? "  (default)" : "")}");
                break;
            case "/model" when argument is not null:
                _model = argument;
                _transcript.Note($"The next message, and the session from then on, uses {argument}.");
                break;
            case "/sessions":
                _screen.Commit(
                    Sessions.SessionsCommand.Lines(
                        await connection.Api.SessionsAsync(15, cancellationToken: _leave.Token),
                        console,
                        connection.Time
                    )
                );
                break;
            case "/resume" when argument is not null:
                await connection.Api.SessionAsync(argument, _leave.Token);
                await SwitchSessionAsync(argument);
                break;
            case "/new":
                await SwitchSessionAsync(null);
                break;
            default:
                _transcript.Note(
                    ChatCommands.Help.Any(line => line.StartsWith($"  {words[0]} ", StringComparison.Ordinal))
                        ? $"{words[0]} needs a name: see /help."
                        : $"There is no command {words[0]}: see /help."
                );
                break;
        }
    }

    private async Task SwitchSessionAsync(string? sessionId)
    {
        if (sessionId == _session.SessionId)
            return;
        var before = _session;
        await OpenAsync(sessionId);
        _transcript.Reset();
        _shown.Clear();
        _sending.Clear();
        Asked(null);
        _turnRan = _cancelling = false;
        _connectionNote = null;
        _transcript.Blank();
        _transcript.Note($"Session {_session.SessionId}");
        await before.DisposeAsync();
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

    private void Redraw()
    {
        var state = _session.Client.State;
        var width = console.Width;
        var live = _transcript.Live();
        if (live.Count > 0)
            live.Add("");
        foreach (var text in _sending)
            live.AddRange(console.Lines(new Paragraph($"› {ToolLine.OneLine(text, width - 16)} (sending)", new Style(Color.Grey))));
        foreach (var call in state.Calls.Values.Where(call => call.Phase is ToolCallPhase.Running or ToolCallPhase.Approved))
            live.AddRange(console.Lines(new Paragraph($"  {Spin()} {ToolLine.Running(call)}", new Style(Color.Grey))));
        if (Activity(state) is { } activity)
            live.AddRange(console.Lines(new Paragraph(activity, new Style(Color.Grey))));

        var prompt = _asking switch
        {
            Asking.Decision => "? ",
            Asking.Reason => "why not? ",
            _ => "› ",
        };
        if (_asking == Asking.Decision)
            live.AddRange(console.Lines(new Paragraph(ApprovalView.Keys, new Style(Color.Yellow))));
        var (rows, row, column) = InputBox.Layout(prompt, _input.Text, _input.Cursor, width);
        var offset = live.Count;
        live.AddRange(rows);
        _screen.Draw(live, offset + row, column);
    }

    private string? Activity(SessionState state)
    {
        if (_connectionNote is { } note)
            return $"{Spin()} reconnecting ({note})";
        if (_cancelling)
            return $"{Spin()} cancelling … Ctrl-C again leaves";
        if (_interrupted)
            return "Ctrl-C again leaves";
        if (state.Turn.Phase != TurnPhase.Running || _asking != Asking.Nothing)
            return null;
        var what = state.Status switch
        {
            "executing_tool" => "working",
            "waiting_client" => "waiting for a client that runs tools",
            "waiting_approval" => "waiting for an approval",
            _ when state.Streaming is not null => "writing",
            _ => "thinking",
        };
        var elapsed = _turnRan ? $" {connection.Time.GetElapsedTime(_turnBegun).TotalSeconds:0} s" : "";
        return $"{Spin()} {SafeText.Plain(state.Agent)} · {what}{elapsed}";
    }

    private char Spin() => Terminal.Spinner.At(connection.Time.GetElapsedTime(0));
}
