using System.Text;

namespace CodeLab.Cli.Terminal;

/// <summary>
/// Text from a model, a file or a server before it reaches a terminal: without control characters, which could move the cursor, change
/// the title or forge what a person is asked to approve. Tabs become spaces; line breaks stay.
/// </summary>
internal static class SafeText
{
    public static string Plain(string text)
    {
        var first = -1;
        for (var i = 0; i < text.Length && first < 0; i++)
            if (IsUnsafe(text[i]))
                first = i;
        if (first < 0)
            return text;

        var plain = new StringBuilder(text.Length + 16).Append(text, 0, first);
        foreach (var c in text.AsSpan(first))
            if (c == '\t')
                plain.Append("    ");
            else if (c != '\r')
                plain.Append(IsUnsafe(c) ? '\uFFFD' : c);
        return plain.ToString();
    }

    // Bidirectional overrides can make a command read differently from what it is.
    private static bool IsUnsafe(char c) =>
        (char.IsControl(c) && c != '\n') || c is >= '\u202A' and <= '\u202E' or >= '\u2066' and <= '\u2069';
}
