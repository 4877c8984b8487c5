using System.Buffers;
using System.Collections.Frozen;
using System.Text;
using System.Text.Json;
using CodeLab.BuildingBlocks.Results;
using CodeLab.Modules.Llm.Providers.Http;

namespace CodeLab.Modules.Llm.Admission;

/// <summary>
/// Refuses request members that would choose where a call goes, with which key, headers or organisation (security.md §9.1): some servers
/// behind us obey them. Any depth, any case, escaped or not. What a tool's schema describes, and what a tool call carries, is data of the
/// conversation and not a request to us: a tool may have a parameter called <c>headers</c>.
/// </summary>
internal static class SelectorFields
{
    private const int Longest = 32;

    private static readonly FrozenSet<string> Names = new[]
    {
        "api_base",
        "apibase",
        "base_url",
        "baseurl",
        "api_url",
        "endpoint_url",
        "azure_endpoint",
        "api_key",
        "apikey",
        "x-api-key",
        "openai_api_key",
        "anthropic_api_key",
        "azure_ad_token",
        "api_version",
        "api_type",
        "authorization",
        "headers",
        "extra_headers",
        "default_headers",
        "custom_headers",
        "http_headers",
        "organization",
        "organization_id",
        "openai_organization",
        "openai-organization",
        "custom_llm_provider",
        "proxy",
        "proxies",
        "http_proxy",
        "https_proxy",
        "aws_access_key_id",
        "aws_secret_access_key",
        "aws_session_token",
        "vertex_credentials",
    }.ToFrozenSet(StringComparer.OrdinalIgnoreCase);

    private static readonly FrozenSet<string>.AlternateLookup<ReadOnlySpan<char>> Lookup = Names.GetAlternateLookup<ReadOnlySpan<char>>();

    // By length first: most names are sorted out by one comparison.
    private static readonly bool[] Lengths = LengthsOf(Names);

    /// <summary>The error for the first such member; null when there is none. Text that is no JSON is for the door to refuse.</summary>
    public static Error? Find(in ReadOnlySequence<byte> body)
    {
        var reader = new Utf8JsonReader(body, new JsonReaderOptions { MaxDepth = 64, CommentHandling = JsonCommentHandling.Disallow });
        // Depth of the object that is a schema; 0 outside of one.
        var schemaDepth = 0;
        try
        {
            while (reader.Read())
            {
                if (reader.TokenType == JsonTokenType.EndObject && reader.CurrentDepth <= schemaDepth)
                    schemaDepth = 0;
                if (reader.TokenType != JsonTokenType.PropertyName)
                    continue;
                if (IsSelector(ref reader, out var name))
                    return Refused(name);
                if (schemaDepth == 0 && IsSchema(ref reader))
                {
                    if (reader.Read() && reader.TokenType == JsonTokenType.StartObject)
                        schemaDepth = reader.CurrentDepth;
                    continue;
                }
                if ((schemaDepth > 0 && IsMap(ref reader)) || IsCallData(ref reader))
                {
                    reader.Read();
                    reader.Skip();
                }
            }
        }
        catch (JsonException)
        {
            return null;
        }
        return null;
    }

    private static bool IsSelector(ref Utf8JsonReader reader, out string name)
    {
        name = "";
        var raw = reader.HasValueSequence ? (int)reader.ValueSequence.Length : reader.ValueSpan.Length;
        // An escape takes six bytes for one character.
        if (raw > Longest * 6 || (!reader.ValueIsEscaped && (raw > Longest || !Lengths[raw])))
            return false;
        Span<char> text = stackalloc char[Longest * 6];
        var length = reader.CopyString(text);
        if (length > Longest || !Lookup.Contains(text[..length]))
            return false;
        name = text[..length].ToString();
        return true;
    }

    private static bool IsSchema(ref Utf8JsonReader reader) =>
        reader.ValueTextEquals("parameters"u8) || reader.ValueTextEquals("input_schema"u8) || reader.ValueTextEquals("schema"u8);

    private static bool IsMap(ref Utf8JsonReader reader) =>
        reader.ValueTextEquals("properties"u8) || reader.ValueTextEquals("$defs"u8) || reader.ValueTextEquals("definitions"u8);

    // Top-level "input" is the conversation of the Responses dialect; deeper it is what a tool was called with.
    private static bool IsCallData(ref Utf8JsonReader reader) =>
        reader.CurrentDepth > 2 && (reader.ValueTextEquals("input"u8) || reader.ValueTextEquals("arguments"u8));

    private static Error Refused(string name) =>
        new(
            FailureCodes.InvalidRequest,
            $"The member '{name}' is not accepted: addresses, keys, headers and organisations of providers are set by administrators only. Leave it out.",
            400
        )
        {
            Details = new Dictionary<string, string>(StringComparer.Ordinal) { ["field"] = name },
        };

    private static bool[] LengthsOf(IEnumerable<string> names)
    {
        var lengths = new bool[Longest + 1];
        foreach (var name in names)
            lengths[Encoding.UTF8.GetByteCount(name)] = true;
        return lengths;
    }
}
