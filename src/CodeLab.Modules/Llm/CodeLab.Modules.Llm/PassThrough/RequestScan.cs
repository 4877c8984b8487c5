using System.Buffers;
using System.Text;
using System.Text.Json;

namespace CodeLab.Modules.Llm.PassThrough;

/// <summary>
/// What the gate and the provider's copy of a request need to know of its body, found in one pass over the bytes as they lie in the connection's
/// buffers: no document is built and nothing is copied.
/// </summary>
internal struct RequestScan
{
    private const string NotJson = "The body is no JSON object. Check its syntax.";

    /// <summary>Name of the model as asked; null = none.</summary>
    public string? Model { get; private set; }

    public bool? Stream { get; private set; }

    public int? MaxOutputTokens { get; private set; }

    public double? Temperature { get; private set; }

    public bool HasTools { get; private set; }

    /// <summary>OpenAI Chat: the caller itself wants the usage of a stream.</summary>
    public bool AsksUsage { get; private set; }

    /// <summary>Where the model's name stands, its quotes included; start -1 = nowhere.</summary>
    public (long Start, int Length) ModelAt { get; private set; }

    /// <summary>Offset just behind the opening brace.</summary>
    public long FirstMember { get; private set; }

    /// <summary>How to ask for the usage of a stream where the caller does not.</summary>
    public BodyEdit UsageEdit { get; private set; }

    /// <summary>Reads a body.</summary>
    /// <returns>The facts, or a sentence about what is wrong.</returns>
    public static string? TryRead(in ReadOnlySequence<byte> body, out RequestScan scan)
    {
        scan = new RequestScan { ModelAt = (-1, 0) };
        var reader = new Utf8JsonReader(body);
        try
        {
            return scan.Read(ref reader);
        }
        catch (JsonException)
        {
            return NotJson;
        }
    }

    private string? Read(ref Utf8JsonReader reader)
    {
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
            return NotJson;
        FirstMember = reader.BytesConsumed;
        // Below this depth lies what belongs to tools: schemas and arguments, whose member names are anybody's.
        var ownDepth = int.MaxValue;
        while (reader.Read())
        {
            if (reader.TokenType != JsonTokenType.PropertyName)
                continue;
            if (reader.CurrentDepth <= ownDepth)
                ownDepth = int.MaxValue;
            if (reader.CurrentDepth == 1)
            {
                if (ReadMember(ref reader) is { } fault)
                    return fault;
                if (reader.TokenType != JsonTokenType.PropertyName)
                    continue;
            }
            if (ownDepth != int.MaxValue)
                continue;
            if (ReservedMembers.Contains(ref reader))
                return "The request may not choose the provider's address, key, headers or organisation.";
            if (reader.CurrentDepth > 1 && ReservedMembers.IsToolsOwn(ref reader))
                ownDepth = reader.CurrentDepth;
        }
        // Nothing but white space may follow; the reader has thrown otherwise.
        return null;
    }

    /// <summary>Reads a member of the outermost object; leaves the reader on the name where the value holds more to look at.</summary>
    private string? ReadMember(ref Utf8JsonReader reader)
    {
        switch (reader.HasValueSequence ? (int)reader.ValueSequence.Length : reader.ValueSpan.Length)
        {
            case 5 when reader.ValueTextEquals("model"u8):
                return ReadModel(ref reader);
            case 5 when reader.ValueTextEquals("tools"u8):
                HasTools = true;
                return null;
            case 6 when reader.ValueTextEquals("stream"u8):
                reader.Read();
                if (Stream is not null || reader.TokenType is not (JsonTokenType.True or JsonTokenType.False or JsonTokenType.Null))
                    return "stream must be given once, as true or false.";
                Stream = reader.TokenType == JsonTokenType.True;
                return null;
            case 9 when reader.ValueTextEquals("functions"u8):
                HasTools = true;
                return null;
            case 10 when reader.ValueTextEquals("max_tokens"u8):
            case 17 when reader.ValueTextEquals("max_output_tokens"u8):
            case 21 when reader.ValueTextEquals("max_completion_tokens"u8):
                reader.Read();
                if (reader.TokenType == JsonTokenType.Number && reader.TryGetInt32(out var most))
                    MaxOutputTokens = most;
                else if (reader.TokenType != JsonTokenType.Null)
                    return "The most tokens to write must be a whole number.";
                return null;
            case 11 when reader.ValueTextEquals("temperature"u8):
                reader.Read();
                Temperature = reader.TokenType == JsonTokenType.Number ? reader.GetDouble() : null;
                return null;
            case 14 when reader.ValueTextEquals("stream_options"u8):
                ReadStreamOptions(ref reader);
                return null;
            default:
                // A name written with escapes could hide what is decided here from us, and not from the provider.
                return reader.ValueIsEscaped ? "Member names of the request may not be written with escapes." : null;
        }
    }

    private string? ReadModel(ref Utf8JsonReader reader)
    {
        if (ModelAt.Start >= 0)
            return "model is given twice.";
        reader.Read();
        if (reader.TokenType is not (JsonTokenType.String or JsonTokenType.Null))
            return "model must be a text.";
        ModelAt = (reader.TokenStartIndex, (int)(reader.BytesConsumed - reader.TokenStartIndex));
        Model = reader.GetString();
        return null;
    }

    private void ReadStreamOptions(ref Utf8JsonReader reader)
    {
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            UsageEdit = new(reader.TokenStartIndex, (int)(reader.BytesConsumed - reader.TokenStartIndex), BodyEdit.WholeOptions);
            return;
        }
        var inside = reader.BytesConsumed;
        var members = 0;
        while (reader.Read() && reader.TokenType != JsonTokenType.EndObject)
        {
            members++;
            var isUsage = reader.ValueTextEquals("include_usage"u8);
            reader.Read();
            if (isUsage)
            {
                AsksUsage = reader.TokenType == JsonTokenType.True;
                UsageEdit = new(reader.TokenStartIndex, (int)(reader.BytesConsumed - reader.TokenStartIndex), "true"u8.ToArray());
            }
            reader.Skip();
        }
        if (UsageEdit.Text is null)
            UsageEdit = new(inside, 0, Encoding.UTF8.GetBytes(members == 0 ? "\"include_usage\":true" : "\"include_usage\":true,"));
    }
}

/// <summary>A change of a body: some bytes give way to others.</summary>
/// <param name="At">Offset.</param>
/// <param name="Length">Bytes that go.</param>
/// <param name="Text">Bytes that come; null = no change.</param>
internal readonly record struct BodyEdit(long At, int Length, byte[]? Text)
{
    /// <summary>Value of <c>stream_options</c> that asks for the usage.</summary>
    public static readonly byte[] WholeOptions = """{"include_usage":true}"""u8.ToArray();

    /// <summary>The same as first member of a body.</summary>
    public static readonly byte[] WholeMember = "\"stream_options\":{\"include_usage\":true},"u8.ToArray();
}
