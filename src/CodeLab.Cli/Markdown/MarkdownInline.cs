using Spectre.Console;

namespace CodeLab.Cli.Markdown;

/// <summary>
/// Inline Markdown (bold, italic, code, strike-through, links) as styled text. Anything that is not closed, as in the middle of a stream,
/// stays as it is written.
/// </summary>
internal static class MarkdownInline
{
    private static readonly Style Code = new(Color.Aqua);
    private static readonly Style Dim = new(Color.Grey);

    public static Paragraph Draw(string text, Style? style = null)
    {
        var paragraph = new Paragraph { Overflow = Overflow.Fold };
        Append(paragraph, text, style ?? Style.Plain);
        return paragraph;
    }

    private static void Append(Paragraph paragraph, string text, Style style)
    {
        var plain = 0;
        var at = 0;
        while (at < text.Length)
        {
            if (text[at] == '\\' && at + 1 < text.Length && char.IsPunctuation(text[at + 1]))
            {
                Flush();
                plain = at + 1;
                at += 2;
                continue;
            }
            if (Try(text, at) is not { } span)
            {
                // A run of markers is one thing: its second half must not open what its first half could not.
                at += text[at] is '`' or '*' or '_' or '~' ? Run(text, at) : 1;
                continue;
            }
            Flush();
            var inner = text.Substring(span.From, span.To - span.From);
            switch (span.Kind)
            {
                case '`':
                    paragraph.Append(inner.Length > 2 && inner[0] == ' ' && inner[^1] == ' ' ? inner[1..^1] : inner, style.Combine(Code));
                    break;
                case '[':
                    Append(paragraph, inner, style.Combine(new Style(decoration: Decoration.Underline)));
                    if (!string.Equals(span.Link, inner, StringComparison.Ordinal))
                        paragraph.Append($" ({span.Link})", style.Combine(Dim));
                    break;
                default:
                    var decoration = span.Kind switch
                    {
                        'B' => Decoration.Bold,
                        '~' => Decoration.Strikethrough,
                        _ => Decoration.Italic,
                    };
                    Append(paragraph, inner, style.Combine(new Style(decoration: decoration)));
                    break;
            }
            at = plain = span.End;
        }
        Flush();

        void Flush()
        {
            if (at > plain)
                paragraph.Append(text[plain..at], style);
        }
    }

    private readonly record struct Span(char Kind, int From, int To, int End, string Link = "");

    private static Span? Try(string text, int at)
    {
        var mark = text[at];
        switch (mark)
        {
            case '`':
            {
                var run = Run(text, at);
                for (var i = at + run; i < text.Length; i++)
                {
                    if (text[i] != '`')
                        continue;
                    var closing = Run(text, i);
                    if (closing == run)
                        return new Span('`', at + run, i, i + run);
                    i += closing - 1;
                }
                return null;
            }
            case '*' or '_' or '~':
            {
                var run = Run(text, at);
                var length = mark == '~' ? 2 : Math.Min(run, 2);
                if (run < length || (mark == '~' && run != 2))
                    return null;
                if (at + length >= text.Length || char.IsWhiteSpace(text[at + length]))
                    return null;
                // snake_case is no emphasis.
                if (mark == '_' && at > 0 && char.IsLetterOrDigit(text[at - 1]))
                    return null;
                for (var i = at + length; i <= text.Length - length; i++)
                {
                    if (text[i] == '`' && Try(text, i) is { } code)
                    {
                        i = code.End - 1;
                        continue;
                    }
                    if (text[i] != mark)
                        continue;
                    var closing = Run(text, i);
                    var fits = length == 1 ? closing is 1 or 3 : closing >= length;
                    var closes =
                        fits
                        && i > at + length
                        && !char.IsWhiteSpace(text[i - 1])
                        && (mark != '_' || i + closing >= text.Length || !char.IsLetterOrDigit(text[i + closing]));
                    if (closes)
                    {
                        var to = i + closing - length;
                        return new Span(
                            mark == '~' ? '~'
                                : length == 2 ? 'B'
                                : 'I',
                            at + length,
                            to,
                            to + length
                        );
                    }
                    i += closing - 1;
                }
                return null;
            }
            case '[':
            {
                var middle = text.IndexOf("](", at, StringComparison.Ordinal);
                if (middle < 0 || text.IndexOf('\n', at, middle - at) >= 0)
                    return null;
                var end = text.IndexOf(')', middle);
                return end < 0 ? null : new Span('[', at + 1, middle, end + 1, text[(middle + 2)..end]);
            }
            default:
                return null;
        }
    }

    private static int Run(string text, int at)
    {
        var end = at;
        while (end < text.Length && text[end] == text[at])
            end++;
        return end - at;
    }
}
