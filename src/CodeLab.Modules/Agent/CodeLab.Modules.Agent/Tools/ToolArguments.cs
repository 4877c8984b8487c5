using System.Buffers;
using System.Security.Cryptography;
using System.Text.Json;

namespace CodeLab.Modules.Agent.Tools;

/// <summary>What reading a model's arguments gave.</summary>
internal abstract record ToolArgumentsResult
{
    private ToolArgumentsResult() { }

    /// <summary>The arguments fit the schema.</summary>
    /// <param name="Arguments">An object in the order of the schema: coerced, without nulls, with defaults; owns its memory.</param>
    public sealed record Valid(JsonElement Arguments) : ToolArgumentsResult;

    /// <summary>They do not; code <c>INVALID_ARGUMENTS</c>.</summary>
    /// <param name="Message">Sentence for the model that names the field and what is expected.</param>
    public sealed record Invalid(string Message) : ToolArgumentsResult;
}

/// <summary>Reads, repairs, coerces and checks the arguments of a tool call (protocol.md §6.5, security.md §8.1).</summary>
internal static class ToolArguments
{
    [ThreadStatic]
    private static ArrayBufferWriter<byte>? _buffer;

    /// <summary>Reads arguments as a model wrote them; they may be broken JSON.</summary>
    public static ToolArgumentsResult Read(ToolDefinition tool, string argumentsJson)
    {
        if (string.IsNullOrWhiteSpace(argumentsJson))
            argumentsJson = "{}";
        if (!LenientJson.TryParse(argumentsJson, out var arguments))
        {
            return Invalid(
                tool,
                "they are not valid JSON, or end in the middle. Send one complete JSON object; for long content make several smaller calls"
            );
        }
        // Some models encode the object as a string once more.
        if (
            arguments.ValueKind is JsonValueKind.String
            && LenientJson.TryParse(arguments.GetString()!, out var inner)
            && inner.ValueKind is JsonValueKind.Object
        )
            arguments = inner;
        return Read(tool, arguments);
    }

    /// <summary>Reads arguments that are JSON already, such as those of an edited approval: they are checked like a new call.</summary>
    public static ToolArgumentsResult Read(ToolDefinition tool, JsonElement arguments)
    {
        try
        {
            return ReadObject(tool, arguments);
        }
        catch (InvalidOperationException)
        {
            // The only text that is valid JSON and no valid string: half of a surrogate pair, escaped.
            _buffer = null;
            return Invalid(tool, "they contain an incomplete Unicode escape");
        }
    }

    private static ToolArgumentsResult ReadObject(ToolDefinition tool, JsonElement arguments)
    {
        if (arguments.ValueKind is JsonValueKind.Null or JsonValueKind.Undefined)
            arguments = EmptyObject;
        if (arguments.ValueKind is not JsonValueKind.Object)
            return Invalid(tool, "they must be one JSON object");

        var members = new List<KeyValuePair<string, JsonElement>>();
        foreach (var member in arguments.EnumerateObject())
        {
            if (member.Value.ValueKind is JsonValueKind.Null && !tool.ClientDefined)
                continue;
            if (Rewrite(tool, member.Name, member.Value, members) is { } problem)
                return Invalid(tool, problem);
        }

        var buffer = _buffer ??= new ArrayBufferWriter<byte>(1024);
        buffer.ResetWrittenCount();
        using var output = new Utf8JsonWriter(buffer, ToolJson.Writer);
        if (tool.Arguments.Write(members, fillDefaults: !tool.ClientDefined, output) is { } fault)
            return Invalid(tool, fault.ToString());
        output.Flush();
        var valid = new ToolArgumentsResult.Valid(JsonElement.Parse(buffer.WrittenSpan));
        // One huge file must not stay with the thread for ever.
        if (buffer.Capacity > 256 * 1024)
            _buffer = null;
        return valid;
    }

    /// <summary>
    /// SHA-256 of the arguments in a form that does not depend on the order of members or on escapes; binds an approval to what was
    /// shown (security.md §8.2).
    /// </summary>
    /// <returns>64 lower-case hexadecimal digits.</returns>
    public static string ArgumentsHash(JsonElement arguments)
    {
        var buffer = new ArrayBufferWriter<byte>(512);
        using (var output = new Utf8JsonWriter(buffer, ToolJson.Writer))
            WriteSorted(arguments, output);
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(buffer.WrittenSpan, hash);
        return Convert.ToHexStringLower(hash);
    }

    private static JsonElement EmptyObject { get; } = JsonElement.Parse("{}");

    private static void WriteSorted(JsonElement value, Utf8JsonWriter output)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.Object:
                output.WriteStartObject();
                foreach (var member in value.EnumerateObject().OrderBy(m => m.Name, StringComparer.Ordinal))
                {
                    output.WritePropertyName(member.Name);
                    WriteSorted(member.Value, output);
                }
                output.WriteEndObject();
                break;
            case JsonValueKind.Array:
                output.WriteStartArray();
                foreach (var item in value.EnumerateArray())
                    WriteSorted(item, output);
                output.WriteEndArray();
                break;
            case JsonValueKind.Number when value.TryGetInt64(out var integer):
                output.WriteNumberValue(integer);
                break;
            case JsonValueKind.Number:
                output.WriteNumberValue(value.GetDouble());
                break;
            default:
                value.WriteTo(output);
                break;
        }
    }

    /// <summary>Adds a member under its canonical name. The published variants of arguments (protocol.md §6.3) are translated here.</summary>
    /// <returns>Null, or what is wrong.</returns>
    private static string? Rewrite(ToolDefinition tool, string name, JsonElement value, List<KeyValuePair<string, JsonElement>> members)
    {
        if (tool.ArgumentAliases.TryGetValue(name, out var canonical))
            name = canonical;
        switch (tool.Name)
        {
            case "read_file" when name == "files":
                if (value.ValueKind is not JsonValueKind.Array || value.GetArrayLength() != 1)
                    return "'files' is not a member: read one file per call, named by 'path'; several calls may be made at once";
                var first = value[0];
                if (first.ValueKind is JsonValueKind.Object && first.TryGetProperty("path", out var path))
                    first = path;
                members.Add(new("path", first));
                return null;
            // The published search_files has its pattern in regex.
            case "search_in_code"
                when name == "regex" && value.ValueKind is JsonValueKind.String && !bool.TryParse(value.GetString(), out _):
                members.Add(new("query", value));
                members.Add(new("regex", TrueElement));
                return null;
            case "switch_mode" when name == "mode" && value.ValueKind is JsonValueKind.String && IsCode(value.GetString()!):
                members.Add(new("mode", CoderElement));
                return null;
            case "ask_followup_question" when name == "suggestions" && value.ValueKind is JsonValueKind.Array:
                members.Add(new("suggestions", Texts(value)));
                return null;
            case "attempt_completion" when name == "command":
                return null; // Published and ignored (protocol.md §6.2).
            default:
                if (!IsBlankOptionalPath(tool, name, value))
                    members.Add(new(name, value));
                return null;
        }
    }

    /// <summary>An empty optional path means "not given" to every model that writes one.</summary>
    private static bool IsBlankOptionalPath(ToolDefinition tool, string name, JsonElement value) =>
        value.ValueKind is JsonValueKind.String
        && tool.PathArguments.Contains(name)
        && string.IsNullOrWhiteSpace(value.GetString())
        && tool.Arguments.Properties.Any(p => p.Name == name && (!p.Required || p.Default is not null));

    private static JsonElement TrueElement { get; } = JsonElement.Parse("true");

    private static JsonElement CoderElement { get; } = JsonElement.Parse("\"coder\"");

    private static bool IsCode(string mode) => string.Equals(mode.Trim(), "code", StringComparison.OrdinalIgnoreCase);

    /// <summary>The published form of suggestions is <c>[{text, mode?}]</c>; ours is the texts, at most four.</summary>
    private static JsonElement Texts(JsonElement suggestions)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var output = new Utf8JsonWriter(buffer, ToolJson.Writer))
        {
            output.WriteStartArray();
            foreach (var suggestion in suggestions.EnumerateArray().Take(4))
            {
                if (suggestion.ValueKind is JsonValueKind.Object && suggestion.TryGetProperty("text", out var text))
                    text.WriteTo(output);
                else
                    suggestion.WriteTo(output);
            }
            output.WriteEndArray();
        }
        return JsonElement.Parse(buffer.WrittenSpan);
    }

    private static ToolArgumentsResult.Invalid Invalid(ToolDefinition tool, string problem) =>
        new($"Invalid arguments for {tool.Name}: {problem}.");
}
