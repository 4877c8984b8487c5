using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace CodeLab.FakeLlm;

/// <summary>Reading and writing the dialects' JSON.</summary>
internal static class Json
{
    public static string Write(JsonNode node) => node.ToJsonString(ScriptFile.Options);

    public static JsonElement? Get(this JsonElement element, string name) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null
            ? value
            : null;

    public static string? GetText(this JsonElement element, string name) =>
        element.Get(name) is { ValueKind: JsonValueKind.String } value ? value.GetString() : null;

    public static bool? GetFlag(this JsonElement element, string name) =>
        element.Get(name) is { ValueKind: JsonValueKind.True or JsonValueKind.False } value ? value.GetBoolean() : null;

    public static IEnumerable<JsonElement> GetItems(this JsonElement element, string name) =>
        element.Get(name) is { ValueKind: JsonValueKind.Array } value ? value.EnumerateArray() : [];

    /// <summary>Content that is text or a list of parts with text.</summary>
    public static string ContentText(JsonElement? content) =>
        content switch
        {
            { ValueKind: JsonValueKind.String } text => text.GetString()!,
            { ValueKind: JsonValueKind.Array } parts => string.Join(
                '\n',
                parts.EnumerateArray().Select(PartText).Where(t => t is not null)
            ),
            _ => "",
        };

    private static string? PartText(JsonElement part) => part.ValueKind == JsonValueKind.String ? part.GetString() : part.GetText("text");

    /// <summary>An id of 24 letters and digits, always the same for the same seed.</summary>
    public static string Id(string prefix, string seed)
    {
        const string Alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        var hash = SHA256.HashData(Encoding.UTF8.GetBytes(prefix + seed));
        return prefix + string.Concat(hash.Take(24).Select(b => Alphabet[b % Alphabet.Length]));
    }

    /// <summary>Whether a schema describes the routing answer: an object with a property <c>agent</c>.</summary>
    public static bool IsRouteSchema(JsonElement? schema) => schema?.Get("properties")?.Get("agent") is not null;

    /// <summary>Fills in the tool's name of results that only carry the call's id.</summary>
    public static List<ChatViewMessage> NameToolResults(List<ChatViewMessage> messages)
    {
        var names = new Dictionary<string, string>(StringComparer.Ordinal);
        for (var i = 0; i < messages.Count; i++)
        {
            foreach (var call in messages[i].ToolCalls)
                names[call.Id ?? ""] = call.Name;
            if (messages[i] is { Role: "tool", ToolName: null, ToolCallId: { } id } result)
                messages[i] = result with { ToolName = names.GetValueOrDefault(id) };
        }

        return messages;
    }
}
