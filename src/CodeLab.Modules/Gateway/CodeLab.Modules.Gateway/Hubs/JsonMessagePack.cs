using System.Buffers;
using System.Text.Json;
using CodeLab.Modules.Gateway.Live;
using MessagePack;
using MessagePack.Formatters;

namespace CodeLab.Modules.Gateway.Hubs;

/// <summary>
/// MessagePack with the shapes of the JSON: maps with the same snake_case names, so that there is one contract whatever the encoding.
/// </summary>
internal static class JsonMessagePack
{
    private const int Deepest = 64;

    public static byte[] FromJson(ReadOnlySpan<byte> json)
    {
        var buffer = new ArrayBufferWriter<byte>(json.Length);
        var writer = new MessagePackWriter(buffer);
        var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = Deepest });
        reader.Read();
        WriteValue(ref writer, ref reader);
        writer.Flush();
        return buffer.WrittenSpan.ToArray();
    }

    /// <summary>Reads one value as JSON.</summary>
    /// <remarks>Throws when it holds what JSON has no word for, or is too deep.</remarks>
    public static byte[] ToJson(ref MessagePackReader reader)
    {
        var buffer = new ArrayBufferWriter<byte>(256);
        using (
            var writer = new Utf8JsonWriter(buffer, new JsonWriterOptions { SkipValidation = true, Encoder = FrameJson.Options.Encoder })
        )
            ReadValue(ref reader, writer, depth: 0);
        return buffer.WrittenSpan.ToArray();
    }

    private static void WriteValue(ref MessagePackWriter writer, ref Utf8JsonReader reader)
    {
        switch (reader.TokenType)
        {
            case JsonTokenType.StartObject:
                writer.WriteMapHeader(Count(reader) / 2);
                while (reader.Read() && reader.TokenType != JsonTokenType.EndObject)
                {
                    writer.Write(reader.GetString());
                    reader.Read();
                    WriteValue(ref writer, ref reader);
                }
                break;
            case JsonTokenType.StartArray:
                writer.WriteArrayHeader(Count(reader));
                while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
                    WriteValue(ref writer, ref reader);
                break;
            case JsonTokenType.String:
                writer.Write(reader.GetString());
                break;
            case JsonTokenType.Number when reader.TryGetInt64(out var whole):
                writer.Write(whole);
                break;
            case JsonTokenType.Number:
                writer.Write(reader.GetDouble());
                break;
            case JsonTokenType.True:
            case JsonTokenType.False:
                writer.Write(reader.TokenType == JsonTokenType.True);
                break;
            default:
                writer.WriteNil();
                break;
        }
    }

    // Entries of the container the reader stands on; the reader is a copy.
    private static int Count(Utf8JsonReader reader)
    {
        var depth = reader.CurrentDepth;
        var count = 0;
        while (reader.Read() && reader.CurrentDepth > depth)
        {
            if (reader.CurrentDepth == depth + 1 && reader.TokenType is not (JsonTokenType.EndObject or JsonTokenType.EndArray))
                count++;
        }
        return count;
    }

    private static void ReadValue(ref MessagePackReader reader, Utf8JsonWriter writer, int depth)
    {
        if (depth > Deepest)
            throw new MessagePackSerializationException("The value is nested too deeply");
        switch (reader.NextMessagePackType)
        {
            case MessagePackType.Map:
                var entries = reader.ReadMapHeader();
                writer.WriteStartObject();
                for (var i = 0; i < entries; i++)
                {
                    writer.WritePropertyName(reader.ReadString() ?? "");
                    ReadValue(ref reader, writer, depth + 1);
                }
                writer.WriteEndObject();
                break;
            case MessagePackType.Array:
                var items = reader.ReadArrayHeader();
                writer.WriteStartArray();
                for (var i = 0; i < items; i++)
                    ReadValue(ref reader, writer, depth + 1);
                writer.WriteEndArray();
                break;
            case MessagePackType.String:
                writer.WriteStringValue(reader.ReadString());
                break;
            case MessagePackType.Integer when reader.NextCode == MessagePackCode.UInt64:
                writer.WriteNumberValue(reader.ReadUInt64());
                break;
            case MessagePackType.Integer:
                writer.WriteNumberValue(reader.ReadInt64());
                break;
            case MessagePackType.Float:
                writer.WriteNumberValue(reader.ReadDouble());
                break;
            case MessagePackType.Boolean:
                writer.WriteBooleanValue(reader.ReadBoolean());
                break;
            case MessagePackType.Nil:
                reader.ReadNil();
                writer.WriteNullValue();
                break;
            default:
                throw new MessagePackSerializationException("Binary and extension values have no place in a message");
        }
    }
}

/// <summary>Reads and writes every wire record as <see cref="JsonMessagePack"/> does; the framework's own types go its own way.</summary>
internal sealed class WireRecordResolver : IFormatterResolver
{
    public static WireRecordResolver Instance { get; } = new();

    public IMessagePackFormatter<T>? GetFormatter<T>() => Cache<T>.Formatter;

    private static class Cache<T>
    {
        public static readonly IMessagePackFormatter<T>? Formatter =
            typeof(T) == typeof(WireFrame) ? (IMessagePackFormatter<T>)(object)new WireFrameFormatter()
            : FrameJson.Options.TryGetTypeInfo(typeof(T), out _) ? new RecordFormatter<T>()
            : null;
    }

    private sealed class WireFrameFormatter : IMessagePackFormatter<WireFrame>
    {
        public void Serialize(ref MessagePackWriter writer, WireFrame value, MessagePackSerializerOptions options) =>
            writer.WriteRaw(value.MessagePack);

        public WireFrame Deserialize(ref MessagePackReader reader, MessagePackSerializerOptions options) =>
            throw new NotSupportedException("Frames are only sent");
    }

    private sealed class RecordFormatter<T> : IMessagePackFormatter<T>
    {
        public void Serialize(ref MessagePackWriter writer, T value, MessagePackSerializerOptions options) =>
            writer.WriteRaw(JsonMessagePack.FromJson(JsonSerializer.SerializeToUtf8Bytes(value, FrameJson.Options)));

        public T Deserialize(ref MessagePackReader reader, MessagePackSerializerOptions options) =>
            JsonSerializer.Deserialize<T>(JsonMessagePack.ToJson(ref reader), FrameJson.Options)!;
    }
}
