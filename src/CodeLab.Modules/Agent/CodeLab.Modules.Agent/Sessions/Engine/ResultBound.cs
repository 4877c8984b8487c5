using System.Globalization;
using System.Text.Json;
using CodeLab.Protocol;

namespace CodeLab.Modules.Agent.Sessions.Engine;

/// <summary>Keeps results to a size a log and a model can live with: head and tail, and how much is missing (security.md §8.7).</summary>
internal static class ResultBound
{
    /// <summary>What is kept of a result or an error.</summary>
    public static (JsonElement? Result, string? Error) Keep(JsonElement? result, string? error, int limit)
    {
        if (error is not null)
            return (null, Cut(error, limit));
        if (result is not { } value || value.ValueKind is JsonValueKind.Null or JsonValueKind.Undefined)
            return (null, null);
        var text = value.GetRawText();
        if (text.Length <= limit)
            return (value, null);
        var kept = value.ValueKind == JsonValueKind.Object ? CutMembers(value, limit) : null;
        return (kept ?? JsonSerializer.SerializeToElement(Cut(text, limit), ProtocolJson.Default.String), null);
    }

    /// <summary>Cuts the long strings of an object, so that the short members around them (exit code, path) survive.</summary>
    private static JsonElement? CutMembers(JsonElement value, int limit)
    {
        var longStrings = value
            .EnumerateObject()
            .Count(m => m.Value.ValueKind == JsonValueKind.String && m.Value.GetRawText().Length > 1024);
        if (longStrings == 0)
            return null;
        using var buffer = new MemoryStream();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartObject();
            foreach (var member in value.EnumerateObject())
            {
                if (member.Value.ValueKind == JsonValueKind.String && member.Value.GetRawText().Length > 1024)
                    writer.WriteString(member.Name, Cut(member.Value.GetString()!, limit / 2 / longStrings));
                else
                    member.WriteTo(writer);
            }
            writer.WriteBoolean("truncated_by_server", true);
            writer.WriteEndObject();
        }
        return buffer.Length <= limit ? JsonElement.Parse(buffer.GetBuffer().AsSpan(0, (int)buffer.Length)) : null;
    }

    private static string Cut(string text, int limit)
    {
        if (text.Length <= limit)
            return text;
        var half = limit / 2;
        var head = char.IsHighSurrogate(text[half - 1]) ? half - 1 : half;
        var tail = text.Length - half;
        if (char.IsLowSurrogate(text[tail]))
            tail++;
        var omitted = (tail - head).ToString(CultureInfo.InvariantCulture);
        return $"{text.AsSpan(0, head)}\n… {omitted} characters omitted …\n{text.AsSpan(tail)}";
    }
}
