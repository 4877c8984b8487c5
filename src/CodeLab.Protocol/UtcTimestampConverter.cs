using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace CodeLab.Protocol;

/// <summary>
/// Writes times as ISO-8601 UTC ending in <c>Z</c> with milliseconds, because Dart's parser reads at most six fractional digits
/// (protocol.md, global conventions). Reads any ISO-8601 time.
/// </summary>
public sealed class UtcTimestampConverter : JsonConverter<DateTimeOffset>
{
    /// <inheritdoc/>
    public override DateTimeOffset Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        reader.GetDateTimeOffset();

    /// <inheritdoc/>
    public override void Write(Utf8JsonWriter writer, DateTimeOffset value, JsonSerializerOptions options)
    {
        ArgumentNullException.ThrowIfNull(writer);
        Span<byte> text = stackalloc byte[32];
        if (value.UtcDateTime.TryFormat(text, out var written, "yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture))
            writer.WriteStringValue(text[..written]);
    }
}
