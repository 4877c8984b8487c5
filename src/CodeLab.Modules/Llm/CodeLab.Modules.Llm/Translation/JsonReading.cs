using System.Text.Json;

namespace CodeLab.Modules.Llm.Translation;

/// <summary>Reading requests: a member that is null is as good as none, one of the wrong type is told to the caller.</summary>
internal static class JsonReading
{
    public static JsonElement? Get(this JsonElement element, string name) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null
            ? value
            : null;

    public static string? Text(this JsonElement element, string name) =>
        element.Get(name) switch
        {
            null => null,
            { ValueKind: JsonValueKind.String } text => text.GetString(),
            _ => throw new RequestFault($"{name} must be a text."),
        };

    public static bool? Flag(this JsonElement element, string name) =>
        element.Get(name) switch
        {
            null => null,
            { ValueKind: JsonValueKind.True } => true,
            { ValueKind: JsonValueKind.False } => false,
            _ => throw new RequestFault($"{name} must be true or false."),
        };

    public static int? Whole(this JsonElement element, string name) =>
        element.Get(name) switch
        {
            null => null,
            { ValueKind: JsonValueKind.Number } number when number.TryGetInt32(out var value) => value,
            _ => throw new RequestFault($"{name} must be a whole number."),
        };

    public static double? Number(this JsonElement element, string name) =>
        element.Get(name) switch
        {
            null => null,
            { ValueKind: JsonValueKind.Number } number => number.GetDouble(),
            _ => throw new RequestFault($"{name} must be a number."),
        };

    public static IEnumerable<JsonElement> Items(this JsonElement element, string name) =>
        element.Get(name) switch
        {
            null => [],
            { ValueKind: JsonValueKind.Array } array => array.EnumerateArray(),
            _ => throw new RequestFault($"{name} must be a list."),
        };

    /// <summary>Base64 data and media type of a <c>data:</c> address; null for any other.</summary>
    public static (string MediaType, string Base64)? DataUrl(string? url)
    {
        const string mark = ";base64,";
        if (url is null || !url.StartsWith("data:", StringComparison.OrdinalIgnoreCase))
            return null;
        var at = url.IndexOf(mark, StringComparison.OrdinalIgnoreCase);
        return at < 0 ? null : (url[5..at], url[(at + mark.Length)..]);
    }
}
