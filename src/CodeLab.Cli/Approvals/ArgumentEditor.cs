using System.Buffers;
using System.Diagnostics;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using CodeLab.Client.Sessions;

namespace CodeLab.Cli.Approvals;

/// <summary>
/// Changes a call before it is approved, in the person's own editor: the proposed content of a file, the edit, the command; for other
/// tools the arguments as JSON.
/// </summary>
internal static class ArgumentEditor
{
    private static readonly JsonSerializerOptions Readable = new()
    {
        WriteIndented = true,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    private static readonly SearchValues<char> ExtensionChars = SearchValues.Create(
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
    );

    /// <summary>The edited arguments, or null when nothing changed.</summary>
    /// <exception cref="JsonException">What the person wrote is no JSON object.</exception>
    /// <exception cref="IOException">There is no editor.</exception>
    public static async Task<JsonElement?> EditAsync(ToolCallState call, CancellationToken cancellationToken)
    {
        var (member, name) = Part(call);
        var before = member is null
            ? JsonNode.Parse(call.Arguments.GetRawText())!.ToJsonString(Readable) + "\n"
            : call.Arguments.GetProperty(member).GetString()!;
        var after = await InEditorAsync(before, name, cancellationToken);
        return string.Equals(after, before, StringComparison.Ordinal) ? null : With(call.Arguments, member, after);
    }

    internal static JsonElement With(JsonElement arguments, string? member, string text)
    {
        if (member is null)
        {
            using var whole = JsonDocument.Parse(text);
            return whole.RootElement.ValueKind == JsonValueKind.Object
                ? whole.RootElement.Clone()
                : throw new JsonException("The arguments must be a JSON object.");
        }
        var edited = JsonNode.Parse(arguments.GetRawText())!.AsObject();
        edited[member] = text;
        using var document = JsonDocument.Parse(edited.ToJsonString());
        return document.RootElement.Clone();
    }

    /// <summary>The argument that a person would edit, and a file name by which an editor knows the language.</summary>
    internal static (string? Member, string FileName) Part(ToolCallState call)
    {
        var path =
            call.Arguments.TryGetProperty("path", out var value) && value.ValueKind == JsonValueKind.String ? value.GetString()! : "";
        return call.ToolName switch
        {
            "write_file" when Has(call, "content") => ("content", "proposed" + Extension(path)),
            "apply_diff" when Has(call, "diff") => ("diff", "edit.diff"),
            "execute_command" when Has(call, "command") => ("command", "command.sh"),
            _ => (null, "arguments.json"),
        };
    }

    private static bool Has(ToolCallState call, string member) =>
        call.Arguments.TryGetProperty(member, out var value) && value.ValueKind == JsonValueKind.String;

    private static string Extension(string path)
    {
        var extension = Path.GetExtension(path);
        return extension.Length is > 1 and < 12 && extension.AsSpan(1).IndexOfAnyExcept(ExtensionChars) < 0 ? extension : ".txt";
    }

    private static async Task<string> InEditorAsync(string text, string name, CancellationToken cancellationToken)
    {
        var folder = Directory.CreateTempSubdirectory("codelab-");
        try
        {
            var file = Path.Combine(folder.FullName, name);
            await File.WriteAllTextAsync(file, text, cancellationToken);
            using var editor = Process.Start(StartInfo(file)) ?? throw new IOException("The editor did not start.");
            await editor.WaitForExitAsync(cancellationToken);
            if (editor.ExitCode != 0)
                return text;
            var edited = await File.ReadAllTextAsync(file, cancellationToken);
            // A command is one line for the shell; editors end files with a newline.
            return name == "command.sh" ? edited.TrimEnd('\n', '\r') : edited;
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static ProcessStartInfo StartInfo(string file)
    {
        var editor = NotEmpty(Environment.GetEnvironmentVariable("VISUAL")) ?? NotEmpty(Environment.GetEnvironmentVariable("EDITOR"));
        if (OperatingSystem.IsWindows())
            return new ProcessStartInfo(editor ?? "notepad", [file]);
        // $EDITOR may hold arguments ("code --wait"), which the shell splits as everywhere.
        return new ProcessStartInfo("/bin/sh", ["-c", $"{editor ?? "vi"} \"$1\"", "sh", file]);
    }

    private static string? NotEmpty(string? text) => string.IsNullOrWhiteSpace(text) ? null : text;
}
