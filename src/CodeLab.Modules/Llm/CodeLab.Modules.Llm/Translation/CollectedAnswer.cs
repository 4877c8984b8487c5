using System.Text;
using CodeLab.Modules.Llm.Calls;

namespace CodeLab.Modules.Llm.Translation;

/// <summary>An answer that is no stream, gathered before it is written: blocks in their order.</summary>
internal sealed class CollectedAnswer : AnswerSink
{
    public string? Id { get; private set; }

    public List<AnswerBlock> Blocks { get; } = [];

    public string? LogProbsJson { get; private set; }

    public StopReason Stop { get; private set; }

    public string? StopSequence { get; private set; }

    public CallUsage Usage { get; private set; }

    public IEnumerable<AnswerBlock> Calls => Blocks.Where(b => b.Kind == BlockKind.ToolCall);

    /// <summary>All text of a kind; null when there is none.</summary>
    public string? TextOf(BlockKind kind)
    {
        var found = Blocks.Where(b => b.Kind == kind).ToList();
        return found.Count == 0 ? null : string.Concat(found.Select(b => b.Text.ToString()));
    }

    public override void Begin(string? id) => Id = id;

    public override void Text(string piece) => Last(BlockKind.Text).Text.Append(piece);

    public override void Refusal(string piece) => Last(BlockKind.Refusal).Text.Append(piece);

    public override void Reasoning(string piece)
    {
        var block = Last(BlockKind.Reasoning);
        // A signature ends the block it signs.
        if (block.Signature is not null)
            Blocks.Add(block = new AnswerBlock(BlockKind.Reasoning));
        block.Text.Append(piece);
    }

    public override void Signature(string signature) => Last(BlockKind.Reasoning).Signature = signature;

    public override void RedactedReasoning(string data) => Blocks.Add(new AnswerBlock(BlockKind.RedactedReasoning) { Signature = data });

    public override void ToolCall(int index, string id, string name) =>
        Blocks.Add(
            new AnswerBlock(BlockKind.ToolCall)
            {
                Index = index,
                Id = id,
                Name = name,
            }
        );

    public override void Arguments(int index, string piece) =>
        Blocks.FindLast(b => b.Kind == BlockKind.ToolCall && b.Index == index)?.Text.Append(piece);

    public override void LogProbs(string json) => LogProbsJson = json;

    public override void End(StopReason reason, string? stopSequence, CallUsage usage) =>
        (Stop, StopSequence, Usage) = (reason, stopSequence, usage);

    private AnswerBlock Last(BlockKind kind)
    {
        if (Blocks is [.., var last] && last.Kind == kind)
            return last;
        var block = new AnswerBlock(kind);
        Blocks.Add(block);
        return block;
    }
}

internal enum BlockKind
{
    Text,
    Refusal,
    Reasoning,
    RedactedReasoning,
    ToolCall,
}

/// <summary>A block of an answer.</summary>
internal sealed class AnswerBlock(BlockKind kind)
{
    public BlockKind Kind => kind;

    /// <summary>Text; of a call its arguments.</summary>
    public StringBuilder Text { get; } = new();

    /// <summary>Of a call: the provider's index.</summary>
    public int Index { get; init; }

    public string Id { get; init; } = "";

    public string Name { get; init; } = "";

    /// <summary>Of reasoning: its signature, or what only its provider can read.</summary>
    public string? Signature { get; set; }

    /// <summary>Arguments of a call; an object even where the model wrote nothing.</summary>
    public string Arguments => Text.Length == 0 ? "{}" : Text.ToString();
}
