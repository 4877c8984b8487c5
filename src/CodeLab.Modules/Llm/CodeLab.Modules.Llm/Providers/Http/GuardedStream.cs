namespace CodeLab.Modules.Llm.Providers.Http;

/// <summary>
/// A provider's answer with the limits of the call on it: time to the first byte, time between bytes, whole time, length of a line and of the
/// whole. Each read ends at once when the caller leaves, whatever token the SDK passes.
/// </summary>
internal sealed class GuardedStream : Stream
{
    private readonly Stream _inner;
    private readonly ProviderCall _call;
    private readonly CancellationTokenSource _clock;
    private readonly CancellationTokenSource _either;
    private readonly TimeSpan _firstByte;
    private long _total;
    private long _line;

    public GuardedStream(Stream inner, ProviderCall call, TimeSpan firstByte)
    {
        (_inner, _call, _firstByte) = (inner, call, firstByte);
        _clock = new CancellationTokenSource(Timeout.InfiniteTimeSpan, call.Time);
        _either = CancellationTokenSource.CreateLinkedTokenSource(call.Token, _clock.Token);
    }

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        try
        {
            // The clock runs only while we wait: a slow reader on our side is not the provider's fault.
            _clock.CancelAfter(_total == 0 ? _firstByte : _call.Limits.Idle);
            var read = await _inner.ReadAsync(buffer, _either.Token);
            _clock.CancelAfter(Timeout.InfiniteTimeSpan);
            Measure(buffer.Span[..read]);
            return read;
        }
        catch (OperationCanceledException)
        {
            _call.Caller.ThrowIfCancellationRequested();
            if (_call.IsOverTime)
                throw _call.OverTime();
            throw _total == 0
                ? _call.TimedOut($"sent nothing within {_call.Limits.FirstByte.TotalSeconds:0.#} s")
                : _call.TimedOut($"fell silent for {_call.Limits.Idle.TotalSeconds:0.#} s in the middle of its answer");
        }
        catch (Exception e) when (e is IOException or HttpRequestException)
        {
            _call.Caller.ThrowIfCancellationRequested();
            throw new ProviderException(
                FailureCodes.ProviderError,
                $"The connection to {_call.Provider.Name} broke in the middle of its answer. Try again.",
                e
            );
        }
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(byte[] buffer, int offset, int count) =>
        throw new NotSupportedException("Answers of providers are read asynchronously");

    public override void Flush() { }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _inner.Dispose();
            _either.Dispose();
            _clock.Dispose();
        }
        base.Dispose(disposing);
    }

    public override async ValueTask DisposeAsync()
    {
        await _inner.DisposeAsync();
        await base.DisposeAsync();
    }

    private void Measure(ReadOnlySpan<byte> bytes)
    {
        _total += bytes.Length;
        while (bytes.IndexOf((byte)'\n') is var end and >= 0)
        {
            Check(_line + end, CallLimits.LineBytes, "a line of its answer is longer than 1 MiB");
            _line = 0;
            bytes = bytes[(end + 1)..];
        }
        _line += bytes.Length;
        Check(_line, CallLimits.LineBytes, "a line of its answer is longer than 1 MiB");
        Check(_total, CallLimits.BodyBytes, "its answer is longer than 16 MiB");
    }

    private void Check(long size, long most, string what)
    {
        if (size > most)
            throw new ProviderException(FailureCodes.ProviderError, $"{_call.Provider.Name} was cut off: {what}. Choose another model.");
    }
}
