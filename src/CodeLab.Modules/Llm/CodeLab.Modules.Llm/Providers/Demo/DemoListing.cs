using System.Text.Json;
using System.Text.RegularExpressions;

namespace CodeLab.Modules.Llm.Providers.Demo;

/// <summary>Reads tool results in the shapes clients answer with (protocol.md §6.3): objects with lists, or plain text.</summary>
internal static partial class DemoListing
{
    /// <summary>Paths of files (not folders) in a listing.</summary>
    public static IReadOnlyList<string> Files(string result)
    {
        if (IsError(result))
            return [];
        if (Parse(result) is { } json)
            return [.. Entries(json).Distinct(StringComparer.Ordinal)];
        return
        [
            .. result
                .Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
                .Select(line => line.TrimStart('-', '*', ' '))
                .Where(line => line.Length > 0 && !line.EndsWith('/') && !line.Contains(' ', StringComparison.Ordinal)),
        ];
    }

    /// <summary>Text of a file in a result of <c>read_file</c>.</summary>
    public static string Content(string result) =>
        Parse(result) is { ValueKind: JsonValueKind.Object } json
        && json.TryGetProperty("content", out var content)
        && content.ValueKind == JsonValueKind.String
            ? content.GetString()!
            : result;

    public static bool IsError(string result)
    {
        if (result.StartsWith("Error", StringComparison.OrdinalIgnoreCase))
            return true;
        return Parse(result) is { ValueKind: JsonValueKind.Object } json
            && (
                (json.TryGetProperty("error", out var error) && error.ValueKind != JsonValueKind.Null)
                || (json.TryGetProperty("success", out var success) && success.ValueKind == JsonValueKind.False)
            );
    }

    /// <summary>A person or a rule said no, or nobody said anything: the model has to leave it at that.</summary>
    public static bool IsRefused(string result)
    {
        if (Parse(result) is { ValueKind: JsonValueKind.Object } json)
        {
            return json.TryGetProperty("status", out var status)
                && status.ValueKind == JsonValueKind.String
                && status.GetString() is "rejected" or "denied" or "expired" or "cancelled" or "outcome_unknown";
        }
        return Refused().IsMatch(result);
    }

    /// <summary>The output itself, without the tags that mark it as foreign text.</summary>
    public static string Unwrap(string result)
    {
        const string end = "\n</tool_output>";
        if (!result.StartsWith("<tool_output", StringComparison.Ordinal) || !result.EndsWith(end, StringComparison.Ordinal))
            return result;
        var start = result.IndexOf('\n', StringComparison.Ordinal) + 1;
        return start > result.Length - end.Length
            ? ""
            : result[start..^end.Length].Replace("<\\/tool_output", "</tool_output", StringComparison.OrdinalIgnoreCase);
    }

    /// <summary>The first words of a text, on one line.</summary>
    public static string Brief(string text)
    {
        var line = Blanks().Replace(text.Trim(), " ");
        return line.Length <= 160 ? line : line[..160] + "…";
    }

    /// <summary>The file a task speaks of: one it names, else the README.</summary>
    public static string Target(string task, IReadOnlyList<string> files)
    {
        foreach (Match named in FileName().Matches(task))
        {
            var name = named.Value.Trim('.', '/');
            var known = files.FirstOrDefault(f => f.Equals(name, StringComparison.OrdinalIgnoreCase));
            known ??= files.FirstOrDefault(f => Path.GetFileName(f).Equals(name, StringComparison.OrdinalIgnoreCase));
            return known ?? name;
        }
        return files
                .Where(f => Path.GetFileName(f).StartsWith("readme", StringComparison.OrdinalIgnoreCase))
                .OrderBy(f => f.Count(c => c == '/'))
                .ThenBy(f => f.EndsWith(".md", StringComparison.OrdinalIgnoreCase) ? 0 : 1)
                .FirstOrDefault()
            ?? "README.md";
    }

    private static IEnumerable<string> Entries(JsonElement json)
    {
        switch (json.ValueKind)
        {
            case JsonValueKind.Array:
                foreach (var path in json.EnumerateArray().SelectMany(Entry))
                    yield return path;
                break;
            case JsonValueKind.Object:
                foreach (var name in (string[])["items", "files", "entries"])
                {
                    if (json.TryGetProperty(name, out var list) && list.ValueKind == JsonValueKind.Array)
                    {
                        foreach (var path in list.EnumerateArray().SelectMany(Entry))
                            yield return path;
                    }
                }
                break;
        }
    }

    private static IEnumerable<string> Entry(JsonElement item)
    {
        if (item.ValueKind == JsonValueKind.String)
        {
            if (item.GetString() is { Length: > 0 } path && !path.EndsWith('/'))
                yield return path;
        }
        else if (item.ValueKind == JsonValueKind.Object)
        {
            if (
                item.TryGetProperty("type", out var type)
                && type.ValueKind == JsonValueKind.String
                && type.GetString() is "directory" or "dir" or "link"
            )
                yield break;
            foreach (var name in (string[])["path", "name"])
            {
                if (item.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String)
                {
                    yield return value.GetString()!;
                    yield break;
                }
            }
        }
    }

    private static JsonElement? Parse(string text)
    {
        if (text.AsSpan().TrimStart() is not ['{' or '[', ..])
            return null;
        try
        {
            return JsonElement.Parse(text);
        }
        catch (JsonException)
        {
            // A text that merely begins like JSON, e.g. a file's content.
            return null;
        }
    }

    [GeneratedRegex(@"[\p{L}\w./-]*\w\.(?!\d)[A-Za-z]\w{0,9}\b", RegexOptions.CultureInvariant, 1000)]
    private static partial Regex FileName();

    // Only at the head: a file that is read may speak of rejections, too.
    [GeneratedRegex(
        @"\A\s*(error:?\s*)?(user (rejected|cancelled)|операция отклонена|rejected|denied|declined)"
            + @"|\Aerror:.*(reject|denied|declin|not allowed|not approved|may not).*"
            + @"|\Aerror:.*the call was not executed\.\s*\z",
        RegexOptions.CultureInvariant | RegexOptions.IgnoreCase | RegexOptions.ExplicitCapture,
        1000
    )]
    private static partial Regex Refused();

    [GeneratedRegex(@"\s+", RegexOptions.CultureInvariant, 1000)]
    private static partial Regex Blanks();
}
