using System.Text.Json;
using CodeLab.Modules.Agent.Tools;

namespace CodeLab.Modules.Agent.Approvals;

/// <summary>The paths in the arguments of a call.</summary>
internal static class ToolPaths
{
    /// <summary>Every path of every path argument, as the model wrote it.</summary>
    public static IEnumerable<string> Of(ToolDefinition tool, JsonElement arguments)
    {
        foreach (var name in tool.PathArguments)
        {
            if (!arguments.TryGetProperty(name, out var value))
                continue;
            if (value.ValueKind is JsonValueKind.String)
            {
                yield return value.GetString()!;
            }
            else if (value.ValueKind is JsonValueKind.Array)
            {
                foreach (var item in value.EnumerateArray())
                    yield return item.GetString() ?? "";
            }
        }
    }
}
