using System.Runtime.InteropServices;
using CodeLab.Cli.Approvals;
using CodeLab.Cli.CommandLine;
using CodeLab.Cli.Server;
using CodeLab.Cli.Terminal;
using CodeLab.Client.Approvals;
using CodeLab.Client.Sessions;
using CodeLab.Client.Workspaces;
using CodeLab.Protocol.Frames;

namespace CodeLab.Cli.Run;

/// <summary>
/// One turn from its task (or from where it stands) to its end: prints what happens, asks where a person is there, and says by the exit
/// code how it ended.
/// </summary>
internal sealed class RunLoop(WorkspaceSession session, CommonSettings settings, IRunOutput output, CliConsole console)
{
    private readonly SessionClient _client = session.Client;

    public static async Task<int> RunAsync(
        ServerConnection connection,
        string root,
        CommonSettings settings,
        string? task,
        CliConsole console,
        CancellationToken cancellationToken
    )
    {
        IRunOutput output = settings.Json ? new JsonRunOutput(console.Out) : new HumanRunOutput(console);
        var sessionId = settings.Session ?? Guid.NewGuid().ToString();
        var exitCode = await CodeLabCommand.GuardAsync(
            console,
            async () =>
            {
                // Fails here, with its own exit code, before anything is begun.
                await connection.Tokens.GetAsync(cancellationToken);
                using var identity = await ExecutorIdentity.TakeAsync(connection.Data, root, cancellationToken);
                await using var session = await WorkspaceSession.OpenAsync(
                    connection,
                    identity,
                    root,
                    sessionId,
                    settings.Approve,
                    cancellationToken
                );
                return await new RunLoop(session, settings, output, console).RunAsync(task, cancellationToken);
            }
        );
        output.End(exitCode, sessionId);
        return exitCode;
    }

    public async Task<int> RunAsync(string? task, CancellationToken cancellationToken)
    {
        using var leave = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var interrupts = 0;
        using var interrupt = PosixSignalRegistration.Create(
            PosixSignal.SIGINT,
            signal =>
            {
                signal.Cancel = true;
                if (Interlocked.Increment(ref interrupts) == 1)
                    _ = CancelTurnAsync(leave);
                else
                    leave.Cancel();
            }
        );
        try
        {
            await _client.ConnectAsync(leave.Token);
            var position = task is null
                ? 0
                : (await _client.SendAsync(task, settings.Agent, settings.Model, cancellationToken: leave.Token)).Seq;
            if (task is null && settings.Agent is { } agent)
                await _client.SwitchAgentAsync(agent, leave.Token);
            var exitCode = await FollowAsync(task is null, position, leave.Token);
            return Volatile.Read(ref interrupts) > 0 ? ExitCodes.Cancelled : exitCode;
        }
        catch (OperationCanceledException)
        {
            return ExitCodes.Cancelled;
        }
    }

    private async Task CancelTurnAsync(CancellationTokenSource leave)
    {
        console.Note("Cancelling the turn. Press Ctrl-C again to leave at once.");
        try
        {
            // A server that does not answer must not keep the person here.
            leave.CancelAfter(TimeSpan.FromSeconds(10));
            await _client.CancelAsync(leave.Token);
        }
        catch (Exception fault) when (fault is OperationCanceledException or Client.Rest.ServerException)
        {
            await leave.CancelAsync();
        }
    }

    private async Task<int> FollowAsync(bool follow, long position, CancellationToken cancellationToken)
    {
        var replayed = new List<SessionUpdate.FrameReceived>();
        var attached = false;
        await foreach (var update in _client.Updates.ReadAllAsync(cancellationToken))
        {
            switch (update)
            {
                case SessionUpdate.FrameReceived { Replayed: true } frame when !attached:
                    // The past of the session is not this run's output; of a turn that is followed, what happened since its message is.
                    if (frame.Frame is UserMessageFrame)
                        replayed.Clear();
                    replayed.Add(frame);
                    break;
                case SessionUpdate.FrameReceived frame:
                    output.Frame(frame);
                    break;
                case SessionUpdate.Attached { First: true } first:
                    attached = true;
                    if (follow && update.State.Turn.Phase == TurnPhase.None)
                        throw new UsageException($"Session {session.SessionId} has no turn to follow. Give it a task.");
                    if (follow)
                        replayed.ForEach(output.Frame);
                    if (!first.Executor)
                        console.Note("Another client runs the tools of this session; this one only watches.");
                    break;
                default:
                    output.Other(update);
                    break;
            }
            if (!attached)
                continue;

            var state = update.State;
            if (state.LastSeq >= position && Ended(state) is { } exitCode)
            {
                // A result that is still on its way belongs to the record.
                await _client.DrainAsync();
                return exitCode;
            }
            if (await DecideAsync(state, cancellationToken) is { } stopped)
                return stopped;
        }
        return ExitCodes.Failed;
    }

    private int? Ended(SessionState state)
    {
        switch (state.Turn.Phase)
        {
            case TurnPhase.Completed:
                return ExitCodes.Done;
            case TurnPhase.Cancelled:
                console.Problem("The turn was cancelled.");
                return ExitCodes.Cancelled;
            case TurnPhase.Failed:
                console.Problem($"The turn failed: {state.Turn.Error} ({state.Turn.ErrorCode})");
                return ExitCodes.Failed;
            default:
                return null;
        }
    }

    /// <summary>Asks the person about what waits, or says with which exit code to stop when nobody is there.</summary>
    private async Task<int?> DecideAsync(SessionState told, CancellationToken cancellationToken)
    {
        // Only what has been told already, so that the question never comes before its frame; and what waited then may be decided by now.
        foreach (var callId in told.WaitingApprovals)
        {
            if (!_client.State.WaitingApprovals.Contains(callId))
                continue;
            var call = _client.State.Calls[callId];
            if (ApprovalPolicy.Approves(settings.Approve, call.ToolName, call.Arguments))
                continue;
            if (!console.IsInteractive)
            {
                await _client.DrainAsync();
                console.Problem(
                    $"Stopped: {ToolLine.Title(call)} waits for approval in session {session.SessionId}. "
                        + $"Approve it (dashboard, chat, another client) and go on with: {settings.GoOnWith} --session {session.SessionId}"
                );
                return ExitCodes.StoppedForApproval;
            }
            await using var keys = new KeySource();
            await new ApprovalPrompt(session, console, keys).AskAsync(call, cancellationToken);
        }
        return null;
    }
}
