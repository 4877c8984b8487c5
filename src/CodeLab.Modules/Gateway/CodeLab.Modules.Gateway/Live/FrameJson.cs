using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using CodeLab.Protocol;
using CodeLab.Protocol.Frames;

namespace CodeLab.Modules.Gateway.Live;

/// <summary>
/// A frame as it goes over the wire, made once however many connections get it. It also carries the <c>type</c>: the hub protocol
/// serializes arguments by their run-time type, and a derived type does not write its discriminator.
/// </summary>
[JsonConverter(typeof(FramePayloadConverter))]
internal sealed class FramePayload(byte[] utf8)
{
    public ReadOnlySpan<byte> Utf8 => utf8;

    public int Size => utf8.Length;
}

internal sealed class FramePayloadConverter : JsonConverter<FramePayload>
{
    public override FramePayload Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        throw new NotSupportedException("Frames are only sent");

    public override void Write(Utf8JsonWriter writer, FramePayload value, JsonSerializerOptions options) =>
        writer.WriteRawValue(value.Utf8, skipInputValidation: true);
}

[JsonSerializable(typeof(FramePayload))]
internal sealed partial class PayloadJson : JsonSerializerContext;

/// <summary>Serializes frames and keeps them under the size that released clients can read (design.md §14).</summary>
internal static class FrameJson
{
    /// <summary>1 MiB, less what the envelope of the hub or socket adds.</summary>
    public const int Largest = (1024 * 1024) - 1024;

    /// <summary>The options of every live door: those of the wire records, but without escaping what is not ASCII, which is a sixth of the size for Russian text.</summary>
    public static JsonSerializerOptions Options { get; } = MakeOptions();

    private static readonly JsonTypeInfo<SessionFrame> _frame = (JsonTypeInfo<SessionFrame>)Options.GetTypeInfo(typeof(SessionFrame));

    /// <summary>The frame, cut when it is too long, and its bytes.</summary>
    public static (SessionFrame Frame, FramePayload Payload) Fit(SessionFrame frame)
    {
        var bytes = JsonSerializer.SerializeToUtf8Bytes(frame, _frame);
        if (bytes.Length <= Largest)
            return (frame, new FramePayload(bytes));
        var cut = Cut(frame, bytes.Length);
        return (cut, ReferenceEquals(cut, frame) ? new FramePayload(bytes) : Serialize(cut));
    }

    public static FramePayload Serialize(SessionFrame frame) => new(JsonSerializer.SerializeToUtf8Bytes(frame, _frame));

    private static SessionFrame Cut(SessionFrame frame, int size) =>
        frame switch
        {
            AssistantMessageFrame { Content: { } text } message => message with { Content = Shorter(text, size), Truncated = true },
            ToolResultFrame result => result with
            {
                Result = null,
                Error = result.Error is { } text ? Head(text, Largest / 8) : null,
                Truncated = true,
            },
            UserMessageFrame message => message with { Content = Shorter(message.Content, size) },
            // A call without its arguments could not be run: it goes out whole, and a client that can not read it says so.
            _ => frame,
        };

    /// <summary>As much of the text as fits: what the frame is too long by, and the escapes it may hold, are taken off its end.</summary>
    private static string Shorter(string text, int size)
    {
        var excess = size - Largest;
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
            TypeInfoResolver = JsonTypeInfoResolver.Combine(ProtocolJson.Default, PayloadJson.Default),
        };
        options.MakeReadOnly();
        return options;
    }
}
