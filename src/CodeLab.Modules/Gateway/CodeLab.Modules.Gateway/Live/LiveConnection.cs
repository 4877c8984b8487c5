using CodeLab.Protocol.Frames;
using CodeLab.Protocol.Hub;

namespace CodeLab.Modules.Gateway.Live;

/// <summary>
/// One connection and what waits for it. Its queue is bounded in frames, bytes and age, so that a reader that stopped reading costs us
/// a fixed sum and nobody else anything: it is closed, and comes back with the last <c>seq</c> it has.
/// </summary>
internal sealed class LiveConnection(
    string id,
    string userId,
    Func<FramePayload, Task> send,
    Action abort,
    GatewayOptions limits,
    TimeProvider time,
    GatewayMetrics metrics
)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, Subscription> _sessions = new(StringComparer.Ordinal);
    private readonly Queue<QueuedFrame> _queue = new();
    private QueuedFrame? _last;
    private int _bytes;
    private bool _pumping;
    private bool _closed;

    public string Id => id;

    public string UserId => userId;

    /// <summary>The pump's run, complete when nothing waits.</summary>
    public Task Pump { get; private set; } = Task.CompletedTask;

    public IReadOnlyList<string> Sessions
    {
        get
        {
            lock (_lock)
                return [.. _sessions.Keys];
        }
    }

    /// <summary>
    /// Begins to keep the frames of a session until the answer of the attach says which of them it covers. A second attach replaces the first.
    /// </summary>
    public Subscription Collect(string sessionId)
    {
        lock (_lock)
            return _sessions[sessionId] = new Subscription();
    }

    /// <summary>Sends on what the answer does not cover, and from now on everything.</summary>
    public void GoLive(string sessionId, Subscription subscription, AttachResponse answer)
    {
        var full = false;
        lock (_lock)
        {
            // A later attach or a detach of the same session overtook this one.
            if (_closed || !_sessions.TryGetValue(sessionId, out var current) || current != subscription)
                return;
            foreach (var (frame, payload) in subscription.GoLive(answer))
                full = full || !TryAdd(frame, payload);
            StartPump();
        }
        if (full)
            Overflow();
    }

    public void Leave(string sessionId)
    {
        lock (_lock)
            _sessions.Remove(sessionId);
    }

    /// <summary>Forgets an attach that failed, unless a later one took its place.</summary>
    public bool Forget(string sessionId, Subscription subscription)
    {
        lock (_lock)
            return _sessions.TryGetValue(sessionId, out var current) && current == subscription && _sessions.Remove(sessionId);
    }

    /// <summary>Takes a frame of a session. Never waits.</summary>
    public void Deliver(SessionFrame frame, FramePayload payload)
    {
        var full = false;
        lock (_lock)
        {
            if (_closed || !_sessions.TryGetValue(frame.SessionId, out var subscription))
                return;
            if (subscription.IsCollecting)
            {
                full = !subscription.TryKeep(frame, payload, limits);
            }
            else if (subscription.Uncovered(frame) is { } wanted)
            {
                full = !TryAdd(wanted, ReferenceEquals(wanted, frame) ? payload : FrameJson.Serialize(wanted));
                StartPump();
            }
        }
        if (full)
            Overflow();
    }

    /// <summary>Ends the connection; what waits is dropped.</summary>
    public void Close()
    {
        MarkClosed();
        abort();
    }

    /// <summary>Stops delivering without closing: the transport is gone already.</summary>
    public void MarkClosed()
    {
        lock (_lock)
        {
            if (_closed)
                return;
            _closed = true;
            metrics.Dequeued(_queue.Count);
            _queue.Clear();
            _sessions.Clear();
            _last = null;
            _bytes = 0;
        }
    }

    private bool TryAdd(SessionFrame frame, FramePayload payload)
    {
        // A reader that lags gets text in larger pieces: same text, fewer frames.
        if (_queue.Count >= Coalescing.From && _last is not null && Coalescing.TryAppend(_last, frame))
        {
            _last.Size += payload.Size;
            _bytes += payload.Size;
            return _bytes <= limits.QueueBytes;
        }
        if (
            _queue.Count >= limits.QueueFrames
            || _bytes + payload.Size > limits.QueueBytes
            || (_queue.TryPeek(out var oldest) && time.GetElapsedTime(oldest.At).TotalSeconds > limits.QueueSeconds)
        )
            return false;
        _last = new QueuedFrame(frame, payload, time.GetTimestamp());
        _queue.Enqueue(_last);
        _bytes += payload.Size;
        metrics.Queued();
        return true;
    }

    private void StartPump()
    {
        if (_pumping || _closed || _queue.Count == 0)
            return;
        _pumping = true;
        Pump = Task.Run(PumpAsync);
    }

    /// <summary>The one writer of this connection.</summary>
    private async Task PumpAsync()
    {
        while (true)
        {
            QueuedFrame next;
            lock (_lock)
            {
                if (_closed || _queue.Count == 0)
                {
                    _pumping = false;
                    return;
                }
                next = _queue.Dequeue();
                if (ReferenceEquals(next, _last))
                    _last = null;
                _bytes -= next.Size;
                metrics.Dequeued(1);
            }
            try
            {
                await send(next.ToPayload()).WaitAsync(TimeSpan.FromSeconds(limits.WriteSeconds), time);
                metrics.Sent();
            }
            catch (TimeoutException)
            {
                Overflow();
                return;
            }
            catch (Exception)
            {
                // The transport broke: the hub hears of it and removes the connection; nothing more can be sent here.
                Close();
                return;
            }
        }
    }

    private void Overflow()
    {
        metrics.Dropped();
        Close();
    }
}
