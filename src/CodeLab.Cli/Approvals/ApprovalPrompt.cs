using System.Text.Json;
using CodeLab.Cli.Server;
using CodeLab.Cli.Terminal;
using CodeLab.Client.Rest;
using CodeLab.Client.Sessions;

namespace CodeLab.Cli.Approvals;

/// <summary>Asks about one waiting call on a plain terminal, line by line.</summary>
internal sealed class ApprovalPrompt(WorkspaceSession session, CliConsole console, KeySource keys)
{
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(250);

    /// <summary>Returns when the call is decided, here or elsewhere.</summary>
    /// <exception cref="OperationCanceledException">Ctrl-C.</exception>
    public async Task AskAsync(ToolCallState call, CancellationToken cancellationToken)
    {
        var most = ApprovalView.ShortDiff;
        while (true)
        {
            foreach (var line in await ApprovalView.DrawAsync(session.Tools, call, most, cancellationToken))
                console.Write(line);
            console.Note("  " + ApprovalView.Keys);
            try
            {
                switch (await KeyAsync(call.CallId, cancellationToken))
                {
                    case null:
                        console.Note("  Decided elsewhere.");
                        return;
                    case { Key: ConsoleKey.C, Modifiers: ConsoleModifiers.Control }:
                        await session.Client.CancelAsync(cancellationToken);
                        return;
                    case { KeyChar: 'y' or 'Y' }:
                        await session.Client.DecideAsync(call.CallId, "approve", cancellationToken: cancellationToken);
                        return;
                    case { KeyChar: 'a' or 'A' }:
                        await session.Client.DecideAsync(call.CallId, "approve", remember: true, cancellationToken: cancellationToken);
                        return;
                    case { KeyChar: 'n' or 'N' }:
                        await console.Error.WriteAsync("  Why (Enter for no reason): ");
                        var reason = await LineAsync(cancellationToken);
                        await session.Client.DecideAsync(
                            call.CallId,
                            "reject",
                            feedback: string.IsNullOrWhiteSpace(reason) ? null : reason,
                            cancellationToken: cancellationToken
                        );
                        return;
                    case { KeyChar: 'e' or 'E' }:
                        if (await keys.LendTerminalAsync(() => ArgumentEditor.EditAsync(call, cancellationToken)) is not { } edited)
                        {
                            console.Note("  Nothing changed.");
                            break;
                        }
                        await session.Client.DecideAsync(call.CallId, "edit", edited, cancellationToken: cancellationToken);
                        return;
                    case { KeyChar: 'd' or 'D' }:
                        most = int.MaxValue;
                        break;
                }
            }
            catch (JsonException fault)
            {
                console.Note($"  That is no JSON: {fault.Message}");
            }
            catch (ServerException refusal)
            {
                console.Note($"  The server refused: {refusal.Message} ({refusal.Code})");
                if (!session.Client.State.WaitingApprovals.Contains(call.CallId))
                    return;
            }
        }
    }

    private async Task<ConsoleKeyInfo?> KeyAsync(string callId, CancellationToken cancellationToken)
    {
        while (true)
        {
            if (keys.Keys.TryRead(out var key))
                return key;
            // Another door may decide while this one waits.
            if (!session.Client.State.WaitingApprovals.Contains(callId))
                return null;
            using var pause = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            var arrived = keys.Keys.WaitToReadAsync(pause.Token).AsTask();
            var first = await Task.WhenAny(arrived, Task.Delay(Look, pause.Token));
            cancellationToken.ThrowIfCancellationRequested();
            if (first == arrived && !await arrived)
                throw new OperationCanceledException("The terminal is gone.");
            await pause.CancelAsync();
        }
    }

    private async Task<string> LineAsync(CancellationToken cancellationToken)
    {
        var line = new LineBuffer();
        while (true)
        {
            var key = await keys.Keys.ReadAsync(cancellationToken);
            if (key.Key == ConsoleKey.Enter)
                break;
            if (key is { Key: ConsoleKey.C, Modifiers: ConsoleModifiers.Control })
                throw new OperationCanceledException();
            line.Apply(key);
            await console.Error.WriteAsync($"\r\u001b[K  Why (Enter for no reason): {line.Text}");
        }
        await console.Error.WriteLineAsync();
        return line.Text;
    }
}
