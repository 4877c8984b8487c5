using System.Buffers;
using System.Text.Json;

namespace CodeLab.Modules.Llm.PassThrough;

/// <summary>
/// Members by which a request could choose where it goes and as whom (security.md §9.1). Gateways and compatible servers behind a provider read
/// them, so they are refused at any depth and in any case, but for what belongs to tools.
/// </summary>
internal static class ReservedMembers
{
    private const int Shortest = 7;
    private const int Longest = 20;

    private static readonly string[] _names =
    [
        "api_base",
        "apibase",
        "base_url",
        "baseurl",
        "api_key",
        "apikey",
        "api_version",
        "api_type",
        "azure_endpoint",
        "organization",
        "openai_organization",
        "openai_api_key",
        "openai_api_base",
        "extra_headers",
        "headers",
        "proxy_url",
        "aws_bedrock_endpoint",
    ];

    private static readonly HashSet<string>.AlternateLookup<ReadOnlySpan<char>> _lookup = new HashSet<string>(
        _names,
        StringComparer.OrdinalIgnoreCase
    ).GetAlternateLookup<ReadOnlySpan<char>>();

    // First letters of the names, in both cases: most member names end here.
    private static readonly SearchValues<byte> _first = SearchValues.Create("abopehABOPEH"u8);

    /// <summary>True when the name the reader stands on is one of them.</summary>
    public static bool Contains(ref Utf8JsonReader reader)
    {
        if (!reader.HasValueSequence && !reader.ValueIsEscaped)
        {
            var name = reader.ValueSpan;
            if (name.Length is < Shortest or > Longest || !_first.Contains(name[0]))
                return false;
        }
        Span<char> text = stackalloc char[Longest * 6];
        var length = reader.HasValueSequence ? reader.ValueSequence.Length : reader.ValueSpan.Length;
        if (length > text.Length)
            return false;
        return _lookup.Contains(text[..reader.CopyString(text)]);
    }

    /// <summary>True when the value of this member is a schema or the arguments of a call, whose member names are the tool's own.</summary>
    public static bool IsToolsOwn(ref Utf8JsonReader reader) =>
        !reader.HasValueSequence
        && reader.ValueSpan.Length switch
        {
            5 => reader.ValueSpan.SequenceEqual("input"u8),
            6 => reader.ValueSpan.SequenceEqual("schema"u8),
            9 => reader.ValueSpan.SequenceEqual("arguments"u8),
            10 => reader.ValueSpan.SequenceEqual("parameters"u8),
            12 => reader.ValueSpan.SequenceEqual("input_schema"u8),
            _ => false,
        };
}
