using System.Globalization;
using System.Text;
using System.Text.Json;
using CodeLab.Modules.Agent.Tools;

namespace CodeLab.Modules.Agent.Prompts;

/// <summary>What the model sees of a tool call's end (protocol.md §6.4, §7.5). Every call gets exactly one of these.</summary>
internal static class ToolOutput
{
    /// <summary>Most bytes of a result that are kept: head and tail (security.md §8.7).</summary>
    public const int MaxBytes = 256 * 1024;

    private const string _tag = "tool_output";

    /// <summary>A result or error from the client. Foreign text stands between tags that the system prompt calls data.</summary>
    /// <param name="toolName">Canonical name.</param>
    /// <param name="result">What the tool answered.</param>
    /// <param name="error">Why it failed; wins over the result.</param>
    /// <param name="errorCode">Stable code of the failure.</param>
    public static string ForModel(string toolName, JsonElement? result, string? error = null, string? errorCode = null)
    {
        if (error is not null)
            return Wrap(toolName, errorCode is null ? $"Error: {error}" : $"Error: {error} [{errorCode}]");
        if (result is not { } value || value.ValueKind is JsonValueKind.Undefined or JsonValueKind.Null)
            return "Tool executed successfully";
        var text = Text(value);
        return text.Length == 0 ? "Tool executed successfully" : Wrap(toolName, text);
    }

    /// <summary>A person declined the call.</summary>
    public static string Rejected(string? feedback) =>
        Status(
            "rejected",
            feedback,
            string.IsNullOrWhiteSpace(feedback)
                ? "The person declined this call; it was not executed. Do not repeat it and do not do the same by other means. Choose another way, or ask what they prefer."
                : "The person declined this call; it was not executed. Do not repeat it unchanged; follow the feedback."
        );

    /// <summary>The policy refused the call.</summary>
    /// <param name="message">Message of the verdict.</param>
    public static string Denied(string message) => $"Error: {message} The call was not executed.";

    /// <summary>The call could not be read: unknown tool or wrong arguments.</summary>
    /// <param name="message">What is wrong.</param>
    public static string Invalid(string message) => $"Error: {message} The call was not executed; correct it and call again.";

    /// <summary>Nobody decided in time.</summary>
    public static string Expired() =>
        Status("expired", null, "Nobody approved this call in time; it counts as declined and was not executed. Do not repeat it now.");

    /// <summary>The turn was cancelled, or a new message came first.</summary>
    public static string Cancelled() =>
        Status("cancelled", null, "Cancelled: the person stopped the work or sent a new message. There is no result of this call.");

    /// <summary>The executor went away after the call was handed to it.</summary>
    public static string OutcomeUnknown() =>
        Status(
            "outcome_unknown",
            null,
            "The call was handed to the person's machine, but no result came back: it may have been executed, in part or not at all. Check the present state before you do anything that depends on it or repeat it."
        );

    /// <summary>Answer of <c>switch_mode</c> (protocol.md §5.2).</summary>
    public static string Switched(string agent) => $"Switched to {agent} agent";

    /// <summary>Answer of <c>switch_mode</c> when the limit is reached.</summary>
    public static string SwitchRefused() =>
        "Error: The agent was switched too often; switching is not possible any more. Do what you can with your own tools, or tell the person what remains.";

    /// <summary>
    /// Keeps the first and the last part of a long text, on whole characters, with a notice between them. Text within the limit is returned
    /// as it is.
    /// </summary>
    public static string Cut(string text, int maxBytes = MaxBytes)
    {
        // A UTF-16 unit is at most three bytes: most results need no counting.
        if (text.Length <= maxBytes / 3)
            return text;
        var total = Encoding.UTF8.GetByteCount(text);
        if (total <= maxBytes)
            return text;
        var head = Prefix(text, maxBytes / 2);
        var tail = Suffix(text, maxBytes / 2);
        var omitted = total - Encoding.UTF8.GetByteCount(head) - Encoding.UTF8.GetByteCount(tail);
        return string.Concat(
            head,
            string.Create(CultureInfo.InvariantCulture, $"\n[… {omitted} bytes left out here; ask for a smaller part to see them …]\n"),
            tail
        );
    }

    private static string Wrap(string toolName, string text)
    {
        text = Cut(text);
        var output = new StringBuilder(text.Length + 80);
        output.Append('<').Append(_tag).Append(" tool=\"").Append(toolName).Append("\">\n");
        Untrusted.Append(output, text, _tag);
        return output.Append("\n</").Append(_tag).Append('>').ToString();
    }

    private static string Text(JsonElement value)
    {
        try
        {
            return value.ValueKind is JsonValueKind.String ? value.GetString()! : ToolJson.Text(value);
        }
        catch (Exception broken) when (broken is InvalidOperationException or JsonException)
        {
            return value.GetRawText(); // Half of a surrogate pair, escaped: the raw text still says what it is.
        }
    }

    private static string Status(string status, string? feedback, string message)
    {
        using var buffer = new MemoryStream();
        using (var output = new Utf8JsonWriter(buffer, ToolJson.Writer))
        {
            output.WriteStartObject();
            output.WriteString("status", status);
            if (!string.IsNullOrWhiteSpace(feedback))
                output.WriteString("feedback", feedback);
            output.WriteString("message", message);
            output.WriteEndObject();
        }
        return Encoding.UTF8.GetString(buffer.GetBuffer(), 0, (int)buffer.Length);
    }

    private static ReadOnlySpan<char> Prefix(string text, int bytes)
    {
        int used = 0,
            at = 0;
        while (at < text.Length)
        {
            var width = Width(text, at, out var units);
            if (used + width > bytes)
                break;
            used += width;
            at += units;
        }
        return text.AsSpan(0, at);
    }

    private static ReadOnlySpan<char> Suffix(string text, int bytes)
    {
        int used = 0,
            at = text.Length;
        while (at > 0)
        {
            var start = at > 1 && char.IsLowSurrogate(text[at - 1]) && char.IsHighSurrogate(text[at - 2]) ? at - 2 : at - 1;
            var width = Width(text, start, out _);
            if (used + width > bytes)
                break;
            used += width;
            at = start;
        }
        return text.AsSpan(at);
    }

    private static int Width(string text, int at, out int units)
    {
        var c = text[at];
        units = 1;
        if (c < 0x80)
            return 1;
        if (c < 0x800)
            return 2;
        if (!char.IsHighSurrogate(c) || at + 1 >= text.Length || !char.IsLowSurrogate(text[at + 1]))
            return 3;
        units = 2;
        return 4;
    }
}
