using System.Globalization;
using CodeLab.BuildingBlocks.Secrets;
using Serilog.Events;
using Serilog.Formatting;
using Serilog.Formatting.Compact;

namespace CodeLab.Host.Logging;

/// <summary>
/// The last filter before a log line leaves the process (security.md §13): values are cut to 2 KiB, control characters are escaped, and
/// whatever looks like a secret is masked in the finished line, wherever it came from: message, value, exception or scope.
/// </summary>
internal sealed class RedactingFormatter : ITextFormatter
{
    private const int LongestValue = 2048;
    private const int LongestException = 16 * 1024;
    private readonly RenderedCompactJsonFormatter _json = new();

    public void Format(LogEvent logEvent, TextWriter output)
    {
        ArgumentNullException.ThrowIfNull(logEvent);
        ArgumentNullException.ThrowIfNull(output);
        using var line = new StringWriter(CultureInfo.InvariantCulture);
        _json.Format(Bounded(logEvent), line);
        output.Write(Redaction.Mask(line.ToString()));
    }

    private static LogEvent Bounded(LogEvent logEvent)
    {
        if (logEvent.Exception is null && logEvent.Properties.All(p => IsShort(p.Value)))
            return logEvent;
        return new LogEvent(
            logEvent.Timestamp,
            logEvent.Level,
            logEvent.Exception is { } exception ? new CutException(Redaction.Cut(exception.ToString(), LongestException)) : null,
            logEvent.MessageTemplate,
            logEvent.Properties.Select(p => new LogEventProperty(p.Key, Bounded(p.Value))),
            logEvent.TraceId ?? default,
            logEvent.SpanId ?? default
        );
    }

    private static bool IsShort(LogEventPropertyValue value) =>
        value switch
        {
            ScalarValue { Value: string text } => text.Length <= LongestValue && !Redaction.HasControls(text),
            ScalarValue => true,
            _ => false,
        };

    private static LogEventPropertyValue Bounded(LogEventPropertyValue value) =>
        value switch
        {
            ScalarValue { Value: string text } => new ScalarValue(Redaction.Cut(Redaction.EscapeControls(text), LongestValue)),
            SequenceValue many => new SequenceValue(many.Elements.Take(100).Select(Bounded)),
            StructureValue structure => new StructureValue(
                structure.Properties.Select(p => new LogEventProperty(p.Name, Bounded(p.Value))),
                structure.TypeTag
            ),
            DictionaryValue dictionary => new DictionaryValue(
                dictionary.Elements.Take(100).Select(e => KeyValuePair.Create(e.Key, Bounded(e.Value)))
            ),
            _ => value,
        };

    /// <summary>Stands for an exception whose text was cut; the formatter writes nothing but the text.</summary>
    private sealed class CutException(string text) : Exception
    {
        public override string ToString() => text;
    }
}
