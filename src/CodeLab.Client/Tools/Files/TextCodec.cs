using System.Text;

namespace CodeLab.Client.Tools;

/// <summary>How the text of a file is stored.</summary>
internal sealed record TextFormat(Encoding Encoding, bool HasBom)
{
    public static TextFormat Utf8 { get; } = new(TextCodec.StrictUtf8, HasBom: false);

    public string Name => Encoding.WebName + (HasBom ? " with BOM" : "");
}

/// <summary>Bytes to text and back, strictly: a character that does not fit is an error, never a question mark. Pure.</summary>
/// <remarks>A byte order mark wins, then strict UTF-8, then the encoding the model names (client reference §4).</remarks>
internal static class TextCodec
{
    private const int BinaryProbe = 8 * 1024;

    public static Encoding StrictUtf8 { get; } = new UTF8Encoding(false, throwOnInvalidBytes: true);

    static TextCodec() => Encoding.RegisterProvider(CodePagesEncodingProvider.Instance);

    public static bool LooksBinary(ReadOnlySpan<byte> bytes) =>
        Bom(bytes) is null && bytes[..Math.Min(bytes.Length, BinaryProbe)].Contains((byte)0);

    /// <exception cref="ToolFailure">BINARY_FILE, ENCODING_ERROR, INVALID_ARGUMENTS.</exception>
    public static (string Text, TextFormat Format) Decode(
        string path,
        ReadOnlySpan<byte> bytes,
        string? encodingName,
        TextFormat? remembered = null
    )
    {
        var named = Named(encodingName);
        if (Bom(bytes) is { } bom)
        {
            try
            {
                return (bom.Encoding.GetString(bytes[bom.Length..]), new TextFormat(bom.Encoding, HasBom: true));
            }
            catch (DecoderFallbackException)
            {
                throw new ToolFailure(
                    ToolErrorCodes.EncodingError,
                    $"'{path}' begins with the byte order mark of {bom.Encoding.WebName}, but its bytes are not valid {bom.Encoding.WebName}. It may be damaged; look at it with execute_command (xxd, file)."
                );
            }
        }
        if (LooksBinary(bytes))
            throw new ToolFailure(
                ToolErrorCodes.BinaryFile,
                $"'{path}' is a binary file ({FileKind.Describe(bytes)}, {bytes.Length} bytes), so it has no text to read or edit. "
                    + "Use execute_command with a program for this kind of file if you need to know what is in it."
            );

        try
        {
            return (StrictUtf8.GetString(bytes), TextFormat.Utf8);
        }
        catch (DecoderFallbackException)
        {
            // Not UTF-8: the next candidates decide.
        }

        var encoding = named ?? remembered?.Encoding;
        if (encoding is null or UTF8Encoding)
            throw new ToolFailure(
                ToolErrorCodes.EncodingError,
                $"'{path}' is not valid UTF-8. It looks like {EncodingGuess.For(bytes)}: call the tool again with \"encoding\": \"{EncodingGuess.For(bytes)}\"."
            );
        try
        {
            return (encoding.GetString(bytes), new TextFormat(encoding, HasBom: false));
        }
        catch (DecoderFallbackException)
        {
            throw new ToolFailure(
                ToolErrorCodes.EncodingError,
                $"'{path}' is not valid {encoding.WebName}. It looks like {EncodingGuess.For(bytes)}: call the tool again with that encoding."
            );
        }
    }

    /// <exception cref="ToolFailure">ENCODING_ERROR, naming the first character that does not fit.</exception>
    public static byte[] Encode(string path, string text, TextFormat format)
    {
        try
        {
            var preamble = format.HasBom ? Preamble(format.Encoding) : [];
            var bytes = new byte[preamble.Length + format.Encoding.GetByteCount(text)];
            preamble.CopyTo(bytes, 0);
            format.Encoding.GetBytes(text, bytes.AsSpan(preamble.Length));
            return bytes;
        }
        catch (EncoderFallbackException e)
        {
            var code = e.CharUnknownHigh != 0 ? char.ConvertToUtf32(e.CharUnknownHigh, e.CharUnknownLow) : e.CharUnknown;
            var line = text.AsSpan(0, Math.Clamp(e.Index, 0, text.Length)).Count('\n') + 1;
            throw new ToolFailure(
                ToolErrorCodes.EncodingError,
                $"'{path}' is stored as {format.Encoding.WebName}, which has no character U+{code:X4} (line {line} of the new text). Use characters of that encoding, or convert the file first."
            );
        }
    }

    /// <summary>The encoding a model names, strict; null for none and for UTF-8.</summary>
    public static Encoding? Named(string? name)
    {
        if (string.IsNullOrWhiteSpace(name))
            return null;
        var plain = name.Trim().ToLowerInvariant().Replace('_', '-');
        if (plain is "utf8" or "utf-8")
            return null;
        plain = plain switch
        {
            "cp1251" or "win-1251" or "windows1251" => "windows-1251",
            "cp1252" or "win-1252" or "windows1252" or "ansi" => "windows-1252",
            "cp866" => "ibm866",
            "latin1" or "latin-1" => "iso-8859-1",
            "utf16" or "utf-16le" or "utf16le" => "utf-16",
            "utf16be" => "utf-16be",
            _ => plain,
        };
        try
        {
            return Encoding.GetEncoding(plain, EncoderFallback.ExceptionFallback, DecoderFallback.ExceptionFallback);
        }
        catch (ArgumentException)
        {
            throw new ToolFailure(
                ToolErrorCodes.InvalidArguments,
                $"The encoding '{WorkspacePath.Shown(name)}' is unknown. Leave it out for UTF-8, or use a name such as windows-1251, koi8-r, iso-8859-1 or shift_jis."
            );
        }
    }

    private static (Encoding Encoding, int Length)? Bom(ReadOnlySpan<byte> bytes) =>
        bytes switch
        {
            [0xEF, 0xBB, 0xBF, ..] => (StrictUtf8, 3),
            [0xFF, 0xFE, 0, 0, ..] => (new UTF32Encoding(false, false, true), 4),
            [0, 0, 0xFE, 0xFF, ..] => (new UTF32Encoding(true, false, true), 4),
            [0xFF, 0xFE, ..] => (new UnicodeEncoding(false, false, true), 2),
            [0xFE, 0xFF, ..] => (new UnicodeEncoding(true, false, true), 2),
            _ => null,
        };

    private static byte[] Preamble(Encoding encoding) =>
        encoding switch
        {
            UTF8Encoding => [0xEF, 0xBB, 0xBF],
            UTF32Encoding => encoding.WebName == "utf-32" ? [0xFF, 0xFE, 0, 0] : [0, 0, 0xFE, 0xFF],
            _ => encoding.WebName == "utf-16" ? [0xFF, 0xFE] : [0xFE, 0xFF],
        };
}

/// <summary>A guess for the error sentence; it never decides how a file is read.</summary>
internal static class EncodingGuess
{
    public static string For(ReadOnlySpan<byte> bytes)
    {
        int high = 0,
            upperHalf = 0,
            pairs = 0;
        var sample = bytes[..Math.Min(bytes.Length, 64 * 1024)];
        for (var i = 0; i < sample.Length; i++)
        {
            if (sample[i] < 0x80)
                continue;
            high++;
            if (sample[i] >= 0xC0)
                upperHalf++;
            if (i + 1 < sample.Length && sample[i + 1] >= 0x80)
                pairs++;
        }
        // Western text has lone accented letters; Cyrillic text has whole words of high bytes.
        if (pairs * 3 < high)
            return "windows-1252";
        int windows = 0,
            koi = 0,
            dos = 0;
        foreach (var b in sample)
        {
            if (b >= 0xE0)
                windows++;
            if (b is >= 0xC0 and <= 0xDF)
                koi++;
            if (b is >= 0x80 and <= 0xAF)
                dos++;
        }
        if (upperHalf * 2 < high && dos * 2 > high)
            return "ibm866";
        // Lower-case letters are the many: in windows-1251 they are 0xE0 and above, in KOI8-R 0xC0 to 0xDF.
        return koi > windows ? "koi8-r" : "windows-1251";
    }
}

/// <summary>Names the common kinds of binary files by their first bytes.</summary>
internal static class FileKind
{
    public static string Describe(ReadOnlySpan<byte> bytes) =>
        bytes switch
        {
            [0x89, (byte)'P', (byte)'N', (byte)'G', ..] => "PNG image",
            [0xFF, 0xD8, 0xFF, ..] => "JPEG image",
            [(byte)'G', (byte)'I', (byte)'F', (byte)'8', ..] => "GIF image",
            [(byte)'R', (byte)'I', (byte)'F', (byte)'F', ..] => "RIFF media",
            [(byte)'%', (byte)'P', (byte)'D', (byte)'F', ..] => "PDF document",
            [(byte)'P', (byte)'K', 3, 4, ..] => "ZIP archive or office document",
            [0x1F, 0x8B, ..] => "gzip archive",
            [0x7F, (byte)'E', (byte)'L', (byte)'F', ..] => "ELF program",
            [(byte)'M', (byte)'Z', ..] => "Windows program",
            [(byte)'S', (byte)'Q', (byte)'L', (byte)'i', (byte)'t', (byte)'e', ..] => "SQLite database",
            [0xCA, 0xFE, 0xBA, 0xBE, ..] => "Java class or macOS program",
            _ => "unknown kind",
        };
}
