using System.Buffers;
using System.Globalization;
using System.Text.Json;
using CodeLab.Modules.Agent.Persistence;
using CodeLab.Protocol;
using CodeLab.Protocol.Rest;

namespace CodeLab.Modules.Agent.Sessions.Transfer;

/// <summary>The lines of an exported session.</summary>
internal static class ExportFormat
{
    public const string Name = "codelab.session";
    public const int Version = 1;
    private static readonly byte[] _lineFeed = "\n"u8.ToArray();
    private static readonly string _server = typeof(ExportFormat).Assembly.GetName().Version?.ToString(3) ?? "0";

    /// <summary>The first line.</summary>
    public static ReadOnlyMemory<byte> Header(SessionRow row, DateTimeOffset now)
    {
        var header = new SessionExportHeader
        {
            Format = Name,
            Version = Version,
            SessionId = row.Id,
            Title = row.Title,
            Events = row.LastSeq,
            ExportedAt = now,
            Server = _server,
        };
        return (byte[])[.. JsonSerializer.SerializeToUtf8Bytes(header, ProtocolJson.Default.SessionExportHeader), .. _lineFeed];
    }

    /// <summary>The line of an event. Its data is what the log holds, untouched.</summary>
    public static ReadOnlyMemory<byte> Line(LoggedEvent row)
    {
        var buffer = new ArrayBufferWriter<byte>(row.Payload.Length + 128);
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartObject();
            writer.WriteNumber("seq", row.Seq);
            writer.WriteString("type", row.Type);
            writer.WriteString("at", row.CreatedAt.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", CultureInfo.InvariantCulture));
            writer.WritePropertyName("data");
            // Written by our serializer and committed: it is not read again only to be sure.
            writer.WriteRawValue(row.Payload.Span, skipInputValidation: true);
            writer.WriteEndObject();
        }
        buffer.Write(_lineFeed);
        return buffer.WrittenMemory;
    }

    /// <summary>Reads the first line.</summary>
    /// <exception cref="ImportFault">It is none.</exception>
    public static SessionExportHeader ReadHeader(ReadOnlySpan<byte> line)
    {
        SessionExportHeader? header;
        try
        {
            header = JsonSerializer.Deserialize(line, ProtocolJson.Default.SessionExportHeader);
        }
        catch (JsonException)
        {
            throw new ImportFault(1, "this is not the header of an exported session.");
        }
        if (header?.Format != Name)
            throw new ImportFault(1, $"the format is not '{Name}': only exported sessions can be imported.");
        if (header.Version != Version)
            throw new ImportFault(1, $"version {header.Version} of the format is not known to this server; it reads version {Version}.");
        if (header.Events < 1)
            throw new ImportFault(1, "the header promises no events.");
        return header;
    }

    /// <summary>Reads the line of an event.</summary>
    /// <param name="line">The line.</param>
    /// <param name="number">Its number in the file, from 1.</param>
    /// <exception cref="ImportFault">It is none.</exception>
    public static LoggedEvent ReadLine(ReadOnlyMemory<byte> line, long number)
    {
        try
        {
            var reader = new Utf8JsonReader(line.Span);
            var root = JsonElement.ParseValue(ref reader);
            if (reader.BytesConsumed != line.Length)
                throw new ImportFault(number, "there is more than one JSON value.");
            if (
                root.ValueKind != JsonValueKind.Object
                || !root.TryGetProperty("seq", out var seq)
                || !seq.TryGetInt64(out var place)
                || !root.TryGetProperty("type", out var type)
                || type.GetString() is not { Length: > 0 and <= 256 } kind
                || !root.TryGetProperty("at", out var at)
                || !at.TryGetDateTimeOffset(out var time)
                || !root.TryGetProperty("data", out var data)
                || data.ValueKind != JsonValueKind.Object
            )
                throw new ImportFault(number, "an event has seq (a number), type, at (a time) and data (an object).");
            // At the log's precision, so that what is stored is what is read again.
            var utc = time.ToUniversalTime();
            return new(place, kind, System.Text.Encoding.UTF8.GetBytes(data.GetRawText()), utc.AddTicks(-(utc.Ticks % 10)));
        }
        catch (Exception fault) when (fault is JsonException or InvalidOperationException or FormatException)
        {
            throw new ImportFault(number, "this is not a JSON object on one line.");
        }
    }
}

/// <summary>What is wrong with a file that was to be imported.</summary>
internal sealed class ImportFault(long line, string problem) : Exception($"Line {line}: {problem}")
{
    /// <summary>Number of the line, from 1.</summary>
    public long Line => line;
}
