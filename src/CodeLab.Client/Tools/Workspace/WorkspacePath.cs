using System.Buffers;
using System.Globalization;
using System.Text;

namespace CodeLab.Client.Tools;

/// <summary>
/// The first gate of the jail: what a path may look like, before the disk is asked. Pure.
/// Rules: security reference §8.4, client reference §4.
/// </summary>
internal static class WorkspacePath
{
    public const int MaxLength = 4096;

    private static readonly SearchValues<char> WindowsReserved = SearchValues.Create("<>:\"|?*");

    private static readonly HashSet<string> DeviceNames = new(
        [
            "CON",
            "PRN",
            "AUX",
            "NUL",
            "CONIN$",
            "CONOUT$",
            "CLOCK$",
            .. Enumerable.Range(0, 10).SelectMany(n => new[] { $"COM{n}", $"LPT{n}" }),
            "COM¹",
            "COM²",
            "COM³",
            "LPT¹",
            "LPT²",
            "LPT³",
        ],
        StringComparer.OrdinalIgnoreCase
    );

    /// <summary>Splits a path of the model into its components; the root is an empty list.</summary>
    /// <exception cref="ToolFailure">INVALID_PATH or PATH_OUTSIDE_WORKSPACE.</exception>
    public static IReadOnlyList<string> Split(string path, bool windows)
    {
        if (string.IsNullOrWhiteSpace(path))
            throw Invalid("The path is empty. Give a path relative to the workspace, or '.' for the workspace itself.");
        if (path.Length > MaxLength)
            throw Invalid($"The path is {path.Length} characters long; {MaxLength} is the limit. Use a shorter path.");
        CheckCharacters(path);

        var normal = path.Replace('\\', '/');
        if (normal.Contains("://", StringComparison.Ordinal))
            throw Invalid($"'{Shown(path)}' is an address, not a path. Give a path relative to the workspace, for example 'src/main.c'.");
        if (normal[0] == '/' || (normal.Length >= 2 && char.IsAsciiLetter(normal[0]) && normal[1] == ':'))
            throw Outside(
                $"'{Shown(path)}' is an absolute path. Paths are relative to the workspace: give for example 'src/main.c', without a leading slash or drive."
            );
        if (normal == "~" || normal.StartsWith("~/", StringComparison.Ordinal))
            throw Outside(
                $"'{Shown(path)}' means the home directory. Only files of the workspace can be used: give a path relative to it."
            );

        var components = new List<string>();
        foreach (var component in normal.Split('/'))
        {
            if (component is "" or ".")
                continue;
            if (component == "..")
                throw Outside($"'{Shown(path)}' contains '..'. Write the path from the root of the workspace, without '..'.");
            if (Encoding.UTF8.GetByteCount(component) > 255)
                throw Invalid($"A name in '{Shown(path)}' is longer than 255 bytes. Use a shorter name.");
            if (windows)
                CheckWindowsName(component, path);
            components.Add(component);
        }
        return components;
    }

    private static void CheckCharacters(string path)
    {
        for (var i = 0; i < path.Length; i++)
        {
            var c = path[i];
            if (char.IsHighSurrogate(c) && i + 1 < path.Length && char.IsLowSurrogate(path[i + 1]))
            {
                // Tags (U+E0000 to U+E007F) are invisible letters, known for hiding text.
                if (CharUnicodeInfo.GetUnicodeCategory(path, i) is UnicodeCategory.Format or UnicodeCategory.OtherNotAssigned)
                    throw Hidden(char.ConvertToUtf32(path, i));
                i++;
                continue;
            }
            if (char.IsSurrogate(c))
                throw Invalid("The path is not well-formed Unicode. Give the path in plain characters.");

            var category = CharUnicodeInfo.GetUnicodeCategory(c);
            if (
                category
                    is UnicodeCategory.Control
                        or UnicodeCategory.Format
                        or UnicodeCategory.LineSeparator
                        or UnicodeCategory.ParagraphSeparator
                // Letters by category that show nothing: Hangul fillers, combining grapheme joiner, Khmer inherent vowels, variation selectors.
                || c
                    is '\u034F'
                        or '\u115F'
                        or '\u1160'
                        or '\u17B4'
                        or '\u17B5'
                        or '\u3164'
                        or '\uFFA0'
                        or (>= '\uFE00' and <= '\uFE0F')
                        or '\uFFFD'
            )
                throw Hidden(c);
        }
    }

    private static void CheckWindowsName(string component, string path)
    {
        if (component.AsSpan().ContainsAny(WindowsReserved))
            throw Invalid(
                $"'{Shown(path)}' has a character Windows does not allow in names (< > : \" | ? *), or names a stream. Use another name."
            );
        if (component[^1] is '.' or ' ')
            throw Invalid($"A name in '{Shown(path)}' ends in a dot or blank, which Windows drops. Use the name without it.");
        var stem = component.Split('.', 2)[0].TrimEnd(' ');
        if (DeviceNames.Contains(stem))
            throw Invalid($"'{component}' is the name of a device on Windows. Use another name.");
    }

    /// <summary>A path as a sentence may show it: short, and without anything that could disturb a terminal.</summary>
    public static string Shown(string path)
    {
        var text = path.Length <= 200 ? path : string.Concat(path.AsSpan(0, 200), "…");
        return string.Concat(text.Select(c => char.IsControl(c) ? '?' : c));
    }

    private static ToolFailure Hidden(int code) =>
        Invalid($"The path contains the character U+{code:X4}, which is a control or invisible character. Give the path without it.");

    private static ToolFailure Invalid(string message) => new(ToolErrorCodes.InvalidPath, message);

    private static ToolFailure Outside(string message) => new(ToolErrorCodes.PathOutsideWorkspace, message);
}
