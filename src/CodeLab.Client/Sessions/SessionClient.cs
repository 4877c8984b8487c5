using System.Net;
using System.Text.Json;
using System.Threading.Channels;
using CodeLab.Client.Approvals;
using CodeLab.Client.Rest;
using CodeLab.Client.SignIn;
using CodeLab.Protocol;
using CodeLab.Protocol.Frames;
using CodeLab.Protocol.Hub;

namespace CodeLab.Client.Sessions;

/// <summary>
/// Takes part in one session over the hub: keeps attached for ever, folds frames into <see cref="State"/>, runs the tools it is given and
/// answers the approvals its mode allows. Inputs are repeated until the server has acknowledged them; the server knows repetitions.
/// </summary>
public sealed class SessionClient : IAsyncDisposable
{
    private readonly SessionClientOptions _options;
    private readonly CancellationTokenSource _stop = new();
    private readonly Channel<SessionUpdate> _updates;
    private readonly ToolRunner? _runner;
    private readonly HashSet<string> _decided = new(StringComparer.Ordinal);
    private readonly Lock _gate = new();
    private readonly List<Task> _decisions = [];
    private TaskCompletionSource<HubLink> _attached = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Task _work = Task.CompletedTask;
    private bool _attachedBefore;
    private volatile SessionState _state;

    /// <summary>Makes a client; <see cref="ConnectAsync"/> starts it.</summary>
    public SessionClient(SessionClientOptions options)
    {
        _options = options;
        _state = SessionState.Empty(options.SessionId);
        // Unbounded: a face that stops reading holds only its own process's memory, and no frame may be lost.
        _updates = Channel.CreateUnbounded<SessionUpdate>(new UnboundedChannelOptions { SingleReader = true });
        if (options.Tools is { } tools)
            _runner = new ToolRunner(tools, SubmitAsync, Publish, options.Time, _stop.Token);
    }

    /// <summary>The session as it is now.</summary>
    public SessionState State => _state;

    /// <summary>What happens, for one reader. It ends when the client is disposed and fails when the client cannot go on.</summary>
    public ChannelReader<SessionUpdate> Updates => _updates.Reader;

    /// <summary>Connects and attaches; afterwards the client stays attached until it is disposed.</summary>
    /// <exception cref="ServerUnreachableException">The server did not answer within <see cref="SessionClientOptions.FirstConnectionTimeout"/>.</exception>
    /// <exception cref="NotSignedInException">The person has to sign in.</exception>
    /// <exception cref="ServerException">The session may not be attached to.</exception>
    public async Task ConnectAsync(CancellationToken cancellationToken = default)
    {
        _work = Task.Run(
            async () =>
            {
                try
                {
                    await WorkAsync();
                }
                catch (Exception fault)
                {
                    // A fault of this program (a library that does not load, say): whoever waits must hear of it.
                    End(fault);
                }
            },
            CancellationToken.None
        );
        await AttachedAsync(cancellationToken);
    }

    /// <summary>Says something. Answered once it is committed.</summary>
    /// <param name="content">The text.</param>
    /// <param name="agent">Agent that must answer.</param>
    /// <param name="model">Model or alias.</param>
    /// <param name="messageId">Id for repeats; null makes one.</param>
    /// <param name="whenBusy">What happens while a turn runs; see <see cref="SendMessageRequest.WhenBusy"/>.</param>
    /// <param name="cancellationToken">Stops waiting for the answer.</param>
    /// <exception cref="ServerException">The server refused.</exception>
    public Task<InputAck> SendAsync(
        string content,
        string? agent = null,
        string? model = null,
        string? messageId = null,
        string? whenBusy = null,
        CancellationToken cancellationToken = default
    ) =>
        CallAsync(
            SessionHubNames.SendMessage,
            new SendMessageRequest
            {
                SessionId = _options.SessionId,
                MessageId = messageId ?? Guid.NewGuid().ToString(),
                Content = content,
                AgentType = agent,
                Model = model,
                WhenBusy = whenBusy,
            },
            cancellationToken
        );

    /// <summary>Decides on a waiting call: <c>approve</c>, <c>edit</c> (with arguments) or <c>reject</c>.</summary>
    /// <exception cref="ServerException">The server refused, e.g. because somebody else decided first.</exception>
    public Task<InputAck> DecideAsync(
        string callId,
        string decision,
        JsonElement? modifiedArguments = null,
        string? feedback = null,
        bool remember = false,
        string rememberScope = "session",
        CancellationToken cancellationToken = default
    )
    {
        lock (_gate)
            _decided.Add(callId);
        return CallAsync(
            SessionHubNames.Decide,
            new DecideRequest
            {
                SessionId = _options.SessionId,
                CallId = callId,
                Decision = decision,
                ModifiedArguments = modifiedArguments,
                Feedback = feedback,
                Remember = remember ? new RememberRequest { Scope = rememberScope } : null,
            },
            cancellationToken
        );
    }

    /// <summary>Makes another agent answer from now on.</summary>
    /// <exception cref="ServerException">The server refused.</exception>
    public Task<InputAck> SwitchAgentAsync(string agent, CancellationToken cancellationToken = default) =>
        CallAsync(
            SessionHubNames.SwitchAgent,
            new SwitchAgentRequest
            {
                SessionId = _options.SessionId,
                AgentType = agent,
                Reason = "Chosen by the user",
            },
            cancellationToken
        );

    /// <summary>Stops the running turn.</summary>
    /// <exception cref="ServerException">The server refused.</exception>
    public Task<InputAck> CancelAsync(CancellationToken cancellationToken = default) =>
        CallAsync(SessionHubNames.Cancel, new SessionRequest { SessionId = _options.SessionId }, cancellationToken);

    /// <summary>Waits until no tool runs here and every result is with the server.</summary>
    public Task DrainAsync() => _runner?.DrainAsync() ?? Task.CompletedTask;

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _work;
        await DrainAsync();
        Task[] decisions;
        lock (_gate)
            decisions = [.. _decisions];
        await Task.WhenAll(decisions);
        _updates.Writer.TryComplete();
        _stop.Dispose();
    }

    private async Task WorkAsync()
    {
        var begun = _options.Time.GetTimestamp();
        var attempt = 0;
        var refusedBefore = false;
        while (!_stop.IsCancellationRequested)
        {
            Exception fault;
            var link = new HubLink(_options.Server, _options.Tokens, _options.AnswerTimeout, _options.Time);
            try
            {
                await link.StartAsync(_stop.Token);
                await AttachAsync(link, fromTheBeginning: false);
                attempt = 0;
                refusedBefore = false;
                await ReadAsync(link);
                continue;
            }
            catch (Exception caught)
            {
                fault = caught;
            }
            finally
            {
                Detached();
                await link.DisposeAsync();
            }

            if (_stop.IsCancellationRequested)
                break;
            if (fault is HttpRequestException { StatusCode: HttpStatusCode.Unauthorized } && !refusedBefore)
            {
                // The token may have been revoked or the server's keys replaced: one try with a new one.
                refusedBefore = true;
                link.TokenRefused();
                continue;
            }
            if (Fatal(fault, begun) is { } end)
            {
                End(end);
                return;
            }

            var delay = ReconnectDelays.After(attempt++, Random.Shared.NextDouble());
            if (_attachedBefore)
                Publish(state => new SessionUpdate.Disconnected(fault.GetBaseException().Message, delay) { State = state });
            try
            {
                await Task.Delay(delay, _options.Time, _stop.Token);
            }
            catch (OperationCanceledException)
            {
                break;
            }
        }
        lock (_gate)
            _attached.TrySetCanceled(_stop.Token);
    }

    private void End(Exception reason)
    {
        _updates.Writer.TryComplete(reason);
        lock (_gate)
            _attached.TrySetException(reason);
        // Observed here, in case nobody waits.
        _ = _attached.Task.Exception;
    }

    /// <summary>What ends the client, or null when trying again may help.</summary>
    private Exception? Fatal(Exception fault, long begun)
    {
        switch (fault)
        {
            case NotSignedInException:
                return fault;
            case ServerException refusal:
                return HubFaults.IsPassing(refusal) ? null : refusal;
            case HttpRequestException { StatusCode: HttpStatusCode.Unauthorized }:
                return new NotSignedInException(_options.Server.Text, $"{_options.Server} refused the sign-in.");
            case HttpRequestException { StatusCode: HttpStatusCode.Forbidden }:
                return new ServerException("PERMISSION_DENIED", $"{_options.Server} does not let this user take part in sessions.");
            case HttpRequestException { StatusCode: HttpStatusCode.NotFound }:
                return new ServerException("NOT_A_SERVER", $"{_options.Server} has no CodeLab sessions. Is the address right?");
        }
        if (_attachedBefore || _options.Time.GetElapsedTime(begun) < _options.FirstConnectionTimeout)
            return null;
        return new ServerUnreachableException(_options.Server.Text, fault);
    }

    private async Task ReadAsync(HubLink link)
    {
        await foreach (var raw in link.Frames.ReadAllAsync(_stop.Token))
        {
            if (raw.Deserialize(ProtocolJson.Default.SessionFrame) is not { } frame)
                continue;
            if (frame.SessionId.Length > 0 && frame.SessionId != _options.SessionId)
                continue;
            var result = SessionFold.Apply(_state, frame);
            _state = result.State;
            switch (result.Effect)
            {
                case FoldEffect.Applied:
                    Publish(state => new SessionUpdate.FrameReceived(frame, raw, Replayed: false) { State = state });
                    React(frame);
                    break;
                case FoldEffect.Gap:
                    await AttachAsync(link, fromTheBeginning: false);
                    break;
                case FoldEffect.Resync:
                    await AttachAsync(link, fromTheBeginning: true);
                    break;
            }
        }
    }

    /// <summary>
    /// Attaches where this client stands. Frames that arrive meanwhile wait in the link's inbox, because this runs on the one task that
    /// reads it; what the answer covers is dropped by position when they are read.
    /// </summary>
    private async Task AttachAsync(HubLink link, bool fromTheBeginning)
    {
        var request = new AttachRequest
        {
            SessionId = _options.SessionId,
            LastSeq = fromTheBeginning ? 0 : _state.LastSeq,
            Client = _options.Client,
            Tools = _options.Tools is { } tools ? [.. tools.Names.Select(ToElement)] : null,
            Workspace = _options.Workspace,
        };
        var raw = await link.CallAsync<JsonElement>(SessionHubNames.Attach, request, _stop.Token);
        var answer = raw.Deserialize(ProtocolJson.Default.AttachResponse)!;

        var told = _state.LastSeq;
        if (fromTheBeginning || answer.Resync)
            _state = SessionState.Empty(_options.SessionId);
        if (raw.TryGetProperty("frames", out var frames))
        {
            foreach (var element in frames.EnumerateArray())
            {
                var frame = element.Deserialize(ProtocolJson.Default.SessionFrame)!;
                var result = SessionFold.Apply(_state, frame);
                _state = result.State;
                // After a resync the state is folded anew, but a face has drawn the beginning already.
                if (result.Effect == FoldEffect.Applied && (frame.Seq ?? long.MaxValue) > told)
                    Publish(state => new SessionUpdate.FrameReceived(frame, element, Replayed: true) { State = state });
            }
        }
        _state = SessionFold.ApplyAttached(_state, answer);

        lock (_gate)
        {
            if (_attached.Task.IsCompleted)
                _attached = new TaskCompletionSource<HubLink>(TaskCreationOptions.RunContinuationsAsynchronously);
            _attached.SetResult(link);
        }
        var first = !_attachedBefore;
        _attachedBefore = true;
        Publish(state => new SessionUpdate.Attached(first, answer.Executor) { State = state });

        foreach (var call in answer.OpenCalls ?? [])
            _runner?.Offer(WithSession(call));
        foreach (var callId in _state.WaitingApprovals)
            ConsiderApproval(_state.Calls[callId]);
    }

    private void React(SessionFrame frame)
    {
        switch (frame)
        {
            case ToolCallFrame { RequiresApproval: false } call when call.Executor == _options.Client.Id && call.Executor is not null:
                _runner?.Offer(WithSession(call));
                break;
            case ToolCallFrame { RequiresApproval: true } call:
                if (_state.Calls.TryGetValue(call.CallId, out var waiting))
                    ConsiderApproval(waiting);
                break;
            case ToolResultFrame { Status: not "result" and not "error" } result:
                _runner?.Withdraw(result.CallId);
                break;
            case TurnCancelledFrame:
                foreach (var call in _state.Calls.Values.Where(call => call.Phase == ToolCallPhase.Cancelled))
                    _runner?.Withdraw(call.CallId);
                break;
        }
    }

    private void ConsiderApproval(ToolCallState call)
    {
        if (!ApprovalPolicy.Approves(_options.Approvals, call.ToolName, call.Arguments))
            return;
        lock (_gate)
        {
            if (!_decided.Add(call.CallId))
                return;
            _decisions.RemoveAll(task => task.IsCompleted);
            _decisions.Add(ApproveAsync(call.CallId));
        }
    }

    private async Task ApproveAsync(string callId)
    {
        try
        {
            await DecideAsync(callId, "approve", cancellationToken: _stop.Token);
        }
        catch (OperationCanceledException)
        {
            // The client stops; the approval waits on the server.
        }
        catch (Exception fault)
        {
            var refusal = fault as ServerException;
            Publish(state => new SessionUpdate.Refused(callId, refusal?.Code ?? "INTERNAL_ERROR", fault.Message) { State = state });
        }
    }

    private async Task SubmitAsync(SubmitToolResultRequest request, CancellationToken cancellationToken) =>
        await CallAsync(SessionHubNames.SubmitToolResult, request, cancellationToken);

    /// <summary>Calls until the server has answered, across connections.</summary>
    private async Task<InputAck> CallAsync(string method, object argument, CancellationToken cancellationToken)
    {
        using var both = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _stop.Token);
        for (var attempt = 0; ; attempt++)
        {
            var link = await AttachedAsync(both.Token);
            try
            {
                return await link.CallAsync<InputAck>(method, argument, both.Token);
            }
            catch (IOException)
            {
                // The connection ended and the answer with it: ask again on the next one. The server knows what it has taken.
            }
            catch (ServerException refusal) when (HubFaults.IsPassing(refusal) && attempt < 5)
            {
                // Refused for a reason that passes.
            }
            await Task.Delay(ReconnectDelays.After(attempt, Random.Shared.NextDouble()), _options.Time, both.Token);
        }
    }

    private Task<HubLink> AttachedAsync(CancellationToken cancellationToken)
    {
        lock (_gate)
            return _attached.Task.WaitAsync(cancellationToken);
    }

    private void Detached()
    {
        lock (_gate)
            if (_attached.Task.IsCompletedSuccessfully)
                _attached = new TaskCompletionSource<HubLink>(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    private void Publish(Func<SessionState, SessionUpdate> update) => _updates.Writer.TryWrite(update(_state));

    private ToolCallFrame WithSession(ToolCallFrame call) =>
        call.SessionId.Length > 0 ? call : call with { SessionId = _options.SessionId };

    private static JsonElement ToElement(string name) => JsonSerializer.SerializeToElement(name, ProtocolText.Default.String);
}
