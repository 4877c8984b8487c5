using System.Text.Json;
using CodeLab.Cli.Terminal;
using CodeLab.Client.Sessions;
using CodeLab.Client.Tools;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace CodeLab.Cli.Approvals;

/// <summary>What a person sees before a decision: what is asked, why, and what exactly would change.</summary>
internal static class ApprovalView
{
    /// <summary>Lines of a diff that are shown before the person asks for all.</summary>
    public const int ShortDiff = 60;

    public const string Keys = "y approve · e edit · n reject · a always in this session · d whole diff";

    public static async Task<IReadOnlyList<IRenderable>> DrawAsync(
        LocalTools tools,
        ToolCallState call,
        int most,
        CancellationToken cancellationToken
    )
    {
        var lines = new List<IRenderable>
        {
            new Paragraph("? ", new Style(Color.Yellow, decoration: Decoration.Bold))
                .Append(ToolLine.Verb(call.ToolName), new Style(decoration: Decoration.Bold))
                .Append(" " + ToolLine.Target(call.ToolName, call.Arguments)),
        };
        if (call.Reason is { Length: > 0 } reason)
            lines.Add(new Paragraph("  " + ToolLine.OneLine(reason, 300), new Style(Color.Grey)));

        var change = await tools.PreviewAsync(new ToolInvocation(call.CallId, call.ToolName, call.Arguments), cancellationToken);
        if (change is not null)
            lines.AddRange(DiffView.Draw(change, most));
        else if (call.ToolName == "execute_command")
            lines.AddRange(Command(call.Arguments));
        else
            lines.AddRange(Arguments(call.Arguments));
        return lines;
    }

    private static IEnumerable<IRenderable> Command(JsonElement arguments)
    {
        var command = arguments.TryGetProperty("command", out var text) ? text.GetString() ?? "" : "";
        foreach (var line in SafeText.Plain(command).Split('\n'))
            yield return new Paragraph("  $ " + line, new Style(Color.Aqua));
        if (arguments.TryGetProperty("cwd", out var folder) && folder.ValueKind == JsonValueKind.String)
            yield return new Paragraph($"  in {ToolLine.OneLine(folder.GetString()!, 200)}", new Style(Color.Grey));
        yield return new Paragraph("  It runs with your rights, outside the limits of the workspace.", new Style(Color.Grey));
    }

    private static IEnumerable<IRenderable> Arguments(JsonElement arguments)
    {
        if (arguments.ValueKind != JsonValueKind.Object)
            yield break;
        foreach (var member in arguments.EnumerateObject())
            yield return new Paragraph($"  {ToolLine.OneLine(member.Name, 60)}: ", new Style(Color.Grey)).Append(
                ToolLine.OneLine(
                    member.Value.ValueKind == JsonValueKind.String ? member.Value.GetString()! : member.Value.GetRawText(),
                    400
                )
            );
    }
}
