using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace CodeLab.BuildingBlocks.Secrets;

/// <summary>Masks secrets by their shape, cuts long texts, escapes control characters.</summary>
public static partial class Redaction
{
    private const string Masked = "***";

    /// <summary>Masks provider keys, tokens, bearer headers, our own keys and <c>key=value</c> pairs that name a secret.</summary>
    public static string Mask(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (!MayHoldSecret(text))
            return text;
        text = Tokens().Replace(text, Masked);
        text = Bearer().Replace(text, "${word} " + Masked);
        return Pairs().Replace(text, "${name}=" + Masked);
    }

    /// <summary>The beginning of a text, and how much was cut.</summary>
    public static string Cut(string text, int length) =>
        text.Length <= length ? text : string.Create(CultureInfo.InvariantCulture, $"{text.AsSpan(0, length)}…(+{text.Length - length})");

    /// <summary>True when a text holds characters that hide or move others.</summary>
    public static bool HasControls(string text) => text.AsSpan().ContainsAnyInRange('\u007f', '\u009f') || text.Any(IsHidden);

    /// <summary>JSON escapes the characters below a space; the others that move or hide text are escaped here.</summary>
    public static string EscapeControls(string text)
    {
        if (!HasControls(text))
            return text;
        var escaped = new StringBuilder(text.Length + 16);
        foreach (var c in text)
        {
            if (c is >= '\u007f' and <= '\u009f' || IsHidden(c))
                escaped.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}");
            else
                escaped.Append(c);
        }
        return escaped.ToString();
    }

    private static bool IsHidden(char c) => c is >= '\u200b' and <= '\u200f' or >= '\u2028' and <= '\u202e' or >= '\u2066' and <= '\u2069';

    // Most lines hold none of these, and looking is cheaper than matching.
    private static bool MayHoldSecret(string text) =>
        text.Contains("sk-", StringComparison.Ordinal)
        || text.Contains("clk_", StringComparison.Ordinal)
        || text.Contains("eyJ", StringComparison.Ordinal)
        || text.Contains('=', StringComparison.Ordinal)
        || text.Contains("bearer", StringComparison.OrdinalIgnoreCase);

    [GeneratedRegex(
        @"\bsk-[A-Za-z0-9_\-]{6,}|\bclk_[A-Za-z0-9_\-]{6,}|\beyJ[A-Za-z0-9_\-]+(?:\.[A-Za-z0-9_\-]*){0,4}",
        RegexOptions.None,
        1000
    )]
    private static partial Regex Tokens();

    [GeneratedRegex(@"\b(?<word>bearer)\s+[^\s""\\,;]+", RegexOptions.IgnoreCase, 1000)]
    private static partial Regex Bearer();

    [GeneratedRegex(
        @"\b(?<name>[a-z0-9_\-]*(?:key|token|password|passwd|pwd|secret|ticket|code_verifier))=[^\s""\\&;,]+",
        RegexOptions.IgnoreCase,
        1000
    )]
    private static partial Regex Pairs();
}
