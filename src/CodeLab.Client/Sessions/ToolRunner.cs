using System.Text.Json;
using CodeLab.Client.Rest;
using CodeLab.Client.Tools;
using CodeLab.Protocol;
using CodeLab.Protocol.Frames;
using CodeLab.Protocol.Hub;

namespace CodeLab.Client.Sessions;

/// <summary>
/// Runs the calls dispatched to this client, each once at a time however often it is delivered, and sends each result until the server
/// has it. That a call does not run twice across restarts is the journal's work, inside <see cref="IToolExecutor"/>.
/// </summary>
internal sealed class ToolRunner(
    IToolExecutor tools,
    Func<SubmitToolResultRequest, CancellationToken, Task> submit,
    Action<Func<SessionState, SessionUpdate>> publish,
    TimeProvider time,
    CancellationToken stop
)
{
    private sealed record Active(CancellationTokenSource Cancel, Task Work);

    private readonly Lock _gate = new();
    private readonly Dictionary<string, Active> _active = new(StringComparer.Ordinal);

    public void Offer(ToolCallFrame call)
    {
        lock (_gate)
        {
            if (_active.ContainsKey(call.CallId) || stop.IsCancellationRequested)
                return;
            var cancel = CancellationTokenSource.CreateLinkedTokenSource(stop);
            // Begun outside this thread: it folds frames and must not wait for a disk.
            _active[call.CallId] = new Active(cancel, Task.Run(() => RunAsync(call, cancel), CancellationToken.None));
        }
    }

    /// <summary>The server wants no result any more: ends what runs.</summary>
    public void Withdraw(string callId)
    {
        lock (_gate)
            if (_active.TryGetValue(callId, out var active))
                active.Cancel.Cancel();
    }

    /// <summary>Waits until nothing runs.</summary>
    public Task DrainAsync()
    {
        lock (_gate)
            return Task.WhenAll(_active.Values.Select(active => active.Work));
    }

    private async Task RunAsync(ToolCallFrame call, CancellationTokenSource cancel)
    {
        try
        {
            publish(state => new SessionUpdate.ToolStarted(call) { State = state });
            var begun = time.GetTimestamp();
            var outcome = await tools.ExecuteAsync(
                new ToolInvocation(call.CallId, call.ToolName, call.Arguments, call.Redelivered == true),
                cancel.Token
            );
            var elapsed = time.GetElapsedTime(begun);
            publish(state => new SessionUpdate.ToolFinished(call, outcome, elapsed) { State = state });
            // Sent even when the turn was cancelled meanwhile: what happened on the disk belongs in the record.
            await submit(ToRequest(call, outcome), stop);
        }
        catch (OperationCanceledException) when (cancel.IsCancellationRequested)
        {
            // Withdrawn or stopping: the journal knows how far it came.
        }
        catch (ServerException refusal)
        {
            publish(state => new SessionUpdate.Refused(call.CallId, refusal.Code, refusal.Message) { State = state });
        }
        finally
        {
            lock (_gate)
                _active.Remove(call.CallId);
            cancel.Dispose();
        }
    }

    private static SubmitToolResultRequest ToRequest(ToolCallFrame call, ToolOutcome outcome) =>
        new()
        {
            SessionId = call.SessionId,
            CallId = call.CallId,
            Result = outcome.Error is null ? outcome.Result : null,
            Error = outcome.Error is { } error ? ErrorOf(outcome.ErrorCode, error) : null,
        };

    private static JsonElement ErrorOf(string? code, string message)
    {
        var error = new Dictionary<string, string>(StringComparer.Ordinal) { ["message"] = message };
        if (code is not null)
            error["code"] = code;
        return JsonSerializer.SerializeToElement(error, ProtocolJson.Default.DictionaryStringString);
    }
}
