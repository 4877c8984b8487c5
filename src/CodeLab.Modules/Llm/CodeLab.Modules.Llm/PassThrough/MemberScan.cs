using System.Buffers;
using System.Text.Json;

namespace CodeLab.Modules.Llm.PassThrough;

/// <summary>
/// Finds wanted members of an object that passes in pieces and is too long to be held: follows strings and depth only, and keeps nothing but the
/// wanted values. <see cref="Utf8JsonReader"/> can not do this without holding every text it meets whole.
/// </summary>
internal sealed class MemberScan(AnswerScan scan)
{
    private const int MostValue = 16 * 1024;
    private const int LongestName = 32;
    private static readonly SearchValues<byte> _inText = SearchValues.Create("\"\\"u8);
    private readonly byte[] _name = new byte[LongestName];
    private readonly ArrayBufferWriter<byte> _value = new(256);
    private int _nameLength;
    private int _depth;
    private bool _inString;
    private bool _escaped;
    private bool _isName;
    private bool _keeps;

    /// <summary>True when the outermost object has been closed.</summary>
    public bool IsClosed { get; private set; }

    public void Feed(ReadOnlySpan<byte> piece)
    {
        for (var i = 0; i < piece.Length; )
        {
            if (_inString)
            {
                i += ReadText(piece[i..]);
                continue;
            }
            var c = piece[i++];
            Keep([c]);
            switch (c)
            {
                case (byte)'"':
                    _inString = true;
                    // A name follows "{" or ",", and is known as one by the colon behind it.
                    _isName = _depth == 1 && !_keeps;
                    _nameLength = 0;
                    break;
                case (byte)'{' or (byte)'[':
                    _depth++;
                    break;
                case (byte)'}' or (byte)']':
                    if (_depth == 1)
                        EndValue();
                    IsClosed |= --_depth == 0;
                    break;
                case (byte)':' when _depth == 1 && !_keeps:
                    _keeps = _nameLength is > 0 and <= LongestName && scan.Wants(_name.AsSpan(0, _nameLength));
                    break;
                case (byte)',' when _depth == 1:
                    EndValue();
                    break;
            }
        }
    }

    private int ReadText(ReadOnlySpan<byte> piece)
    {
        var i = 0;
        if (_escaped)
        {
            _escaped = false;
            i = 1;
        }
        while (i < piece.Length)
        {
            var next = piece[i..].IndexOfAny(_inText);
            if (next < 0)
            {
                i = piece.Length;
                break;
            }
            i += next + 1;
            if (piece[i - 1] == (byte)'"')
            {
                _inString = false;
                break;
            }
            if (i == piece.Length)
            {
                _escaped = true;
                break;
            }
            i++;
        }
        var text = piece[..i];
        Keep(text);
        if (_isName)
        {
            var characters = _inString ? text : text[..^1];
            if (_nameLength + characters.Length <= LongestName)
            {
                characters.CopyTo(_name.AsSpan(_nameLength));
                _nameLength += characters.Length;
            }
            else
            {
                _nameLength = LongestName + 1;
            }
            _isName = _inString;
        }
        return i;
    }

    private void Keep(ReadOnlySpan<byte> bytes)
    {
        if (_keeps && _value.WrittenCount + bytes.Length <= MostValue)
            _value.Write(bytes);
    }

    private void EndValue()
    {
        if (!_keeps)
            return;
        _keeps = false;
        // Without the comma or brace that ended it.
        var value = _value.WrittenSpan[..^1];
        // The scan reads a member, name and value, as it does in an answer that is read whole.
        var member = new ArrayBufferWriter<byte>(value.Length + _nameLength + 8);
        member.Write("{\""u8);
        member.Write(_name.AsSpan(0, _nameLength));
        member.Write("\":"u8);
        member.Write(value);
        member.Write("}"u8);
        _value.ResetWrittenCount();
        var reader = new Utf8JsonReader(member.WrittenSpan);
        reader.Read();
        reader.Read();
        scan.Member(ref reader);
    }
}
