using System.Text;
using System.Text.Json;

namespace CodeLab.Modules.Agent.Tools;

/// <summary>
/// Reads the JSON that models write: comments, trailing commas, code fences, raw line breaks and stray backslashes in strings, Python's
/// literals, and a little garbage after the end. A text that stops in the middle is never accepted: half a file must not be written.
/// </summary>
internal static class LenientJson
{
    private static readonly JsonReaderOptions _options = new()
    {
        AllowTrailingCommas = true,
        CommentHandling = JsonCommentHandling.Skip,
        AllowMultipleValues = true,
        MaxDepth = 64,
    };

    /// <summary>Reads one JSON value.</summary>
    /// <param name="text">What the model wrote.</param>
    /// <param name="value">The value; owns its memory.</param>
    /// <param name="allowProse">Also look for an object inside other text, as in "Here is the answer: {…}".</param>
    public static bool TryParse(string text, out JsonElement value, bool allowProse = false)
    {
        if (TryRead(text, out value))
            return true;
        var stripped = StripFence(text);
        if (!ReferenceEquals(stripped, text) && TryRead(stripped, out value))
            return true;
        if (TryRead(Repair(stripped), out value))
            return true;
        if (!allowProse)
            return false;
        // The braces of an object inside prose; what follows the object is prose too.
        for (var at = stripped.IndexOf('{', StringComparison.Ordinal); at >= 0; at = stripped.IndexOf('{', at + 1))
        {
            if (TryReadFirst(stripped[at..], out value, out _))
                return true;
        }
        return false;
    }

    private static bool TryRead(string text, out JsonElement value)
    {
        if (!TryReadFirst(text, out value, out var rest))
            return false;
        rest = rest.Trim();
        // Some providers stream an empty object first and the real one behind it.
        if (rest.StartsWith('{') && value.ValueKind is JsonValueKind.Object && !value.EnumerateObject().Any())
            return TryRead(rest, out value);
        return IsGarbage(rest);
    }

    private static bool TryReadFirst(string text, out JsonElement value, out string rest)
    {
        value = default;
        rest = "";
        var bytes = Encoding.UTF8.GetBytes(text.Trim('\uFEFF', ' ', '\t', '\r', '\n'));
        var reader = new Utf8JsonReader(bytes, _options);
        try
        {
            value = JsonElement.ParseValue(ref reader);
        }
        catch (JsonException)
        {
            return false;
        }
        rest = Encoding.UTF8.GetString(bytes.AsSpan((int)reader.BytesConsumed));
        return true;
    }

    /// <summary>True for what may follow a value without changing its meaning: closing brackets, quotes, a fence, a closing tag.</summary>
    private static bool IsGarbage(string rest)
    {
        if (rest.Length == 0)
            return true;
        if (rest.Length > 64 || rest.Contains('{', StringComparison.Ordinal))
            return false;
        return rest.All(c => c is '}' or ']' or ')' or ';' or ',' or '"' or '\'' or '`' || char.IsWhiteSpace(c))
            || rest.StartsWith("</", StringComparison.Ordinal)
            || rest.StartsWith("<|", StringComparison.Ordinal);
    }

    private static string StripFence(string text)
    {
        var trimmed = text.AsSpan().Trim();
        if (!trimmed.StartsWith("```"))
            return text;
        var lineEnd = trimmed.IndexOf('\n');
        if (lineEnd < 0)
            return text;
        trimmed = trimmed[(lineEnd + 1)..].TrimEnd();
        return (trimmed.EndsWith("```") ? trimmed[..^3] : trimmed).Trim().ToString();
    }

    /// <summary>Escapes what JSON forbids inside strings, and spells Python's literals as JSON's.</summary>
    private static string Repair(string text)
    {
        var output = new StringBuilder(text.Length + 16);
        var inString = false;
        for (var i = 0; i < text.Length; i++)
        {
            var c = text[i];
            if (!inString)
            {
                if (char.IsAsciiLetterUpper(c) && Literal(text.AsSpan(i)) is { } literal)
                {
                    output.Append(literal.Json);
                    i += literal.Python.Length - 1;
                    continue;
                }
                inString = c == '"';
                output.Append(c);
                continue;
            }
            switch (c)
            {
                case '"':
                    inString = false;
                    output.Append(c);
                    break;
                case '\\' when i + 1 < text.Length:
                    var next = text[i + 1];
                    if (next == '\'')
                        output.Append(next);
                    else if (IsEscape(text, i + 1))
                        output.Append(c).Append(next);
                    else if (next < ' ')
                        output.Append("\\\\").Append(Control(next));
                    else
                        output.Append("\\\\").Append(next);
                    i++;
                    break;
                case < ' ':
                    output.Append(Control(c));
                    break;
                default:
                    output.Append(c);
                    break;
            }
        }
        return output.ToString();
    }

    private static string Control(char c) =>
        c switch
        {
            '\n' => "\\n",
            '\r' => "\\r",
            '\t' => "\\t",
            _ => $"\\u{(int)c:x4}",
        };

    private static bool IsEscape(string text, int at) =>
        text[at] == 'u'
            ? at + 4 < text.Length
                && char.IsAsciiHexDigit(text[at + 1])
                && char.IsAsciiHexDigit(text[at + 2])
                && char.IsAsciiHexDigit(text[at + 3])
                && char.IsAsciiHexDigit(text[at + 4])
            : text[at] is '"' or '\\' or '/' or 'b' or 'f' or 'n' or 'r' or 't';

    private static (string Python, string Json)? Literal(ReadOnlySpan<char> text)
    {
        if (text.StartsWith("True"))
            return ("True", "true");
        if (text.StartsWith("False"))
            return ("False", "false");
        return text.StartsWith("None") ? ("None", "null") : null;
    }
}
