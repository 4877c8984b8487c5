using System.Text.Json;
using Microsoft.Extensions.AI;

namespace CodeLab.Modules.Llm.Providers;

/// <summary>What a model is told about a tool's result: a text as it is, anything else as JSON (protocol.md §6.4).</summary>
internal static class ToolResultText
{
    public static string Of(FunctionResultContent result) =>
        result.Result switch
        {
            null when result.Exception is { } exception => "Error: " + exception.Message,
            null => "Tool executed successfully",
            string text => text,
            JsonElement { ValueKind: JsonValueKind.String } json => json.GetString()!,
            JsonElement json => json.GetRawText(),
            var other => JsonSerializer.Serialize(other, AIJsonUtilities.DefaultOptions.GetTypeInfo(other.GetType())),
        };
}
