using System.Text;

namespace CodeLab.Modules.Agent.Prompts;

/// <summary>Puts foreign text between tags in a way that the text itself can not end.</summary>
internal static class Untrusted
{
    /// <summary>Appends the text; a closing tag inside it is written <c>&lt;\/tag</c>, which inside JSON means the same.</summary>
    public static void Append(StringBuilder output, ReadOnlySpan<char> text, string tag)
    {
        while (true)
        {
            var at = text.IndexOf("</", StringComparison.Ordinal);
            if (at < 0)
            {
                output.Append(text);
                return;
            }
            output.Append(text[..(at + 1)]);
            text = text[(at + 1)..];
            if (text[1..].StartsWith(tag, StringComparison.OrdinalIgnoreCase))
                output.Append('\\');
        }
    }
}
