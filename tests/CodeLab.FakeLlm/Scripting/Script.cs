using System.Text.Json.Serialization;

namespace CodeLab.FakeLlm;

/// <summary>How a script finds the reply for a request.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<ScriptMode>))]
public enum ScriptMode
{
    /// <summary>
    /// The reply's index is the number of assistant turns already in the request. The server keeps no position, so a repeated call
    /// (a retry, or a host that was killed and started again) gets the same reply, and any number of conversations may share a script.
    /// </summary>
    [JsonStringEnumMemberName("by_turn")]
    ByTurn,

    /// <summary>
    /// Each request takes the next reply, whoever asks. For hosts that rewrite their history (compaction), and for a list of
    /// faults seen by one caller. A fault limited to some tries does not move the position.
    /// </summary>
    [JsonStringEnumMemberName("sequential")]
    Sequential,
}

/// <summary>
/// An ordered list of replies, as C# object or as JSON file (the same names in snake_case).
/// Replies without <see cref="ScriptedReply.When"/> are taken in order; those with it stand outside the order and win whenever they match.
/// </summary>
public sealed record Script
{
    /// <summary>Name used by the marker <c>[[script:NAME]]</c> in a user message; without name it is the default script.</summary>
    public string? Name { get; init; }

    /// <summary>How the next reply is found. Default <see cref="ScriptMode.ByTurn"/>.</summary>
    public ScriptMode Mode { get; init; }

    /// <summary>Agent named to routing requests of this script's conversations; null: the server's own answer.</summary>
    public string? Route { get; init; }

    /// <summary>The replies.</summary>
    public IReadOnlyList<ScriptedReply> Replies { get; init; } = [];

    /// <summary>Text answered when no reply is left; null: a sentence that says so.</summary>
    public string? Exhausted { get; init; }

    /// <summary>The last reply is given for ever instead of <see cref="Exhausted"/> (load tests).</summary>
    public bool RepeatLast { get; init; }
}

/// <summary>One answer of the model: content, numbers, timing and faults.</summary>
public sealed record ScriptedReply
{
    /// <summary>Which requests get this reply out of order; null: it stands in the ordered list.</summary>
    public ReplyCondition? When { get; init; }

    /// <summary>Text of the answer.</summary>
    public string? Text { get; init; }

    /// <summary>Reasoning before the text: <c>reasoning_content</c>, a signed <c>thinking</c> block, <c>thinking</c>.</summary>
    public string? Reasoning { get; init; }

    /// <summary>Tool calls after the text, all in one answer.</summary>
    public IReadOnlyList<ScriptedToolCall> ToolCalls { get; init; } = [];

    /// <summary>Reported usage; null: a quarter of the characters, at least 1.</summary>
    public ScriptedUsage? Usage { get; init; }

    /// <summary><c>stop</c>, <c>tool_calls</c>, <c>length</c>, <c>content_filter</c> (translated per dialect) or any other text as it is. Default: by content.</summary>
    public string? FinishReason { get; init; }

    /// <summary>Characters in a streamed delta of text, reasoning or tool arguments.</summary>
    public int DeltaSize { get; init; } = 12;

    /// <summary>Milliseconds before the first byte, headers included.</summary>
    public int FirstByteDelayMs { get; init; }

    /// <summary>Milliseconds between two deltas.</summary>
    public int DeltaDelayMs { get; init; }

    /// <summary>Gates at which the answer waits until released.</summary>
    public IReadOnlyList<Hold> Holds { get; init; } = [];

    /// <summary>Faults, in order; each lasts <see cref="Fault.Tries"/> tries or for ever.</summary>
    public IReadOnlyList<Fault> Faults { get; init; } = [];

    /// <summary>Response headers besides the dialect's own.</summary>
    public IReadOnlyDictionary<string, string> Headers { get; init; } = new Dictionary<string, string>(StringComparer.Ordinal);

    /// <summary>Members added to every JSON object at its top level: what a provider may send and nobody knows.</summary>
    public System.Text.Json.Nodes.JsonObject? Extra { get; init; }

    /// <summary>The whole response body, byte for byte, instead of everything above but timing, gates and faults. Each line counts as a delta.</summary>
    public string? Raw { get; init; }
}

/// <summary>A tool call of the model.</summary>
public sealed record ScriptedToolCall
{
    /// <summary>Tool name as the request offered it (it need not be offered: models invent tools).</summary>
    public required string Name { get; init; }

    /// <summary>Arguments object.</summary>
    public System.Text.Json.Nodes.JsonNode? Arguments { get; init; }

    /// <summary>Arguments as raw text instead, valid JSON or not.</summary>
    public string? ArgumentsText { get; init; }

    /// <summary>Call id; null: made from the request, so the same for a repeated call and different in another conversation.</summary>
    public string? Id { get; init; }
}

/// <summary>Usage in tokens. <see cref="InputTokens"/> includes the cached ones, as OpenAI counts; the Anthropic dialect subtracts them.</summary>
public sealed record ScriptedUsage
{
    /// <summary>All input tokens.</summary>
    public int InputTokens { get; init; }

    /// <summary>All output tokens, reasoning included.</summary>
    public int OutputTokens { get; init; }

    /// <summary>Input tokens read from the provider's cache.</summary>
    public int CacheReadTokens { get; init; }

    /// <summary>Input tokens written to the provider's cache (Anthropic only).</summary>
    public int CacheWriteTokens { get; init; }

    /// <summary>Output tokens spent on reasoning (OpenAI only).</summary>
    public int ReasoningTokens { get; init; }
}

/// <summary>A gate in an answer.</summary>
/// <param name="Gate">Name by which a test releases it.</param>
/// <param name="After">Deltas sent before waiting; 0: headers and opening frames are out, no delta; null: before the first byte. More than there are: before the closing frames.</param>
public sealed record Hold(string Gate, int? After = null);
