using System.Text.Json;
using CodeLab.Modules.Llm.Calls;

namespace CodeLab.Modules.Llm.Translation;

/// <summary>Reads a provider's answer in its dialect and tells it to a sink.</summary>
internal abstract class AnswerReader(AnswerSink sink)
{
    private bool _begun;

    protected AnswerSink Sink => sink;

    /// <summary>Tokens as reported last.</summary>
    public CallUsage? Usage { get; protected set; }

    /// <summary>Characters of content so far.</summary>
    public long Written { get; private set; }

    /// <summary>The provider said why it ended.</summary>
    public StopReason? Stop { get; protected set; }

    public string? StopSequence { get; protected set; }

    public bool HasToolCalls { get; private set; }

    /// <summary>True for lines of JSON, false for server-sent events.</summary>
    public virtual bool IsLines => false;

    /// <summary>Takes the data of one event.</summary>
    /// <returns>False when the provider says that it failed.</returns>
    /// <exception cref="JsonException">It can not be read.</exception>
    public abstract bool Event(ReadOnlySpan<byte> data);

    /// <summary>Takes an answer that is no stream.</summary>
    /// <exception cref="JsonException">It can not be read.</exception>
    public abstract void Whole(JsonElement answer);

    /// <summary>Tells the sink that the answer is complete.</summary>
    public void Complete()
    {
        Begin(null);
        var reason = Stop ?? StopReason.Stop;
        // Some servers say "stop" beside tool calls.
        if (HasToolCalls && reason == StopReason.Stop)
            reason = StopReason.ToolCalls;
        sink.End(reason, StopSequence, Usage ?? default);
    }

    protected void Begin(string? id)
    {
        if (_begun)
            return;
        _begun = true;
        sink.Begin(id);
    }

    protected void Text(string? piece)
    {
        if (string.IsNullOrEmpty(piece))
            return;
        Written += piece.Length;
        sink.Text(piece);
    }

    protected void Refusal(string? piece)
    {
        if (string.IsNullOrEmpty(piece))
            return;
        Written += piece.Length;
        sink.Refusal(piece);
    }

    protected void Reasoning(string? piece)
    {
        if (string.IsNullOrEmpty(piece))
            return;
        Written += piece.Length;
        sink.Reasoning(piece);
    }

    protected void ToolCall(int index, string? id, string? name)
    {
        HasToolCalls = true;
        Written += name?.Length ?? 0;
        sink.ToolCall(index, string.IsNullOrEmpty(id) ? $"call_{Guid.NewGuid():N}" : id, name ?? "");
    }

    protected void Arguments(int index, string? piece)
    {
        if (string.IsNullOrEmpty(piece))
            return;
        Written += piece.Length;
        sink.Arguments(index, piece);
    }
}
