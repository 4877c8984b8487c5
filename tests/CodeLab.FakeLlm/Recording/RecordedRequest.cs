using System.Text.Json;
using System.Text.Json.Serialization;

namespace CodeLab.FakeLlm;

/// <summary>How an answer ended.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<RequestOutcome>))]
public enum RequestOutcome
{
    /// <summary>Still being answered.</summary>
    [JsonStringEnumMemberName("open")]
    Open,

    /// <summary>Answered in full, a status fault included.</summary>
    [JsonStringEnumMemberName("completed")]
    Completed,

    /// <summary>The caller left before the end.</summary>
    [JsonStringEnumMemberName("client_left")]
    ClientLeft,

    /// <summary>A fault cut or ended the answer.</summary>
    [JsonStringEnumMemberName("cut")]
    Cut,

    /// <summary>The fake was stopped before the end.</summary>
    [JsonStringEnumMemberName("stopped")]
    Stopped,

    /// <summary>A fault of the fake itself; see <see cref="RecordedRequest.Failure"/>.</summary>
    [JsonStringEnumMemberName("failed")]
    Failed,
}

/// <summary>One HTTP request to the fake, whatever its path, with what became of it.</summary>
public sealed class RecordedRequest
{
    private readonly TaskCompletionSource<RequestOutcome> _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile int _outcome;

    internal RecordedRequest(int number, DateTimeOffset time, string method, string path, string query)
    {
        Number = number;
        Time = time;
        Method = method;
        Path = path;
        Query = query;
    }

    /// <summary>1 for the first request since start or reset.</summary>
    public int Number { get; }

    /// <summary>When it came.</summary>
    public DateTimeOffset Time { get; }

    /// <summary>HTTP method.</summary>
    public string Method { get; }

    /// <summary>Path.</summary>
    public string Path { get; }

    /// <summary>Query with its question mark, or empty.</summary>
    public string Query { get; }

    /// <summary>Headers; several values of one name joined by commas.</summary>
    public IReadOnlyDictionary<string, string> Headers { get; internal init; } =
        new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);

    /// <summary>Body as text.</summary>
    public string BodyText { get; internal init; } = "";

    /// <summary>Body as JSON; undefined when it is none.</summary>
    public JsonElement Body { get; internal init; }

    /// <summary>Key from <c>Authorization: Bearer</c>, <c>x-api-key</c> or <c>api-key</c>.</summary>
    public string? ApiKey { get; internal init; }

    /// <summary>The request in the common form, when it was a well-formed chat request.</summary>
    public ChatView? Chat { get; internal set; }

    /// <summary>Dialect of the path asked: <c>openai</c>, <c>responses</c>, <c>anthropic</c>, <c>ollama</c>; null for unknown paths.</summary>
    public string? Dialect { get; internal set; }

    /// <summary>Script that gave the reply; empty when none did.</summary>
    public string? Script { get; internal set; }

    /// <summary>Index of the reply in the script; -1 for routing answers and exhausted scripts.</summary>
    public int? ReplyIndex { get; internal set; }

    /// <summary>HTTP status answered; 0 when the connection was cut before.</summary>
    public int Status { get; internal set; }

    /// <summary>Deltas sent in full.</summary>
    public int DeltasSent { get; internal set; }

    /// <summary>What the fake itself did wrong or refused.</summary>
    public string? Failure { get; internal set; }

    /// <summary>It stands in the log.</summary>
    internal bool Logged { get; set; }

    /// <summary>How the answer ended, so far.</summary>
    public RequestOutcome Outcome => (RequestOutcome)_outcome;

    /// <summary>The caller left before the end.</summary>
    public bool ClientLeft => Outcome == RequestOutcome.ClientLeft;

    /// <summary>Completes with the outcome when the answer has ended.</summary>
    [JsonIgnore]
    public Task<RequestOutcome> Ended => _ended.Task;

    /// <summary>Model asked; empty when it was no chat request.</summary>
    public string Model => Chat?.Model ?? "";

    /// <summary>Treated as a routing call.</summary>
    public bool IsRouting => Chat is { IsRouting: true };

    /// <summary>System text.</summary>
    [JsonIgnore]
    public string SystemText => Required().SystemText;

    /// <summary>Messages without the system's.</summary>
    [JsonIgnore]
    public IReadOnlyList<ChatViewMessage> Messages => Required().Messages;

    /// <summary>Tools offered.</summary>
    [JsonIgnore]
    public IReadOnlyList<ChatViewTool> Tools => Required().Tools;

    /// <summary>Text of the last user message.</summary>
    [JsonIgnore]
    public string LastUserText => Required().LastUserText;

    /// <summary>The newest result of a tool, as the model was told it.</summary>
    /// <exception cref="InvalidOperationException">No result of this tool was sent; the message lists those that were.</exception>
    public string ToolResult(string tool) =>
        ToolResults(tool) is [.., var newest]
            ? newest
            : throw new InvalidOperationException(
                $"Request {Number} holds no result of '{tool}', but of: {string.Join(", ", Messages.Where(m => m.Role == "tool").Select(m => m.ToolName))}."
            );

    /// <summary>All results of a tool, oldest first.</summary>
    public IReadOnlyList<string> ToolResults(string tool) =>
        [.. Messages.Where(m => m.Role == "tool" && m.ToolName == tool).Select(m => m.Text)];

    internal void End(RequestOutcome outcome)
    {
        _outcome = (int)outcome;
        _ended.TrySetResult(outcome);
    }

    private ChatView Required() => Chat ?? throw new InvalidOperationException($"Request {Number} ({Method} {Path}) is no chat request.");
}
