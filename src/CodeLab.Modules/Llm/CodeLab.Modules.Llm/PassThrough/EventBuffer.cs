using System.Buffers;

namespace CodeLab.Modules.Llm.PassThrough;

/// <summary>
/// Holds what was read of a stream and not handed on yet: less than one event between two reads. Grows for a long event only, and is rented.
/// </summary>
internal sealed class EventBuffer(int size) : IDisposable
{
    private byte[] _buffer = ArrayPool<byte>.Shared.Rent(size);
    private int _start;
    private int _scanned;
    private int _end;

    /// <summary>Bytes of the event that is not complete.</summary>
    public int Pending => _end - _start;

    /// <summary>What is left at the end of the stream.</summary>
    public ReadOnlyMemory<byte> Rest => _buffer.AsMemory(_start, _end - _start);

    /// <summary>Room for the next read.</summary>
    public Memory<byte> Free()
    {
        if (_start == _end)
        {
            _start = _scanned = _end = 0;
        }
        else if (_end == _buffer.Length && _start > 0)
        {
            Buffer.BlockCopy(_buffer, _start, _buffer, 0, _end - _start);
            (_scanned, _end, _start) = (_scanned - _start, _end - _start, 0);
        }
        if (_end == _buffer.Length)
        {
            var larger = ArrayPool<byte>.Shared.Rent(_buffer.Length * 2);
            Buffer.BlockCopy(_buffer, 0, larger, 0, _end);
            ArrayPool<byte>.Shared.Return(_buffer);
            _buffer = larger;
        }
        return _buffer.AsMemory(_end);
    }

    public void Filled(int count) => _end += count;

    /// <summary>The next complete line, without its end.</summary>
    public bool NextLine(out ReadOnlySpan<byte> line)
    {
        var unread = _buffer.AsSpan(_scanned, _end - _scanned);
        var length = unread.IndexOf((byte)'\n');
        if (length < 0)
        {
            line = default;
            return false;
        }
        line = unread[..length];
        if (line is [.., (byte)'\r'])
            line = line[..^1];
        _scanned += length + 1;
        return true;
    }

    /// <summary>All bytes up to the end of the last line, which ended an event; they are gone from here with the next read.</summary>
    public ReadOnlySpan<byte> TakeEvent()
    {
        var taken = _buffer.AsSpan(_start, _scanned - _start);
        _start = _scanned;
        return taken;
    }

    public void Dispose() => ArrayPool<byte>.Shared.Return(_buffer);
}
