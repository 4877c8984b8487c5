using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Unicode;

namespace CodeLab.Modules.Auth.Pages;

/// <summary>
/// Markup. It is written as an interpolated string in which everything between braces is encoded unless it is markup itself, so that a
/// name, a program's claim or a message never becomes part of a page (docs/adr/0007).
/// </summary>
internal readonly struct Html
{
    private readonly string? _markup;

    private Html(string markup) => _markup = markup;

    public static Html Empty => default;

    public bool IsEmpty => string.IsNullOrEmpty(_markup);

    /// <summary>Markup from a literal with encoded values. Values stand in text or in quoted attributes, nowhere else.</summary>
    public static Html Of(Builder builder) => new(builder.Finish());

    /// <summary>Markup of our own, from a constant.</summary>
    public static Html Literal([System.Diagnostics.CodeAnalysis.ConstantExpected] string markup) => new(markup);

    public static Html Join(IEnumerable<Html> parts) => new(string.Concat(parts));

    public override string ToString() => _markup ?? "";

    [InterpolatedStringHandler]
    internal readonly ref struct Builder
    {
        private static readonly HtmlEncoder _encoder = HtmlEncoder.Create(UnicodeRanges.All);
        private readonly StringBuilder _text;

        public Builder(int literalLength, int formattedCount) => _text = new(literalLength + (formattedCount * 32));

        public void AppendLiteral(string value)
        {
            _text.Append(value);
            // An attribute without quotes could be left by a space in its value.
            if (value.EndsWith('='))
                throw new InvalidOperationException("A value in markup stands outside of quotes");
        }

        public void AppendFormatted(string? value)
        {
            if (!string.IsNullOrEmpty(value))
                _text.Append(_encoder.Encode(value));
        }

        public void AppendFormatted(Html value) => _text.Append(value.ToString());

        public void AppendFormatted(int value) => _text.Append(System.Globalization.CultureInfo.InvariantCulture, $"{value}");

        public void AppendFormatted(IEnumerable<Html> values)
        {
            foreach (var value in values)
                _text.Append(value.ToString());
        }

        internal string Finish() => _text.ToString();
    }
}
