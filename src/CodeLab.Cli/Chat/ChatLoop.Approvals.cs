using System.Text.Json;
using CodeLab.Cli.Approvals;
using CodeLab.Client.Approvals;
using CodeLab.Client.Rest;
using CodeLab.Client.Sessions;

namespace CodeLab.Cli.Chat;

/// <summary>Questions about calls that wait: shown with their diff, answered by a key.</summary>
internal sealed partial class ChatLoop
{
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
                await _session.Client.DecideAsync(callId, decision, arguments, feedback, remember, cancellationToken: _leave.Token);
            }
            catch (ServerException)
            {
                _shown.Remove(callId + "!");
                throw;
            }
        });
    }
}
