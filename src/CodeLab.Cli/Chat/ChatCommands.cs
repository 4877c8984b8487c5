using CodeLab.Cli.Approvals;
using CodeLab.Protocol.Rest;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace CodeLab.Cli.Chat;

/// <summary>What the slash commands say.</summary>
internal static class ChatCommands
{
    public static IReadOnlyList<string> Help { get; } =
    [
        "  /agents          the agents",
        "  /agent NAME      another agent answers from now on",
        "  /models          the models",
        "  /model NAME      another model answers from now on",
        "  /sessions        your sessions",
        "  /resume ID       go on with a session",
        "  /new             begin a new session",
        "  /quit            leave (the session stays; Ctrl-D does the same)",
        "  Enter sends; a \\ at the end of a line, Alt-Enter or a paste makes more lines. Arrow keys: what was typed before.",
        "  Ctrl-C cancels the turn, a second one leaves.",
    ];

    public static IRenderable Agent(AgentInfo agent, bool isCurrent) =>
        new Paragraph(isCurrent ? "● " : "  ", new Style(Color.Teal))
            .Append(ToolLine.OneLine(agent.Type, 40).PadRight(14), new Style(decoration: Decoration.Bold))
            .Append(ToolLine.OneLine(agent.Description, 200), new Style(Color.Grey));
}
