using System.Globalization;
using System.Text.Json;

namespace CodeLab.Client.Tools;

/// <summary>
/// Reads the arguments of a call leniently: the server has validated them, but older servers and other models send <c>null</c> for
/// "absent", numbers and booleans as strings, and a single string for a list.
/// </summary>
internal readonly struct ToolArguments(string tool, JsonElement arguments)
{
    public string Tool { get; } = tool;

    public string RequiredText(params ReadOnlySpan<string> names) =>
        Text(names) ?? throw Invalid($"'{names[0]}' is missing. Call {Tool} again with '{names[0]}' as a string.");

    public string? Text(params ReadOnlySpan<string> names)
    {
        if (Find(names, out var name) is not { } value)
            return null;
        return value.ValueKind switch
        {
            JsonValueKind.String => value.GetString(),
            JsonValueKind.Number or JsonValueKind.True or JsonValueKind.False => value.GetRawText(),
            _ => throw Invalid($"'{name}' must be a string."),
        };
    }

    public bool Flag(string name, bool fallback)
    {
        if (Find([name], out _) is not { } value)
            return fallback;
        return value.ValueKind switch
        {
            JsonValueKind.True => true,
            JsonValueKind.False => false,
            JsonValueKind.String when bool.TryParse(value.GetString(), out var parsed) => parsed,
            _ => throw Invalid($"'{name}' must be true or false."),
        };
    }

    public int? Integer(params ReadOnlySpan<string> names)
    {
        if (Find(names, out var name) is not { } value)
            return null;
        if (value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var number) && IsInt(number))
            return (int)number;
        if (
            value.ValueKind == JsonValueKind.String
            && double.TryParse(value.GetString(), NumberStyles.Float, CultureInfo.InvariantCulture, out number)
            && IsInt(number)
        )
            return (int)number;
        throw Invalid($"'{name}' must be a whole number.");
    }

    public IReadOnlyList<string> Texts(params ReadOnlySpan<string> names)
    {
        if (Find(names, out var name) is not { } value)
            return [];
        if (value.ValueKind == JsonValueKind.String)
            return [value.GetString()!];
        if (value.ValueKind != JsonValueKind.Array)
            throw Invalid($"'{name}' must be a list of strings.");

        var texts = new List<string>();
        foreach (var item in value.EnumerateArray())
            texts.Add(item.ValueKind == JsonValueKind.String ? item.GetString()! : throw Invalid($"'{name}' must be a list of strings."));
        return texts;
    }

    private static bool IsInt(double number) => number is >= int.MinValue and <= int.MaxValue && Math.Floor(number) == number;

    private JsonElement? Find(ReadOnlySpan<string> names, out string found)
    {
        found = names[0];
        if (arguments.ValueKind != JsonValueKind.Object)
            return null;
        foreach (var name in names)
        {
            if (arguments.TryGetProperty(name, out var value) && value.ValueKind is not (JsonValueKind.Null or JsonValueKind.Undefined))
            {
                found = name;
                return value;
            }
        }
        return null;
    }

    private ToolFailure Invalid(string message) => new(ToolErrorCodes.InvalidArguments, $"Invalid arguments for {Tool}: {message}");
}
