using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace CodeLab.FakeLlm;

/// <summary>Scripts as JSON: one script, an array of scripts, or <c>{"scripts":[…]}</c>. An unknown member is an error, since it is a typing mistake.</summary>
public static class ScriptFile
{
    internal static readonly JsonSerializerOptions Options = new(JsonSerializerDefaults.Web)
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        PropertyNameCaseInsensitive = false,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        ReadCommentHandling = JsonCommentHandling.Skip,
        AllowTrailingCommas = true,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <summary>Reads scripts from JSON text.</summary>
    /// <exception cref="JsonException">The text is not a script; the message names the place.</exception>
    public static IReadOnlyList<Script> Parse(string json)
    {
        using var document = JsonDocument.Parse(
            json,
            new JsonDocumentOptions { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true }
        );
        var root = document.RootElement;
        if (root.ValueKind == JsonValueKind.Object && root.TryGetProperty("scripts", out var scripts))
            root = scripts;
        return root.ValueKind == JsonValueKind.Array ? root.Deserialize<List<Script>>(Options)! : [root.Deserialize<Script>(Options)!];
    }

    /// <summary>Reads a file, or every <c>*.json</c> of a folder. A script without name takes the file's.</summary>
    public static IReadOnlyList<Script> Load(string path)
    {
        if (Directory.Exists(path))
            return [.. Directory.GetFiles(path, "*.json").Order(StringComparer.Ordinal).SelectMany(Load)];
        return
        [
            .. Parse(File.ReadAllText(path)).Select(s => s.Name is null ? s with { Name = Path.GetFileNameWithoutExtension(path) } : s),
        ];
    }

    /// <summary>The scripts shipped with the fake (folder <c>Scripts</c>), named after their files.</summary>
    public static IReadOnlyList<Script> Shipped { get; } = LoadShipped();

    private static List<Script> LoadShipped()
    {
        var assembly = typeof(ScriptFile).Assembly;
        var found = new List<Script>();
        foreach (
            var resource in assembly
                .GetManifestResourceNames()
                .Where(n => n.EndsWith(".json", StringComparison.Ordinal))
                .Order(StringComparer.Ordinal)
        )
        {
            using var reader = new StreamReader(assembly.GetManifestResourceStream(resource)!);
            found.AddRange(
                Parse(reader.ReadToEnd()).Select(s => s.Name is null ? s with { Name = Path.GetFileNameWithoutExtension(resource) } : s)
            );
        }

        return found;
    }
}
