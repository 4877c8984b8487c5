using System.Text.Json;
using System.Text.Json.Serialization;
using CodeLab.Protocol.Frames;
using CodeLab.Protocol.Hub;
using Microsoft.AspNetCore.SignalR;
using Microsoft.AspNetCore.SignalR.Protocol;

namespace CodeLab.Modules.Gateway.Live;

/// <summary>
/// A frame on its way to connections. Each form of it is written once, however many connections want that form: writing it is the costly
/// part, and one answer of a model may have many watchers.
/// </summary>
[JsonConverter(typeof(WireFrameConverter))]
internal sealed class WireFrame
{
    // What a piece of streaming text costs besides its characters: members, ids.
    private const int Envelope = 256;
    private static readonly SessionFrame _none = new();

    // Written by whoever asks first; two at once write the same.
    private byte[]? _json;
    private byte[]? _messagePack;
    private SerializedHubMessage? _hubMessage;
    private byte[]? _published;
    private byte[]? _publishedWhole;

    public WireFrame(SessionFrame frame) => Frame = frame;

    private WireFrame(SessionFrame frame, byte[] json) => (Frame, _json) = (frame, json);

    /// <summary>The frame; an empty one when the bytes are a door's own message.</summary>
    public SessionFrame Frame { get; }

    /// <summary>The frame as hub and <c>codelab.v2</c> sockets get it.</summary>
    public byte[] Json => _json ??= FrameJson.Serialize(Frame);

    /// <summary>The same as MessagePack.</summary>
    public byte[] MessagePack => _messagePack ??= Hubs.JsonMessagePack.FromJson(Json);

    /// <summary>The call of the client's <c>Receive</c>, which the framework writes once a hub protocol.</summary>
    public SerializedHubMessage HubMessage => _hubMessage ??= new(new InvocationMessage(SessionHubNames.Receive, [this]));

    /// <summary>The published form for clients that get streaming text: what has no other form is the frame itself.</summary>
    public byte[] Published => _published ??= Sockets.PublishedFrames.Write(Frame, whole: false) ?? Json;

    /// <summary>The published form for clients that get whole messages.</summary>
    public byte[] PublishedWhole => _publishedWhole ??= Sockets.PublishedFrames.Write(Frame, whole: true) ?? Published;

    /// <summary>Bytes a queue counts for it; streaming text is not written just to be measured.</summary>
    public int Size =>
        _json?.Length ?? (Frame is AssistantMessageFrame { Seq: null, Token: { } token } ? Envelope + token.Length : Json.Length);

    /// <summary>The frame, cut when it is too long for a wire.</summary>
    public static WireFrame Of(SessionFrame frame)
    {
        if (frame is AssistantMessageFrame { Seq: null })
            return new(frame);
        var (fitted, json) = FrameJson.Fit(frame);
        return new(fitted, json);
    }

    /// <summary>A message of a door, already written.</summary>
    public static WireFrame Raw(byte[] json) => new(_none, json);

    /// <summary>True for a message of a door, which goes out as it is.</summary>
    public bool IsRaw => ReferenceEquals(Frame, _none);
}

internal sealed class WireFrameConverter : JsonConverter<WireFrame>
{
    public override WireFrame Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        throw new NotSupportedException("Frames are only sent");

    public override void Write(Utf8JsonWriter writer, WireFrame value, JsonSerializerOptions options) =>
        writer.WriteRawValue(value.Json, skipInputValidation: true);
}

[JsonSerializable(typeof(WireFrame))]
internal sealed partial class WireFrameJson : JsonSerializerContext;
