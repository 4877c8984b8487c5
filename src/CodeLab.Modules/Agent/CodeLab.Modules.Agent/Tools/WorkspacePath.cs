using System.Globalization;
using System.Text;

namespace CodeLab.Modules.Agent.Tools;

/// <summary>
/// Rules for paths that models write (security.md §8.4). The server knows no disk: links are resolved by the client, which checks again.
/// </summary>
internal static class WorkspacePath
{
    private const int _maxLength = 4096;

    /// <summary>Checks a path.</summary>
    /// <returns>Null when it is relative and harmless; else what is wrong, as the end of a sentence that begins with the path.</returns>
    public static string? Check(string path)
    {
        if (string.IsNullOrWhiteSpace(path))
            return "is empty; use '.' for the workspace root";
        if (path.Length > _maxLength)
            return $"is longer than {_maxLength} characters";
        foreach (var rune in path.EnumerateRunes())
        {
            // An unpaired surrogate is enumerated as the replacement character.
            if (rune == Rune.ReplacementChar)
                return "contains invalid Unicode";
            if (IsForbidden(rune))
                return "contains a control, bidirectional or invisible character";
        }
        // Compatibility forms as well: a full-width ".." or ":" becomes the plain one somewhere on its way to the disk.
        return CheckParts(path) ?? (Ascii.IsValid(path) ? null : CheckParts(path.Normalize(NormalizationForm.FormKC)));
    }

    /// <summary>
    /// The path as rules compare it: <c>/</c> between parts, no <c>.</c> parts, composed Unicode. The workspace root is the empty text.
    /// </summary>
    /// <param name="path">A path that passed <see cref="Check"/>.</param>
    public static string Normalize(string path)
    {
        if (!Ascii.IsValid(path))
            path = path.Normalize(NormalizationForm.FormC);
        var plain =
            path.AsSpan().IndexOfAny("\\") < 0
            && !path.StartsWith("./", StringComparison.Ordinal)
            && !path.Contains("//", StringComparison.Ordinal)
            && !path.Contains("/.", StringComparison.Ordinal)
            && !path.EndsWith('/')
            && path != ".";
        return plain
            ? path
            : string.Join('/', path.Replace('\\', '/').Split('/', StringSplitOptions.RemoveEmptyEntries).Where(part => part != "."));
    }

    private static string? CheckParts(string path)
    {
        var text = path.AsSpan();
        if (text[0] is '/' or '\\')
            return "is absolute; it must be relative to the workspace root";
        if (text.Contains(':'))
            return "contains ':', as drives, URLs and file streams do; it must be relative to the workspace root";
        foreach (var range in text.SplitAny('/', '\\'))
        {
            var part = text[range];
            if (part is "..")
                return "contains '..'; it must stay inside the workspace";
            if (part is "~")
                return "contains '~'; it must be relative to the workspace root";
            if (part.Length > 0 && part is not "." && part[^1] is '.' or ' ')
                return "has a part that ends with a dot or a space";
        }
        return null;
    }

    private static bool IsForbidden(Rune rune)
    {
        if (rune.Value is >= ' ' and < 0x7F)
            return false;
        return Rune.GetUnicodeCategory(rune)
                is UnicodeCategory.Control
                    or UnicodeCategory.Format
                    or UnicodeCategory.LineSeparator
                    or UnicodeCategory.ParagraphSeparator
                    or UnicodeCategory.Surrogate
            // Letters that are drawn as nothing.
            || rune.Value is 0x034F or 0x115F or 0x1160 or 0x17B4 or 0x17B5 or 0x3164 or 0xFFA0;
    }
}
