using System.Text.Json;
using System.Text.RegularExpressions;

namespace CodeLab.Modules.Llm.Providers.Demo;

/// <summary>
/// Decides from the conversation alone what the demo model does next: list, read, propose one small edit, explain. No state, no chance: a
/// repeated request gets the same answer. At most <see cref="MostCalls"/> calls for one task.
/// </summary>
internal static partial class DemoScript
{
    private const int MostCalls = 6;

    private const string Signature =
        "\n\n_I am `codelab-demo`, the model built into CodeLab: I follow a fixed script and do not understand your project. For a real model set "
        + "`OPENAI_API_KEY`, `ANTHROPIC_API_KEY` or `OLLAMA_BASE_URL` and start CodeLab again._";

    public static DemoReply Next(DemoConversation conversation)
    {
        if (conversation.IsRouting)
            return new DemoReply(DemoRouting.Answer(conversation.Task));
        if (conversation.Steps is [.., var last] && DemoListing.IsRefused(last.Result))
        {
            return new DemoReply(
                $"Understood: `{last.Tool}` was not approved, so I changed nothing. Tell me what you would like instead." + Signature
            );
        }
        if (conversation.Steps.Count >= MostCalls)
            return new DemoReply("I have done all the steps I am allowed for one task and stop here." + Signature);
        if (conversation.Task.Length == 0)
            return new DemoReply("Tell me what to do, for example: add a line to README." + Signature);
        if (Change().IsMatch(conversation.Task) && !Asks().IsMatch(conversation.Task))
            return Edit(conversation);
        return Small().IsMatch(conversation.Task)
            ? new DemoReply("Hello! Give me a small task, for example: add a line to README." + Signature)
            : Explain(conversation);
    }

    private static DemoReply Edit(DemoConversation conversation)
    {
        var tools = conversation.Tools;
        if (conversation.Steps.LastOrDefault(s => s.Tool is "apply_diff" or "write_file") is { } edit)
        {
            return DemoListing.IsError(edit.Result)
                ? new DemoReply($"The edit of `{edit.Path}` did not work: {DemoListing.Brief(edit.Result)} I leave it at that." + Signature)
                : new DemoReply($"Done: I added one line to `{edit.Path}` and changed nothing else." + Signature);
        }
        if (!tools.Contains("apply_diff") && !tools.Contains("write_file"))
        {
            if (tools.Contains("switch_mode") && conversation.LastOf("switch_mode") is null)
                return Call(
                    "This needs somebody who may write files.",
                    "switch_mode",
                    ("mode", "coder"),
                    ("reason", "The task changes files")
                );
            return new DemoReply(
                "I may not change files here, so I can only describe what I would do: add one line to the file." + Signature
            );
        }
        if (conversation.LastOf("list_files") is null && tools.Contains("list_files"))
            return Call("I look at the project first.", "list_files", ("path", "."));

        var files = conversation.LastOf("list_files") is { } listed ? DemoListing.Files(listed.Result) : [];
        var target = DemoListing.Target(conversation.Task, files);
        var line = DemoLine.For(conversation.Task, target);
        if (files.Count > 0 && !files.Contains(target, StringComparer.Ordinal))
            return Create(conversation, target, line);
        if (conversation.LastOf("read_file") is not { } read)
        {
            return tools.Contains("read_file")
                ? Call($"I read `{target}`.", "read_file", ("path", target))
                : Create(conversation, target, line);
        }
        if (DemoListing.IsError(read.Result))
            return Create(conversation, target, line);
        var content = DemoListing.Content(read.Result);
        if (content.Contains(line, StringComparison.Ordinal))
            return new DemoReply($"`{target}` has this line already: {line}" + Signature);
        if (DemoDiff.Append(content, line) is { } diff && tools.Contains("apply_diff"))
            return Call($"I propose to add one line at the end of `{target}`.", "apply_diff", ("path", target), ("diff", diff));
        // Nothing to search for in an empty file.
        return tools.Contains("write_file")
            ? Call($"I propose to write one line into `{target}`.", "write_file", ("path", target), ("content", WithLine(content, line)))
            : new DemoReply($"`{target}` is empty and I have no tool to write it anew." + Signature);
    }

    private static DemoReply Create(DemoConversation conversation, string target, string line) =>
        conversation.Tools.Contains("write_file")
            ? Call($"There is no `{target}` yet, so I propose to create it.", "write_file", ("path", target), ("content", line + "\n"))
            : new DemoReply($"There is no `{target}`, and I have no tool to create it." + Signature);

    private static DemoReply Explain(DemoConversation conversation)
    {
        if (conversation.LastOf("list_files") is null && conversation.Tools.Contains("list_files"))
            return Call("I look at the project.", "list_files", ("path", "."));
        var files = conversation.LastOf("list_files") is { } listed ? DemoListing.Files(listed.Result) : [];
        var target = DemoListing.Target(conversation.Task, files);
        var read = conversation.LastOf("read_file");
        if (read is null && files.Contains(target, StringComparer.Ordinal) && conversation.Tools.Contains("read_file"))
            return Call($"I read `{target}`.", "read_file", ("path", target));
        if (files.Count == 0)
            return new DemoReply("I can not see any files of this project from here." + Signature);
        var shown = string.Join(", ", files.Take(8).Select(f => $"`{f}`"));
        var about =
            read is null || DemoListing.IsError(read.Result)
                ? ""
                : $" `{read.Path}` begins: {DemoListing.Brief(DemoListing.Content(read.Result))}";
        return new DemoReply(
            $"The top of the project holds {files.Count} files: {shown}{(files.Count > 8 ? ", …" : ".")}{about}" + Signature
        );
    }

    private static DemoReply Call(string text, string tool, params (string Name, string Value)[] arguments) =>
        new(text, new DemoCall(tool, arguments.ToDictionary(a => a.Name, a => a.Value, StringComparer.Ordinal)));

    private static string WithLine(string content, string line) =>
        content.Length == 0 || content.EndsWith('\n') ? content + line + "\n" : content + "\n" + line + "\n";

    [GeneratedRegex(
        @"\b(add|append|insert|create|write|edit|change|update|fix|replace|rename|remove|delete|implement|make|put|refactor|generate)\b"
            + @"|(?<!\w)(добав|созда|напиши|запиши|измени|исправ|вставь|удали|переимен|реализ|сделай|обнови|допиши)",
        RegexOptions.CultureInvariant | RegexOptions.IgnoreCase | RegexOptions.ExplicitCapture,
        1000
    )]
    private static partial Regex Change();

    [GeneratedRegex(
        @"^\s*(what|why|how|where|who|which|when|does|is|are|что|как|почему|где|кто|когда)\b.*\?\s*$",
        RegexOptions.CultureInvariant | RegexOptions.IgnoreCase | RegexOptions.ExplicitCapture | RegexOptions.Singleline,
        1000
    )]
    private static partial Regex Asks();

    [GeneratedRegex(
        @"^\s*(hi|hello|hey|good (morning|evening|day)|thanks?|thank you|привет|здравствуй\w*|спасибо)[\s!.,]*$",
        RegexOptions.CultureInvariant | RegexOptions.IgnoreCase | RegexOptions.ExplicitCapture,
        1000
    )]
    private static partial Regex Small();
}

/// <summary>Routing by simple keywords.</summary>
internal static partial class DemoRouting
{
    public static string Answer(string task)
    {
        var (agent, reason) =
            Debug().IsMatch(task) ? ("debug", "The message speaks of a fault")
            : Architect().IsMatch(task) ? ("architect", "The message asks for a design or plan")
            : Question().IsMatch(task) && !Code().IsMatch(task) ? ("ask", "The message is a question")
            : Code().IsMatch(task) ? ("coder", "The message asks for a change")
            : ("ask", "The message asks for no change");
        return JsonSerializer.Serialize(
            new
            {
                agent,
                confidence = "high",
                reasoning = reason + ".",
            }
        );
    }

    [GeneratedRegex(
        @"\b(debug|bug|crash\w*|exception|stack ?trace|fails?|failing|error)\b|ошибк|отлад|падает",
        RegexOptions.CultureInvariant | RegexOptions.IgnoreCase | RegexOptions.ExplicitCapture,
        1000
    )]
    private static partial Regex Debug();

    [GeneratedRegex(
        @"\b(architect\w*|design|plan|diagram|adr)\b|архитект|спроектир|план",
        RegexOptions.CultureInvariant | RegexOptions.IgnoreCase | RegexOptions.ExplicitCapture,
        1000
    )]
    private static partial Regex Architect();

    [GeneratedRegex(
        @"\?\s*$|^\s*(what|why|how|where|who|which|explain|describe|is|are|does|can|что|как|почему|где|объясни|расскажи)\b",
        RegexOptions.CultureInvariant | RegexOptions.IgnoreCase | RegexOptions.ExplicitCapture,
        1000
    )]
    private static partial Regex Question();

    [GeneratedRegex(
        @"\b(add|append|insert|create|write|edit|change|update|fix|replace|rename|remove|delete|implement|make|put|refactor|generate)\b"
            + @"|(?<!\w)(добав|созда|напиши|запиши|измени|исправ|вставь|удали|переимен|реализ|сделай|обнови|допиши)",
        RegexOptions.CultureInvariant | RegexOptions.IgnoreCase | RegexOptions.ExplicitCapture,
        1000
    )]
    private static partial Regex Code();
}
