using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using CodeLab.Protocol;
using CodeLab.Protocol.Frames;

namespace CodeLab.Modules.Gateway.Live;

/// <summary>Serializes frames and keeps them under the size that released clients can read (design.md §14).</summary>
internal static class FrameJson
{
    /// <summary>1 MiB, less what the envelope of the hub or socket adds.</summary>
    public const int Largest = (1024 * 1024) - 1024;

    /// <summary>The options of every live door: those of the wire records, but without escaping what is not ASCII, which is a sixth of the size for Russian text.</summary>
    public static JsonSerializerOptions Options { get; } = MakeOptions();

    private static readonly JsonTypeInfo<SessionFrame> _frame = (JsonTypeInfo<SessionFrame>)Options.GetTypeInfo(typeof(SessionFrame));

    /// <summary>The frame, cut when it is too long, and its bytes.</summary>
    public static (SessionFrame Frame, byte[] Json) Fit(SessionFrame frame, int largest = Largest)
    {
        var json = Serialize(frame);
        if (json.Length <= largest)
            return (frame, json);
        var cut = Cut(frame, json.Length - largest);
        return (cut, ReferenceEquals(cut, frame) ? json : Serialize(cut));
    }

    public static byte[] Serialize(SessionFrame frame) => JsonSerializer.SerializeToUtf8Bytes(frame, _frame);

    private static SessionFrame Cut(SessionFrame frame, int excess) =>
        frame switch
        {
            AssistantMessageFrame { Content: { } text } message => message with { Content = Shorter(text, excess), Truncated = true },
            ToolResultFrame result => result with
            {
                Result = null,
                Error = result.Error is { } text ? Head(text, Largest / 8) : null,
                Truncated = true,
            },
            UserMessageFrame message => message with { Content = Shorter(message.Content, excess) },
            // A call without its arguments could not be run: it goes out whole, and a client that can not read it says so.
            _ => frame,
        };

    /// <summary>As much of the text as fits: what the frame is too long by, and the escapes it may hold, are taken off its end.</summary>
    private static string Shorter(string text, int excess)
    {
        var keep = text.Length;
        // Count backwards what each character costs on the wire, so that one pass is enough.
        while (keep > 0 && excess > 0)
            excess -= WireSize(text[--keep]);
        return Head(text, keep);
    }

    // At least what the encoder writes: it escapes both halves of a surrogate pair. Too low a sum cuts more, never too little.
    private static int WireSize(char c) =>
        c switch
        {
            '"' or '\\' or '\n' or '\r' or '\t' or '\b' or '\f' => 2,
            < ' ' => 6,
            < '\u0080' => 1,
            < '\u0800' => 2,
            _ => char.IsSurrogate(c) ? 6 : 3,
        };

    private static string Head(string text, int length)
    {
        if (length >= text.Length)
            return text;
        return text[..(length > 0 && char.IsHighSurrogate(text[length - 1]) ? length - 1 : length)];
    }

    private static JsonSerializerOptions MakeOptions()
    {
        var options = new JsonSerializerOptions(ProtocolJson.Default.Options)
        {
            Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
            AllowDuplicateProperties = false,
            MaxDepth = 64,
            TypeInfoResolver = JsonTypeInfoResolver.Combine(ProtocolJson.Default, WireFrameJson.Default),
        };
        options.MakeReadOnly();
        return options;
    }
}
