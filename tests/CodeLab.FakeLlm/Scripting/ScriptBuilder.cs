using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace CodeLab.FakeLlm;

/// <summary>
/// Writes a script in C#: content methods fill the current reply, <see cref="Then"/> begins the next.
/// <c>script.ToolCall("write_file", new { path = "a.txt" }).Then().Text("Understood.")</c>
/// </summary>
public sealed class ScriptBuilder
{
    private static readonly JsonSerializerOptions Arguments = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
    private readonly List<ScriptedReply> _done = [];
    private ScriptedReply _reply = new();
    private Script _script = new();

    /// <summary>Begins the next reply.</summary>
    public ScriptBuilder Then()
    {
        _done.Add(_reply);
        _reply = new ScriptedReply();
        return this;
    }

    /// <summary>Text of the reply; a second call appends.</summary>
    public ScriptBuilder Text(string text) => Change(r => r with { Text = r.Text + text });

    /// <summary>Reasoning before the text.</summary>
    public ScriptBuilder Reasoning(string text) => Change(r => r with { Reasoning = r.Reasoning + text });

    /// <summary>A tool call; several make one answer with parallel calls. Members of <paramref name="arguments"/> are written as they are named.</summary>
    public ScriptBuilder ToolCall(string name, object? arguments = null, string? id = null) =>
        Change(r =>
            r with
            {
                ToolCalls =
                [
                    .. r.ToolCalls,
                    new ScriptedToolCall
                    {
                        Name = name,
                        Id = id,
                        Arguments = arguments as JsonNode ?? JsonSerializer.SerializeToNode(arguments ?? new { }, Arguments),
                    },
                ],
            }
        );

    /// <summary>A tool call whose arguments are this very text, valid JSON or not.</summary>
    public ScriptBuilder RawToolCall(string name, string argumentsText, string? id = null) =>
        Change(r =>
            r with
            {
                ToolCalls =
                [
                    .. r.ToolCalls,
                    new ScriptedToolCall
                    {
                        Name = name,
                        Id = id,
                        ArgumentsText = argumentsText,
                    },
                ],
            }
        );

    /// <summary>Reported usage in tokens.</summary>
    public ScriptBuilder Usage(
        int inputTokens,
        int outputTokens,
        int cacheReadTokens = 0,
        int cacheWriteTokens = 0,
        int reasoningTokens = 0
    ) =>
        Change(r =>
            r with
            {
                Usage = new ScriptedUsage
                {
                    InputTokens = inputTokens,
                    OutputTokens = outputTokens,
                    CacheReadTokens = cacheReadTokens,
                    CacheWriteTokens = cacheWriteTokens,
                    ReasoningTokens = reasoningTokens,
                },
            }
        );

    /// <summary>Finish reason; see <see cref="ScriptedReply.FinishReason"/>.</summary>
    public ScriptBuilder Finish(string reason) => Change(r => r with { FinishReason = reason });

    /// <summary>Characters a delta.</summary>
    public ScriptBuilder DeltaSize(int characters) => Change(r => r with { DeltaSize = characters });

    /// <summary>Delay before the first byte and between deltas.</summary>
    public ScriptBuilder Slow(TimeSpan beforeFirstByte = default, TimeSpan betweenDeltas = default) =>
        Change(r =>
            r with
            {
                FirstByteDelayMs = (int)beforeFirstByte.TotalMilliseconds,
                DeltaDelayMs = (int)betweenDeltas.TotalMilliseconds,
            }
        );

    /// <summary>Waits at a gate after that many deltas (null: before the first byte) until <see cref="FakeLlmServer.Release"/>.</summary>
    public ScriptBuilder Hold(string gate, int? after = null) => Change(r => r with { Holds = [.. r.Holds, new Hold(gate, after)] });

    /// <summary>A fault of this reply, for the first <paramref name="tries"/> tries or for ever. Several follow one another.</summary>
    public ScriptBuilder Fails(Fault fault, int? tries = null) =>
        Change(r => r with { Faults = [.. r.Faults, tries is null ? fault : fault with { Tries = tries }] });

    /// <summary>Makes the reply conditional: it leaves the ordered list and wins whenever the condition holds.</summary>
    public ScriptBuilder When(
        string? model = null,
        string? userContains = null,
        string? systemContains = null,
        string? toolResult = null,
        string? toolResultContains = null,
        string? dialect = null,
        int? turn = null
    ) =>
        Change(r =>
            r with
            {
                When = new ReplyCondition
                {
                    Model = model,
                    UserContains = userContains,
                    SystemContains = systemContains,
                    ToolResult = toolResult,
                    ToolResultContains = toolResultContains,
                    Dialect = dialect,
                    Turn = turn,
                },
            }
        );

    /// <summary>The reply answers routing requests.</summary>
    public ScriptBuilder WhenRouting() => Change(r => r with { When = new ReplyCondition { Route = true } });

    /// <summary>A response header.</summary>
    public ScriptBuilder Header(string name, string value) =>
        Change(r => r with { Headers = new Dictionary<string, string>(r.Headers, StringComparer.OrdinalIgnoreCase) { [name] = value } });

    /// <summary>Members that no client knows, added to every JSON object.</summary>
    public ScriptBuilder Extra(object members) =>
        Change(r => r with { Extra = JsonSerializer.SerializeToNode(members, Arguments)!.AsObject() });

    /// <summary>The response body byte for byte.</summary>
    public ScriptBuilder Raw(string body) => Change(r => r with { Raw = body });

    /// <summary>Each request takes the next reply, instead of counting the assistant turns of the request.</summary>
    public ScriptBuilder Sequential()
    {
        _script = _script with { Mode = ScriptMode.Sequential };
        return this;
    }

    /// <summary>The last reply is given for ever.</summary>
    public ScriptBuilder RepeatLast()
    {
        _script = _script with { RepeatLast = true };
        return this;
    }

    /// <summary>Text given when no reply is left.</summary>
    public ScriptBuilder WhenExhausted(string text)
    {
        _script = _script with { Exhausted = text };
        return this;
    }

    /// <summary>Agent named to routing requests of this script's conversations.</summary>
    public ScriptBuilder Route(string agent)
    {
        _script = _script with { Route = agent };
        return this;
    }

    /// <summary>The script written so far.</summary>
    public Script Build(string? name = null) => _script with { Name = name, Replies = [.. _done, _reply] };

    private ScriptBuilder Change(Func<ScriptedReply, ScriptedReply> change)
    {
        _reply = change(_reply);
        return this;
    }
}
