using CodeLab.Modules.Llm.Calls;

namespace CodeLab.Modules.Llm.Translation;

/// <summary>Why an answer ended, in no dialect.</summary>
internal enum StopReason
{
    Stop,
    Length,
    ToolCalls,
    ContentFilter,

    /// <summary>A stop sequence of the request was met.</summary>
    StopSequence,
}

/// <summary>
/// Takes an answer piece by piece. Readers of one dialect push into writers of another, so that between the two nothing is built and a token costs
/// one text. Text, reasoning and calls come in the order in which the model wrote them; a call's arguments come in pieces.
/// </summary>
internal abstract class AnswerSink
{
    /// <summary>The answer begins. Called once, before all else.</summary>
    public abstract void Begin(string? id);

    public abstract void Text(string piece);

    /// <summary>The model declines, in its own words.</summary>
    public abstract void Refusal(string piece);

    public abstract void Reasoning(string piece);

    /// <summary>What lets the reasoning so far be sent back.</summary>
    public abstract void Signature(string signature);

    public abstract void RedactedReasoning(string data);

    /// <summary>A call begins; its arguments follow.</summary>
    public abstract void ToolCall(int index, string id, string name);

    public abstract void Arguments(int index, string piece);

    /// <summary>Log-probabilities of the tokens of the text so far, as JSON of OpenAI Chat's <c>content</c> array.</summary>
    public abstract void LogProbs(string json);

    /// <summary>The answer has ended well. Called once, after all else.</summary>
    public abstract void End(StopReason reason, string? stopSequence, CallUsage usage);
}
