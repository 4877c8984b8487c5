using System.Buffers;
using System.Text;
using System.Text.Json;
using CodeLab.Modules.Llm.Calls;
using CodeLab.Modules.Llm.Translation.OpenAiChat;

namespace CodeLab.Modules.Llm.Translation.Published;

/// <summary>Writes answers of <c>POST /api/v1/completion</c> (protocol.md §9.2): calls whole, <c>done</c> last.</summary>
internal sealed class PublishedWriter(IBufferWriter<byte> output, AnswerHead head) : AnswerWriter(output, head)
{
    private readonly List<(int Index, string Id, string Name, StringBuilder Arguments)> _calls = [];

    public override void Begin(string? id) { }

    public override void Text(string piece)
    {
        var json = Start("content");
        json.WriteString("content", piece);
        End(json);
    }

    public override void Refusal(string piece) => Text(piece);

    // The published stream knows content and calls only.
    public override void Reasoning(string piece) { }

    public override void Signature(string signature) { }

    public override void RedactedReasoning(string data) { }

    public override void LogProbs(string json) { }

    public override void ToolCall(int index, string id, string name) => _calls.Add((index, id, name, new StringBuilder()));

    public override void Arguments(int index, string piece) => _calls.Find(c => c.Index == index).Arguments?.Append(piece);

    public override void End(StopReason reason, string? stopSequence, CallUsage usage)
    {
        foreach (var (_, id, name, arguments) in _calls)
        {
            var call = Start("tool_call");
            call.WriteString("id", id);
            call.WriteString("name", name);
            call.WriteString("arguments", arguments.Length == 0 ? "{}" : arguments.ToString());
            End(call);
        }
        End(Start("done"));
    }

    public override void Whole(CollectedAnswer answer)
    {
        var json = Json();
        json.WriteStartObject();
        json.WriteString("id", "cmpl-" + Head.Id);
        json.WriteString("model", Head.Model);
        json.WriteStartArray("choices");
        json.WriteStartObject();
        json.WriteStartObject("message");
        ChatWriter.WriteMessage(json, answer);
        json.WriteEndObject();
        json.WriteString("finish_reason", ChatWriter.ReasonOf(answer.Stop));
        json.WriteEndObject();
        json.WriteEndArray();
        ChatWriter.WriteUsage(json, answer.Usage);
        json.WriteEndObject();
        json.Flush();
    }

    private Utf8JsonWriter Start(string type)
    {
        Raw("data: "u8);
        var json = Json();
        json.WriteStartObject();
        json.WriteString("type", type);
        return json;
    }

    private void End(Utf8JsonWriter json)
    {
        json.WriteEndObject();
        json.Flush();
        Raw("\n\n"u8);
    }
}
