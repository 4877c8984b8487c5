using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace CodeLab.FakeLlm;

/// <summary>A reply cut into deltas with its numbers filled in: what a dialect writes down.</summary>
internal sealed class Plan
{
    private Plan(ChatView chat, Choice choice, long created)
    {
        Chat = chat;
        Reply = choice.Reply;
        Fault = choice.Fault;
        Created = created;
        Seed = $"{choice.Script}/{choice.Index}/{chat.Fingerprint}";
        ReasoningDeltas = Split(Reply.Reasoning, Reply.DeltaSize);
        TextDeltas = Split(Reply.Text, Reply.DeltaSize);
        if (Fault is { Kind: FaultKind.LongLine } fault)
            TextDeltas.Insert(Math.Clamp(fault.After ?? 0, 0, TextDeltas.Count), new string('x', fault.Bytes));
        ToolCalls = [.. Reply.ToolCalls.Select((call, i) => new PlannedToolCall(call, $"{Seed}/{i}", Reply.DeltaSize))];
        FinishReason = Reply.FinishReason ?? (ToolCalls.Count > 0 ? "tool_calls" : "stop");
        Usage = Reply.Usage ?? Estimate();
    }

    public ChatView Chat { get; }
    public ScriptedReply Reply { get; }
    public Fault? Fault { get; }

    /// <summary>Unix seconds.</summary>
    public long Created { get; }
    public string Seed { get; }
    public List<string> ReasoningDeltas { get; }
    public List<string> TextDeltas { get; }
    public IReadOnlyList<PlannedToolCall> ToolCalls { get; }
    public string FinishReason { get; }
    public ScriptedUsage Usage { get; }
    public string Text => string.Concat(TextDeltas);
    public string Reasoning => string.Concat(ReasoningDeltas);

    public static Plan For(ChatView chat, Choice choice, TimeProvider time) => new(chat, choice, time.GetUtcNow().ToUnixTimeSeconds());

    /// <summary>Adds the script's unknown members and writes the object.</summary>
    public string Write(JsonObject body)
    {
        foreach (var (name, value) in Reply.Extra ?? [])
            body[name] = value?.DeepClone();
        return Json.Write(body);
    }

    /// <summary>Cuts at characters of the given size; never inside a surrogate pair.</summary>
    internal static List<string> Split(string? text, int size)
    {
        var deltas = new List<string>();
        var delta = new StringBuilder();
        foreach (var rune in (text ?? "").EnumerateRunes())
        {
            delta.Append(rune);
            if (delta.Length < size)
                continue;
            deltas.Add(delta.ToString());
            delta.Clear();
        }

        if (delta.Length > 0)
            deltas.Add(delta.ToString());
        return deltas;
    }

    private ScriptedUsage Estimate() =>
        new()
        {
            InputTokens = InputTokens(Chat),
            OutputTokens = Math.Max(1, (Text.Length + Reasoning.Length + ToolCalls.Sum(c => c.Name.Length + c.ArgumentsText.Length)) / 4),
        };

    /// <summary>A quarter of the characters: near enough to reality to be plausible, simple enough to be foreseen.</summary>
    public static int InputTokens(ChatView chat) =>
        Math.Max(
            1,
            (
                chat.SystemText.Length
                + chat.Messages.Sum(m => m.Text.Length + m.ToolCalls.Sum(c => c.ArgumentsText.Length))
                + chat.Tools.Sum(t => t.Schema.GetRawText().Length)
            ) / 4
        );
}

/// <summary>A tool call with id and argument text.</summary>
internal sealed class PlannedToolCall(ScriptedToolCall call, string seed, int deltaSize)
{
    private static readonly JsonSerializerOptions Relaxed = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public string Name => call.Name;

    public string ArgumentsText { get; } = call.ArgumentsText ?? call.Arguments?.ToJsonString(Relaxed) ?? "{}";

    public List<string> Fragments => Plan.Split(ArgumentsText, deltaSize);

    /// <summary>The arguments as object; null when the script's text is none.</summary>
    public JsonObject? Arguments
    {
        get
        {
            try
            {
                return JsonNode.Parse(ArgumentsText) as JsonObject;
            }
            catch (JsonException)
            {
                return null;
            }
        }
    }

    public string Id(string prefix) => call.Id ?? Json.Id(prefix, seed);
}
