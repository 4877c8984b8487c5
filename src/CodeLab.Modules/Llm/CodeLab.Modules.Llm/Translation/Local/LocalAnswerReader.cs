using System.Text.Json;
using CodeLab.Modules.Llm.Calls;
using CodeLab.Modules.Llm.Providers;
using Microsoft.Extensions.AI;

namespace CodeLab.Modules.Llm.Translation.Local;

/// <summary>Reads the updates of a model that lives in this process.</summary>
internal sealed class LocalAnswerReader(AnswerSink sink) : AnswerReader(sink)
{
    private int _calls;

    public override bool Event(ReadOnlySpan<byte> data) => throw new NotSupportedException("A local answer has no bytes");

    public override void Whole(JsonElement answer) => throw new NotSupportedException("A local answer has no bytes");

    public void Take(ChatResponseUpdate update)
    {
        Begin(update.ResponseId);
        foreach (var content in update.Contents)
        {
            switch (content)
            {
                case TextContent text:
                    Text(text.Text);
                    break;
                case FunctionCallContent call:
                    ToolCall(_calls, call.CallId, call.Name);
                    Arguments(_calls++, RawArguments.Of(call) ?? JsonSerializer.Serialize(call.Arguments, AIJsonUtilities.DefaultOptions));
                    break;
                case UsageContent usage:
                    Usage = new CallUsage(usage.Details.InputTokenCount ?? 0, usage.Details.OutputTokenCount ?? 0);
                    break;
            }
        }
        if (update.FinishReason is { } reason)
            Stop = reason == ChatFinishReason.ToolCalls ? StopReason.ToolCalls : StopReason.Stop;
    }
}
