using CodeLab.Protocol.Frames;
using CodeLab.Protocol.Hub;

namespace CodeLab.Modules.Gateway.Live;

/// <summary>
/// One connection and what waits for it, whatever its door. Its queue is bounded in frames, bytes and age, so that a reader that stopped
/// reading costs us a fixed sum and nobody else anything: it is closed, and comes back with the last <c>seq</c> it has.
/// </summary>
/// <param name="id">Id of the connection.</param>
/// <param name="user">Whose it is.</param>
/// <param name="delivery">What all connections share.</param>
internal abstract class LiveConnection(string id, LiveUser user, Delivery delivery)
{
    // A publisher that finds its reader idle writes itself; after this many writes in a row it goes back to its own work.
    private const int WritesInline = 16;

    private readonly Lock _lock = new();
    private readonly Dictionary<string, Subscription> _sessions = new(1, StringComparer.Ordinal);
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Queue<QueuedFrame>? _queue;
    private QueuedFrame? _last;
    private int _bytes;
    private bool _pumping;
    private bool _closing;
    private bool _closed;
    private long _writeStarted;
    private long _closeStarted;

    public string Id => id;

    public string UserId => user.UserId;

    public string? SignInId => user.SignInId;

    public LiveUser User => user;

    /// <summary>Sessions whose audience it is in; kept by <see cref="SessionFanout"/> under its lock.</summary>
    public List<string> Audiences { get; } = new(1);

    protected Delivery Delivery => delivery;

    /// <summary>Why this side closes it; null while it does not.</summary>
    public CloseReason? ClosedBecause { get; private set; }

    /// <summary>True once it takes no more frames.</summary>
    public bool IsClosing
    {
        get
        {
            lock (_lock)
                return _closing;
        }
    }

    /// <summary>True while something waits to be written.</summary>
    public bool IsWaiting
    {
        get
        {
            lock (_lock)
                return _pumping;
        }
    }

    /// <summary>Completes when nothing more is sent on this connection.</summary>
    public Task Ended => _ended.Task;

    public IReadOnlyList<string> Sessions
    {
        get
        {
            lock (_lock)
                return [.. _sessions.Keys];
        }
    }

    /// <summary>Whether this connection shows frames of a kind at all; what it does not show costs it nothing.</summary>
    protected virtual bool Wants(SessionFrame frame) => true;

    /// <summary>Writes a frame. Called by one at a time.</summary>
    protected abstract ValueTask SendAsync(WireFrame frame);

    /// <summary>Says goodbye to a reader that reads: the last thing sent.</summary>
    protected abstract ValueTask SayGoodbyeAsync(CloseReason reason);

    /// <summary>Breaks the transport.</summary>
    protected abstract void Abort();

    /// <summary>Something the door itself does once a second, such as looking at its token.</summary>
    protected virtual void OnTick(DateTimeOffset now) { }

    /// <summary>
    /// Begins to keep the frames of a session until the answer of the attach says which of them it covers. A second attach replaces the first.
    /// </summary>
    public Subscription Collect(string sessionId)
    {
        lock (_lock)
            return _sessions[sessionId] = new Subscription();
    }

    /// <summary>Sends what the client missed, then what the answer does not cover, and from now on everything.</summary>
    /// <param name="sessionId">The session.</param>
    /// <param name="subscription">The subscription, as <see cref="Collect"/> gave it.</param>
    /// <param name="answer">The answer of the attach.</param>
    /// <param name="first">Frames to send before anything live; empty for a door that answers with them.</param>
    public void GoLive(string sessionId, Subscription subscription, AttachResponse answer, IReadOnlyList<WireFrame> first)
    {
        bool pump;
        lock (_lock)
        {
            // A later attach or a detach of the same session overtook this one.
            if (_closing || !_sessions.TryGetValue(sessionId, out var current) || current != subscription)
                return;
            var full = false;
            if (first.Count > 0)
                Enqueue(new QueuedFrame(first, delivery.Time.GetTimestamp()));
            foreach (var frame in subscription.GoLive(answer))
                full = full || (Wants(frame.Frame) && !TryAdd(frame));
            if (full)
                DropLocked();
            pump = StartPump();
        }
        if (pump)
            _ = PumpAsync(inline: true);
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
    public void Deliver(WireFrame frame)
    {
        if (!Wants(frame.Frame))
            return;
        bool pump;
        lock (_lock)
        {
            if (_closing || !_sessions.TryGetValue(frame.Frame.SessionId, out var subscription))
                return;
            if (subscription.IsCollecting)
            {
                if (subscription.TryKeep(frame, delivery.Limits))
                    return;
                DropLocked();
            }
            else if (subscription.Uncovered(frame) is { } wanted && !TryAdd(wanted))
            {
                DropLocked();
            }
            pump = StartPump();
        }
        if (pump)
            _ = PumpAsync(inline: true);
    }

    /// <summary>Sends a message of the door's own, in order with the frames.</summary>
    public void Send(WireFrame message)
    {
        bool pump;
        lock (_lock)
        {
            if (_closing)
                return;
            if (!TryAdd(message))
                DropLocked();
            pump = StartPump();
        }
        if (pump)
            _ = PumpAsync(inline: true);
    }

    /// <summary>Closes once everything before this has been sent.</summary>
    /// <param name="reason">Why.</param>
    /// <param name="last">A message to send before.</param>
    /// <param name="now">True: what waits is dropped, as for somebody who may not read it any more.</param>
    public void Close(CloseReason reason, WireFrame? last = null, bool now = false)
    {
        bool pump;
        lock (_lock)
        {
            if (_closing)
                return;
            if (now)
                ClearQueue();
            if (last is not null)
                Enqueue(new QueuedFrame(last, delivery.Time.GetTimestamp()));
            EndWith(reason);
            pump = StartPump();
        }
        if (pump)
            _ = PumpAsync(inline: false);
    }

    /// <summary>Stops delivering: the transport is gone already.</summary>
    public void MarkClosed()
    {
        lock (_lock)
        {
            if (_closed)
                return;
            _closing = _closed = true;
            ClearQueue();
            _sessions.Clear();
        }
        _ended.TrySetResult();
    }

    /// <summary>Looks at the time: writes that hang, readers that lag, goodbyes nobody answers.</summary>
    public void Tick(DateTimeOffset now)
    {
        var limits = delivery.Limits;
        var time = delivery.Time;
        if (Volatile.Read(ref _writeStarted) is not 0 and var write && time.GetElapsedTime(write).TotalSeconds > limits.WriteSeconds)
        {
            if (!_closing)
                delivery.Metrics.Dropped();
            Break();
            return;
        }
        if (Volatile.Read(ref _closeStarted) is not 0 and var close && time.GetElapsedTime(close).TotalSeconds > limits.CloseSeconds)
        {
            Break();
            return;
        }
        var pump = false;
        lock (_lock)
        {
            if (!_closing && IsLate())
            {
                DropLocked();
                pump = StartPump();
            }
        }
        if (pump)
            _ = PumpAsync(inline: false);
        OnTick(now);
    }

    /// <summary>Ends the connection without a word.</summary>
    public void Break()
    {
        MarkClosed();
        Abort();
    }

    private bool TryAdd(WireFrame frame)
    {
        var size = frame.Size;
        // A reader that lags gets text in larger pieces: same text, fewer frames.
        if (_queue?.Count >= Coalescing.From && _last is not null && Coalescing.TryAppend(_last, frame.Frame))
        {
            if (_bytes + size > delivery.Limits.QueueBytes || !delivery.Take(size, _bytes))
                return false;
            _last.Size += size;
            _bytes += size;
            return true;
        }
        if (
            _queue?.Count >= delivery.Limits.QueueFrames
            || _bytes + size > delivery.Limits.QueueBytes
            || IsLate()
            || !delivery.Take(size, _bytes)
        )
            return false;
        _last = new QueuedFrame(frame, delivery.Time.GetTimestamp());
        _bytes += _last.Size;
        Enqueue(_last);
        return true;
    }

    private bool IsLate() =>
        _queue is not null
        && _queue.TryPeek(out var oldest)
        && delivery.Time.GetElapsedTime(oldest.At).TotalSeconds > delivery.Limits.QueueSeconds;

    private void Enqueue(QueuedFrame item)
    {
        (_queue ??= new(4)).Enqueue(item);
        delivery.Metrics.Queued();
    }

    /// <summary>Gives a slow reader up. If it reads again within the time of a write, it still hears why.</summary>
    private void DropLocked()
    {
        delivery.Metrics.Dropped();
        ClearQueue();
        EndWith(CloseReason.Slow);
    }

    private void EndWith(CloseReason reason)
    {
        _closing = true;
        ClosedBecause = reason;
        _sessions.Clear();
        Volatile.Write(ref _closeStarted, delivery.Time.GetTimestamp());
        Enqueue(new QueuedFrame(reason, delivery.Time.GetTimestamp()));
        _last = null;
    }

    private void ClearQueue()
    {
        if (_queue is not null)
        {
            delivery.Metrics.Dequeued(_queue.Count);
            _queue.Clear();
        }
        delivery.Give(_bytes);
        _bytes = 0;
        _last = null;
    }

    private bool StartPump()
    {
        if (_pumping || _closed || _queue is not { Count: > 0 })
            return false;
        return _pumping = true;
    }

    /// <summary>The one writer of this connection.</summary>
    private async Task PumpAsync(bool inline)
    {
        if (!inline)
            await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        for (var written = 1; TryDequeue() is { } next; written++)
        {
            try
            {
                await WriteAsync(next);
            }
            catch (Exception)
            {
                // The transport broke: the door hears of it and removes the connection; nothing more can be sent here.
                Break();
                return;
            }
            finally
            {
                Volatile.Write(ref _writeStarted, 0);
            }
            if (inline && written % WritesInline == 0)
                await Task.Yield();
        }
    }

    private QueuedFrame? TryDequeue()
    {
        lock (_lock)
        {
            if (_closed || _queue is not { Count: > 0 })
            {
                _pumping = false;
                // An idle connection keeps no queue: there are thousands of them.
                if (_queue?.Capacity > 64)
                    _queue = null;
                return null;
            }
            var next = _queue.Dequeue();
            if (ReferenceEquals(next, _last))
                _last = null;
            _bytes -= next.Size;
            delivery.Give(next.Size);
            delivery.Metrics.Dequeued(1);
            return next;
        }
    }

    private async ValueTask WriteAsync(QueuedFrame next)
    {
        if (next.End is { } reason)
        {
            Volatile.Write(ref _writeStarted, delivery.Time.GetTimestamp());
            await SayGoodbyeAsync(reason);
            MarkClosed();
            return;
        }
        if (next.Run is { } run)
        {
            foreach (var missed in run)
            {
                Volatile.Write(ref _writeStarted, delivery.Time.GetTimestamp());
                await SendAsync(missed);
            }
            delivery.Metrics.Sent(run.Count);
            return;
        }
        Volatile.Write(ref _writeStarted, delivery.Time.GetTimestamp());
        await SendAsync(next.ToWire());
        delivery.Metrics.Sent(delivery.Time.GetElapsedTime(next.At));
    }
}
