using CodeLab.Cli.Approvals;
using CodeLab.Cli.Terminal;
using CodeLab.Client.Sessions;
using Spectre.Console;

namespace CodeLab.Cli.Chat;

/// <summary>The live lines at the end of the screen: open text, what runs, what goes on, and the input.</summary>
internal sealed partial class ChatLoop
{
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
