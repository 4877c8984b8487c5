using CodeLab.Modules.Agent.Persistence;
using CodeLab.Modules.Agent.Sessions.Engine;
using CodeLab.Modules.Agent.Sessions.Log;
using CodeLab.Protocol.Rest;

namespace CodeLab.Modules.Agent.Sessions.ReadSessions;

/// <summary>Reads messages and agent switches out of a log, in the shape of protocol.md §3.2.</summary>
internal sealed class HistoryReader
{
    public List<HistoryMessage> Messages { get; } = [];

    public List<AgentSwitchInfo> Switches { get; } = [];

    public void Read(LoggedEvent row)
    {
        switch (EventCodec.Decode(row.Type, row.Payload.Span))
        {
            case UserWrote e:
                Messages.Add(
                    new()
                    {
                        Id = e.MessageId,
                        Role = "user",
                        Content = e.Content,
                        Timestamp = row.CreatedAt,
                    }
                );
                break;
            case AssistantWrote e:
                Messages.Add(
                    new()
                    {
                        Id = e.MessageId,
                        Role = "assistant",
                        Content = e.Content.Length > 0 ? e.Content : null,
                        AgentName = e.Agent,
                        ToolCalls = e.Calls.Count > 0 ? [.. e.Calls.Select(ToCall)] : null,
                        Timestamp = row.CreatedAt,
                    }
                );
                break;
            case CallEnded e:
                Messages.Add(
                    new()
                    {
                        Id = "res_" + e.CallId,
                        Role = "tool",
                        Name = e.ToolName,
                        ToolCallId = e.CallId,
                        Content = ToolTexts.ForModel(e.ToolName, e.Status, e.Result, e.Error, e.ErrorCode),
                        Timestamp = row.CreatedAt,
                    }
                );
                break;
            case ConversationCleared:
                Messages.Clear();
                break;
            case ApprovalResolved { ModifiedArguments: { } modified } e:
                Change(e.CallId, call => call with { Function = call.Function with { Arguments = modified.GetRawText() } });
                break;
            case CallAllowed e:
                Change(e.CallId, call => call with { AllowedBy = e.By, AllowedWhy = e.Why });
                break;
            case AgentSwitched e:
                Switches.Add(
                    new()
                    {
                        From = e.From,
                        To = e.To,
                        FromAgent = e.From,
                        ToAgent = e.To,
                        Reason = e.Reason,
                        Confidence = e.Confidence,
                        Timestamp = row.CreatedAt,
                    }
                );
                break;
        }
    }

    private static HistoryToolCall ToCall(RequestedCall call) =>
        new()
        {
            Id = call.CallId,
            Function = new() { Name = call.ToolName, Arguments = call.Arguments.GetRawText() },
        };

    private void Change(string callId, Func<HistoryToolCall, HistoryToolCall> change)
    {
        for (var i = Messages.Count - 1; i >= 0; i--)
        {
            if (Messages[i].ToolCalls is not { } calls || !calls.Any(c => c.Id == callId))
                continue;
            Messages[i] = Messages[i] with { ToolCalls = [.. calls.Select(c => c.Id == callId ? change(c) : c)] };
            return;
        }
    }
}
