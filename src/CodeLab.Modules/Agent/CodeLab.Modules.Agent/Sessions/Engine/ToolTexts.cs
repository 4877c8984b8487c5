using System.Text.Json;
using CodeLab.Modules.Agent.Prompts;
using CodeLab.Modules.Agent.Sessions.Log;

namespace CodeLab.Modules.Agent.Sessions.Engine;

/// <summary>How a call ended, in the words the model and the history show.</summary>
internal static class ToolTexts
{
    public static string ForModel(string toolName, string status, JsonElement? result, string? error, string? errorCode) =>
        status switch
        {
            CallStatus.Rejected => ToolOutput.Rejected(error),
            CallStatus.Expired => ToolOutput.Expired(),
            CallStatus.Cancelled => ToolOutput.Cancelled(),
            CallStatus.OutcomeUnknown => ToolOutput.OutcomeUnknown(),
            CallStatus.Denied when errorCode is "INVALID_ARGUMENTS" or "TOOL_NOT_FOUND" => ToolOutput.Invalid(error ?? ""),
            CallStatus.Denied => ToolOutput.Denied(error ?? ""),
            _ => ToolOutput.ForModel(toolName, result, error, errorCode),
        };
}
