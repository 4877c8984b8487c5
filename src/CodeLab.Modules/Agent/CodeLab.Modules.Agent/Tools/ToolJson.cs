using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;

namespace CodeLab.Modules.Agent.Tools;

/// <summary>How JSON is written where a model reads it: nothing escaped that need not be, because every escape costs tokens.</summary>
internal static class ToolJson
{
    /// <summary>Options of a writer.</summary>
    public static JsonWriterOptions Writer { get; } = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Writes elements.</summary>
    public static JsonTypeInfo<JsonElement> Element { get; } =
        new ToolJsonContext(new JsonSerializerOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }).JsonElement;

    /// <summary>Text of an element.</summary>
    public static string Text(JsonElement element) => JsonSerializer.Serialize(element, Element);
}

[JsonSerializable(typeof(JsonElement))]
[JsonSerializable(typeof(double))]
internal sealed partial class ToolJsonContext : JsonSerializerContext;
