using System.Buffers;
using System.Net;
using System.Net.Http.Headers;

namespace CodeLab.Modules.Llm.Translation;

/// <summary>Bytes in rented segments, so that a large body needs no large array.</summary>
internal sealed class SegmentBuffer : IBufferWriter<byte>, IDisposable
{
    private const int FirstSegment = 4096;
    private const int LargestSegment = 64 * 1024;
    private readonly List<Segment> _segments = [];
    private byte[] _current = ArrayPool<byte>.Shared.Rent(FirstSegment);
    private int _used;

    public long Length { get; private set; }

    public void Advance(int count)
    {
        _used += count;
        Length += count;
    }

    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        Reserve(Math.Max(1, sizeHint));
        return _current.AsMemory(_used);
    }

    public Span<byte> GetSpan(int sizeHint = 0)
    {
        Reserve(Math.Max(1, sizeHint));
        return _current.AsSpan(_used);
    }

    /// <summary>Everything written, valid until the buffer is disposed.</summary>
    public ReadOnlySequence<byte> ToSequence()
    {
        if (_segments.Count == 0)
            return new ReadOnlySequence<byte>(_current, 0, _used);
        var last = new Segment(_current, _used, _segments[^1]);
        return new ReadOnlySequence<byte>(_segments[0], 0, last, _used);
    }

    public void Dispose()
    {
        foreach (var segment in _segments)
            ArrayPool<byte>.Shared.Return(segment.Array);
        _segments.Clear();
        if (_current.Length > 0)
            ArrayPool<byte>.Shared.Return(_current);
        _current = [];
        _used = 0;
    }

    private void Reserve(int size)
    {
        if (_current.Length - _used >= size)
            return;
        _segments.Add(new Segment(_current, _used, _segments is [.., var last] ? last : null));
        _current = ArrayPool<byte>.Shared.Rent(Math.Max(size, Math.Min(LargestSegment, _current.Length * 2)));
        _used = 0;
    }

    private sealed class Segment : ReadOnlySequenceSegment<byte>
    {
        public Segment(byte[] array, int used, Segment? before)
        {
            Array = array;
            Memory = array.AsMemory(0, used);
            if (before is null)
                return;
            RunningIndex = before.RunningIndex + before.Memory.Length;
            before.Next = this;
        }

        public byte[] Array { get; }
    }
}

/// <summary>A JSON body that lies in a <see cref="SegmentBuffer"/>; may be written more than once.</summary>
internal sealed class SegmentContent : HttpContent
{
    private static readonly MediaTypeHeaderValue _json = new("application/json");
    private readonly SegmentBuffer _buffer;

    public SegmentContent(SegmentBuffer buffer)
    {
        _buffer = buffer;
        Headers.ContentType = _json;
    }

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) =>
        SerializeToStreamAsync(stream, context, CancellationToken.None);

    protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
    {
        foreach (var segment in _buffer.ToSequence())
            await stream.WriteAsync(segment, cancellationToken);
    }

    protected override bool TryComputeLength(out long length)
    {
        length = _buffer.Length;
        return true;
    }
}
