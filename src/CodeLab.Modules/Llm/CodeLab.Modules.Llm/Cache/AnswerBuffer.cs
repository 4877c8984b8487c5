using System.Buffers;

namespace CodeLab.Modules.Llm.Cache;

/// <summary>Collects an answer in small pieces, up to a size; beyond it the answer is not kept.</summary>
internal sealed class AnswerBuffer(int most)
{
    private const int SegmentBytes = 16 * 1024;
    private readonly List<byte[]> _full = [];
    private byte[]? _open;
    private int _used;
    private long _length;

    public string ContentType { get; private set; } = "";

    public bool IsTooLarge { get; private set; }

    public void Append(string contentType, ReadOnlySpan<byte> piece)
    {
        if (IsTooLarge)
            return;
        ContentType = contentType;
        _length += piece.Length;
        if (_length > most)
        {
            IsTooLarge = true;
            _full.Clear();
            _open = null;
            return;
        }
        while (piece.Length > 0)
        {
            if (_open is null || _used == _open.Length)
            {
                if (_open is not null)
                    _full.Add(_open);
                // Small answers, the usual ones, get what they need and no more.
                _open = new byte[_full.Count == 0 && _open is null ? Math.Clamp(piece.Length, 512, SegmentBytes) : SegmentBytes];
                _used = 0;
            }
            var taken = Math.Min(piece.Length, _open.Length - _used);
            piece[..taken].CopyTo(_open.AsSpan(_used));
            _used += taken;
            piece = piece[taken..];
        }
    }

    /// <summary>The whole; null when it is too large or nothing came.</summary>
    public StoredAnswer? ToAnswer()
    {
        if (IsTooLarge || _length == 0)
            return null;
        Piece? first = null;
        Piece? last = null;
        foreach (var segment in _full)
            Add(segment);
        Add(_open.AsMemory(0, _used));
        return new StoredAnswer(ContentType, new ReadOnlySequence<byte>(first!, 0, last!, last!.Memory.Length));

        void Add(ReadOnlyMemory<byte> bytes)
        {
            var next = new Piece(bytes, last is null ? 0 : last.RunningIndex + last.Memory.Length);
            last?.Follow(next);
            last = next;
            first ??= next;
        }
    }

    private sealed class Piece : ReadOnlySequenceSegment<byte>
    {
        public Piece(ReadOnlyMemory<byte> bytes, long at) => (Memory, RunningIndex) = (bytes, at);

        public void Follow(Piece next) => Next = next;
    }
}

/// <summary>An answer that is kept.</summary>
/// <param name="ContentType">As it was sent.</param>
/// <param name="Body">Every byte of it.</param>
internal sealed record StoredAnswer(string ContentType, ReadOnlySequence<byte> Body)
{
    private const int Overhead = 512;

    /// <summary>Memory it takes, about.</summary>
    public long Size => Body.Length + Overhead;
}
