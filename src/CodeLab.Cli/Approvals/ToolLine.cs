using System.Globalization;
using System.Text.Json;
using CodeLab.Cli.Terminal;
using CodeLab.Client.Sessions;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace CodeLab.Cli.Approvals;

/// <summary>A tool call as one line: mark, verb, what it is about, lines added and removed, time.</summary>
internal static class ToolLine
{
    private static readonly Style Dim = new(Color.Grey);

    /// <summary>Verb and object, for sentences.</summary>
    public static string Title(ToolCallState call)
    {
        var target = Target(call.ToolName, call.Arguments);
        return target.Length == 0 ? Verb(call.ToolName) : $"{Verb(call.ToolName)} {target}";
    }

    /// <summary>A call that is over.</summary>
    public static IRenderable Over(ToolCallState call, TimeSpan? elapsed)
    {
        var (mark, style, note) = call.Phase switch
        {
            ToolCallPhase.Succeeded => ("✓", new Style(Color.Green), ""),
            ToolCallPhase.Rejected => ("✗", new Style(Color.Yellow), call.Feedback is { } feedback ? $"rejected: {feedback}" : "rejected"),
            ToolCallPhase.Denied => ("✗", new Style(Color.Yellow), $"denied: {call.Error}"),
            ToolCallPhase.Expired => ("✗", new Style(Color.Yellow), "nobody approved it in time"),
            ToolCallPhase.Cancelled => ("✗", new Style(Color.Yellow), "cancelled"),
            ToolCallPhase.OutcomeUnknown => ("?", new Style(Color.Yellow), "stopped in the middle; whether it ran is unknown"),
            _ => ("✗", new Style(Color.Red), call.Error ?? "failed"),
        };
        elapsed ??= call.EndedAt - call.StartedAt;
        var line = new Paragraph { Overflow = Overflow.Fold };
        line.Append("  ").Append(mark, style).Append(" ").Append(Verb(call.ToolName), new Style(decoration: Decoration.Bold));
        var target = Target(call.ToolName, call.Arguments);
        if (target.Length > 0)
            line.Append(" ").Append(target);
        AppendChange(line, call);
        if (note.Length > 0)
            line.Append("  ").Append(OneLine(note, 200), style);
        if (elapsed is { } time && call.Phase == ToolCallPhase.Succeeded)
            line.Append("  ").Append(Duration(time), Dim);
        return line;
    }

    /// <summary>A call that runs.</summary>
    public static string Running(ToolCallState call) => OneLine(Title(call), 80);

    public static IRenderable Agent(string agent) =>
        new Paragraph().Append("● ", new Style(Color.Teal)).Append(agent, new Style(Color.Teal, decoration: Decoration.Bold));

    public static string Verb(string tool) =>
        tool switch
        {
            "read_file" => "read",
            "write_file" => "write",
            "apply_diff" => "edit",
            "list_files" => "list",
            "search_in_code" => "search",
            "create_directory" => "create folder",
            "delete_file" => "delete",
            "move_file" => "move",
            "execute_command" => "run",
            "git_status" => "git status",
            "git_diff" => "git diff",
            "git_log" => "git log",
            "git_commit" => "git commit",
            "switch_mode" => "switch to",
            "ask_followup_question" => "ask",
            "attempt_completion" => "finish",
            _ => tool,
        };

    public static string Target(string tool, JsonElement arguments) =>
        OneLine(
            tool switch
            {
                "execute_command" => Text(arguments, "command"),
                "search_in_code" =>
                    $"\"{Text(arguments, "query")}\"{(Text(arguments, "path") is { Length: > 0 } path and not "." ? $" in {path}" : "")}",
                "move_file" => $"{Text(arguments, "from", "source")} → {Text(arguments, "to", "destination")}",
                "git_commit" => Text(arguments, "message"),
                "switch_mode" => Text(arguments, "mode"),
                "ask_followup_question" => Text(arguments, "question"),
                "attempt_completion" => "",
                _ => Text(arguments, "path"),
            },
            120
        );

    public static string Duration(TimeSpan time) =>
        time.TotalSeconds < 1
            ? string.Create(CultureInfo.InvariantCulture, $"{time.TotalMilliseconds:0} ms")
            : string.Create(CultureInfo.InvariantCulture, $"{time.TotalSeconds:0.0} s");

    public static string OneLine(string text, int most)
    {
        var line = SafeText.Plain(text.ReplaceLineEndings(" ").Trim());
        return line.Length <= most ? line : string.Concat(line.AsSpan(0, most - 1), "…");
    }

    private static void AppendChange(Paragraph line, ToolCallState call)
    {
        if (call.Result is not { ValueKind: JsonValueKind.Object } result)
            return;
        if (Number(result, "lines_added") is { } added && Number(result, "lines_removed") is { } removed)
            line.Append("  ").Append($"+{added}", new Style(Color.Green)).Append(" ").Append($"−{removed}", new Style(Color.Red));
        else if (call.ToolName == "execute_command" && Number(result, "exit_code") is { } exit)
            line.Append("  ").Append($"exit {exit}", new Style(exit == 0 ? Color.Grey : Color.Red));
        else if (Number(result, "lines_read") is { } lines)
            line.Append("  ").Append(lines == 1 ? "1 line" : $"{lines} lines", Dim);
        else if (Number(result, "total_matches") is { } matches)
            line.Append("  ").Append(matches == 1 ? "1 match" : $"{matches} matches", Dim);
        else if (Number(result, "total_count") is { } entries)
            line.Append("  ").Append(entries == 1 ? "1 entry" : $"{entries} entries", Dim);
    }

    private static string Text(JsonElement arguments, params ReadOnlySpan<string> names)
    {
        if (arguments.ValueKind != JsonValueKind.Object)
            return "";
        foreach (var name in names)
            if (arguments.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String)
                return value.GetString()!;
        return "";
    }

    private static long? Number(JsonElement result, string name) =>
        result.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out var number)
            ? number
            : null;
}
