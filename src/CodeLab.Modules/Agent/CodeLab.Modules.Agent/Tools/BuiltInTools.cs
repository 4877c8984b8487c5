using System.Text.Json;

namespace CodeLab.Modules.Agent.Tools;

/// <summary>
/// The catalogue's content (protocol.md §6.2, §6.3). Descriptions are written for models. A <c>default</c> in a schema is filled in by the
/// server; defaults that the client applies are only told in words.
/// </summary>
internal static class BuiltInTools
{
    private const int _quickSeconds = 60;
    private const int _searchSeconds = 120;

    // The longest command a client runs is 300 s; the rest is for ending it and sending the output.
    private const int _commandSeconds = 330;

    private static readonly string[] _path = ["path"];
    private static readonly Dictionary<string, string> _pathAliases = new()
    {
        ["file_path"] = "path",
        ["filepath"] = "path",
        ["filename"] = "path",
        ["file"] = "path",
        ["target_file"] = "path",
    };

    /// <summary>All tools, reading first, in the order models are shown them.</summary>
    public static IReadOnlyList<ToolDefinition> All { get; } =
    [
        Tool(
            "read_file",
            ToolKind.Read,
            _quickSeconds,
            """
            Reads a text file of the workspace. Read a file before you change it. Long files come in parts: the result then says it was cut and with which start_line to go on. Binary files are described, not shown.
            """,
            """
            {"type":"object","properties":{
              "path":{"type":"string","minLength":1,"description":"Path of the file, relative to the workspace root."},
              "start_line":{"type":"integer","minimum":1,"description":"First line to read, counted from 1. Without it: from the start."},
              "end_line":{"type":"integer","minimum":1,"description":"Last line to read, inclusive. Without it: to the end."},
              "encoding":{"type":"string","description":"Only when reading failed with an encoding error, e.g. windows-1251. Default utf-8."}},
             "required":["path"],"additionalProperties":false}
            """,
            paths: _path,
            aliases: ["open_file", "view_file"],
            arguments: With(("line_start", "start_line"), ("line_end", "end_line"), ("from_line", "start_line"), ("to_line", "end_line"))
        ),
        Tool(
            "list_files",
            ToolKind.Read,
            _quickSeconds,
            """
            Lists files and folders. Ignored files (.gitignore) are left out. Start with the root, then look into what matters, instead of listing everything recursively.
            """,
            """
            {"type":"object","properties":{
              "path":{"type":"string","default":".","description":"Folder, relative to the workspace root; '.' is the root."},
              "recursive":{"type":"boolean","description":"Also list what is in sub-folders. Default false."},
              "include_hidden":{"type":"boolean","description":"Also list names that begin with a dot. Default false."},
              "pattern":{"type":"string","description":"Only names that match this glob, e.g. *.cs"}},
             "required":["path"],"additionalProperties":false}
            """,
            paths: _path,
            aliases: ["list_directory", "list_dir", "ls"],
            arguments: new()
            {
                ["directory"] = "path",
                ["dir"] = "path",
                ["folder"] = "path",
                ["dir_path"] = "path",
                ["glob"] = "pattern",
            }
        ),
        Tool(
            "search_in_code",
            ToolKind.Read,
            _searchSeconds,
            """
            Searches the text of files and returns matching lines with file and line number. Some clients can not search and always answer with no match: an empty result is no proof that there is nothing; check with list_files and read_file.
            """,
            """
            {"type":"object","properties":{
              "query":{"type":"string","minLength":1,"maxLength":1000,"description":"Text to find, or a regular expression when regex is true."},
              "path":{"type":"string","description":"Folder or file to search in. Default: the whole workspace."},
              "file_pattern":{"type":"string","description":"Only files that match this glob, e.g. **/*.cs"},
              "case_sensitive":{"type":"boolean","description":"Default false."},
              "regex":{"type":"boolean","description":"Treat query as a regular expression. Default false."},
              "max_results":{"type":"integer","minimum":1,"maximum":1000,"description":"Default 100."}},
             "required":["query"],"additionalProperties":false}
            """,
            paths: _path,
            aliases: ["search_files", "search_code", "grep", "grep_search"],
            arguments: new()
            {
                ["pattern"] = "query",
                ["search"] = "query",
                ["include"] = "file_pattern",
                ["glob"] = "file_pattern",
                ["directory"] = "path",
            }
        ),
        Tool(
            "apply_diff",
            ToolKind.Write,
            _quickSeconds,
            """
            Changes parts of an existing file. Prefer it to write_file for files that exist. The diff is one or more blocks; each replaces the text between SEARCH and ======= by the text between ======= and REPLACE:

            <<<<<<< SEARCH
            :start_line:12
            -------
            old lines, copied exactly
            =======
            new lines
            >>>>>>> REPLACE

            ':start_line:' and the dashes may be left out; give them when the same lines occur more than once. Copy the old lines exactly from read_file, with their indentation and without line numbers, and only as many as make the place unique. Blocks apply in order, all or none. If a block does not match, read the file again and send a corrected diff.
            """,
            """
            {"type":"object","properties":{
              "path":{"type":"string","minLength":1,"description":"Path of the file, relative to the workspace root."},
              "diff":{"type":"string","minLength":1,"maxLength":5242880,"description":"SEARCH/REPLACE blocks."}},
             "required":["path","diff"],"additionalProperties":false}
            """,
            paths: _path,
            aliases: ["replace_in_file", "edit_file", "apply_patch_to_file"],
            arguments: With(("patch", "diff"), ("blocks", "diff"))
        ),
        Tool(
            "write_file",
            ToolKind.Write,
            _quickSeconds,
            """
            Creates a file or replaces a whole file. Give the complete content: anything left out is lost, so never write placeholders such as "rest unchanged". To change part of an existing file use apply_diff.
            """,
            """
            {"type":"object","properties":{
              "path":{"type":"string","minLength":1,"description":"Path of the file, relative to the workspace root."},
              "content":{"type":"string","maxLength":5242880,"description":"The complete text of the file."},
              "encoding":{"type":"string","description":"Default: that of the existing file, else utf-8."},
              "create_dirs":{"type":"boolean","default":true,"description":"Create missing folders. Default true."},
              "backup":{"type":"boolean","description":"Keep a copy of a file that is replaced, where the client can."}},
             "required":["path","content"],"additionalProperties":false}
            """,
            paths: _path,
            aliases: ["write_to_file", "create_file"],
            arguments: With(("text", "content"), ("contents", "content"), ("file_content", "content"))
        ),
        Tool(
            "create_directory",
            ToolKind.Write,
            _quickSeconds,
            "Creates a folder, with its parents. write_file makes missing folders by itself, so this is rarely needed.",
            """
            {"type":"object","properties":{
              "path":{"type":"string","minLength":1,"description":"Folder, relative to the workspace root."},
              "recursive":{"type":"boolean","description":"Also create missing parents. Default true."}},
             "required":["path"],"additionalProperties":false}
            """,
            paths: _path,
            aliases: ["make_directory", "mkdir"],
            arguments: new()
            {
                ["directory"] = "path",
                ["dir"] = "path",
                ["dir_path"] = "path",
                ["parents"] = "recursive",
            }
        ),
        Tool(
            "move_file",
            ToolKind.Write,
            _quickSeconds,
            "Moves or renames a file or folder. Afterwards search for what refers to the old path.",
            """
            {"type":"object","properties":{
              "from":{"type":"string","minLength":1,"description":"Present path, relative to the workspace root."},
              "to":{"type":"string","minLength":1,"description":"New path, relative to the workspace root."}},
             "required":["from","to"],"additionalProperties":false}
            """,
            paths: ["from", "to"],
            aliases: ["rename_file"],
            arguments: new()
            {
                ["source"] = "from",
                ["destination"] = "to",
                ["source_path"] = "from",
                ["destination_path"] = "to",
                ["old_path"] = "from",
                ["new_path"] = "to",
                ["from_path"] = "from",
                ["to_path"] = "to",
            }
        ),
        Tool(
            "delete_file",
            ToolKind.Write,
            _quickSeconds,
            "Deletes one file. Always asks the person. Delete only what the task names or what you created.",
            """
            {"type":"object","properties":{
              "path":{"type":"string","minLength":1,"description":"Path of the file, relative to the workspace root."}},
             "required":["path"],"additionalProperties":false}
            """,
            paths: _path,
            aliases: ["remove_file"],
            arguments: With()
        ),
        Tool(
            "execute_command",
            ToolKind.Execute,
            _commandSeconds,
            """
            Runs one command in the workspace and returns exit code, stdout and stderr. Use it to build, test and inspect. There is no input and no terminal: pass flags that avoid questions, and do not start servers or watchers that never end. Some clients run only simple commands and refuse pipes, redirects, && and ; even after approval: run one plain command per call, and use the file tools instead of cat, sed, rm or echo > file.
            """,
            """
            {"type":"object","properties":{
              "command":{"type":"string","minLength":1,"maxLength":32768,"description":"The command line."},
              "cwd":{"type":"string","description":"Folder to run in, relative to the workspace root. Default: the root."},
              "timeout":{"type":"integer","minimum":1,"maximum":300,"description":"Seconds after which the command is ended. Default 60."},
              "shell":{"type":"boolean","description":"Run through the shell. Default false."}},
             "required":["command"],"additionalProperties":false}
            """,
            paths: ["cwd"],
            aliases: ["run_command", "run_terminal_cmd", "bash", "shell"],
            arguments: new()
            {
                ["cmd"] = "command",
                ["command_line"] = "command",
                ["working_directory"] = "cwd",
                ["workdir"] = "cwd",
                ["timeout_seconds"] = "timeout",
            }
        ),
        Tool(
            "git_status",
            ToolKind.Read,
            _quickSeconds,
            "Shows the branch and which files are staged, changed or untracked.",
            """
            {"type":"object","properties":{
              "path":{"type":"string","description":"Only below this path."}},
             "additionalProperties":false}
            """,
            paths: _path,
            aliases: ["git.status"],
            arguments: With()
        ),
        Tool(
            "git_diff",
            ToolKind.Read,
            _quickSeconds,
            "Shows uncommitted changes as a unified diff. Use it to check your own work before you finish.",
            """
            {"type":"object","properties":{
              "path":{"type":"string","description":"Only this file or folder."},
              "staged":{"type":"boolean","description":"Show what is staged instead of what is not. Default false."}},
             "additionalProperties":false}
            """,
            paths: _path,
            aliases: ["git.diff"],
            arguments: With(("cached", "staged"))
        ),
        Tool(
            "git_log",
            ToolKind.Read,
            _quickSeconds,
            "Lists recent commits, newest first.",
            """
            {"type":"object","properties":{
              "limit":{"type":"integer","minimum":1,"maximum":200,"description":"How many. Default 20."},
              "path":{"type":"string","description":"Only commits that touch this path."}},
             "additionalProperties":false}
            """,
            paths: _path,
            aliases: ["git.log"],
            arguments: With(("max_count", "limit"), ("count", "limit"), ("n", "limit"))
        ),
        Tool(
            "git_commit",
            ToolKind.Write,
            _quickSeconds,
            "Commits the named files. Use it only when the person asked for a commit. Write the message as the log of this project does.",
            """
            {"type":"object","properties":{
              "message":{"type":"string","minLength":1,"maxLength":10000,"description":"Commit message: a short subject, and a body when the reason is not obvious."},
              "files":{"type":"array","items":{"type":"string","minLength":1},"maxItems":1000,"description":"Files to commit, relative to the workspace root. Without it: what is staged."}},
             "required":["message"],"additionalProperties":false}
            """,
            paths: ["files"],
            aliases: ["git.commit"],
            arguments: new() { ["msg"] = "message", ["paths"] = "files" }
        ),
        Tool(
            "switch_mode",
            ToolKind.Server,
            0,
            """
            Hands the work to another agent, which continues at once with the same conversation. Use it when the task needs tools or rights you do not have. Say in the reason what was found and what is to be done next.
            """,
            """
            {"type":"object","properties":{
              "mode":{"type":"string","enum":["coder","architect","debug","ask","orchestrator"],"description":"The agent: coder writes and runs code, architect designs and documents, debug finds causes, ask explains, orchestrator chooses."},
              "reason":{"type":"string","maxLength":4000,"description":"Why, and what the next agent must know."}},
             "required":["mode"],"additionalProperties":false}
            """,
            aliases: ["switch_agent"],
            arguments: new()
            {
                ["mode_slug"] = "mode",
                ["agent"] = "mode",
                ["agent_type"] = "mode",
            }
        ),
        Tool(
            "delegate_task",
            ToolKind.Server,
            0,
            """
            Gives a task that stands by itself to another agent, which works on it in a session of its own and sends back a summary. Use it for work that would fill this conversation with what you do not need afterwards: searching a large code base, checking one thing in depth, a change that is apart from yours. The other agent sees nothing of this conversation: say all that it must know, and what you want back. Several calls in one step run side by side; do not let two of them change the same files.
            """,
            """
            {"type":"object","properties":{
              "agent":{"type":"string","enum":["coder","architect","debug","ask"],"description":"Who does it: coder writes and runs code, architect designs and documents, debug finds causes, ask reads and explains."},
              "title":{"type":"string","minLength":1,"maxLength":120,"description":"A few words for the person."},
              "task":{"type":"string","minLength":1,"maxLength":20000,"description":"The task, complete in itself: what is given, what is to be done, what is to be told at the end."},
              "tools":{"type":"array","items":{"type":"string"},"maxItems":32,"description":"The only tools it may use, of those its agent has. Leave out for all of them."},
              "max_steps":{"type":"integer","minimum":1,"maximum":1000,"description":"Model steps it may take at most."}},
             "required":["agent","title","task"],"additionalProperties":false}
            """,
            aliases: ["new_task", "spawn_agent"],
            arguments: new()
            {
                ["mode"] = "agent",
                ["agent_type"] = "agent",
                ["message"] = "task",
                ["prompt"] = "task",
                ["description"] = "title",
            }
        ),
        Tool(
            "create_plan",
            ToolKind.Server,
            0,
            """
            Proposes a plan of subtasks to the person, who approves, changes or rejects it. Once approved, each subtask is done by its agent in a session of its own, in the order of the dependencies, and you get what came of each. Use it for work of several parts that different agents do or that build on each other; not for what you can do in a few steps. Call it alone. An agent sees only its own subtask and the results of those it depends on.
            """,
            """
            {"type":"object","properties":{
              "title":{"type":"string","minLength":1,"maxLength":200,"description":"What the plan achieves."},
              "description":{"type":"string","maxLength":8000,"description":"Why it is done this way."},
              "subtasks":{"type":"array","minItems":1,"maxItems":100,"items":{"type":"object","properties":{
                "title":{"type":"string","minLength":1,"maxLength":200},
                "description":{"type":"string","minLength":1,"maxLength":20000,"description":"Complete in itself: what is given, what is to be done, how to tell that it is done."},
                "agent":{"type":"string","enum":["coder","architect","debug","ask"]},
                "estimated_time_minutes":{"type":"integer","minimum":0,"maximum":10000},
                "dependencies":{"type":"array","items":{"type":"integer","minimum":1},"description":"Numbers, from 1, of the subtasks that must be done before."}},
               "required":["title","description","agent"],"additionalProperties":false}}},
             "required":["title","subtasks"],"additionalProperties":false}
            """,
            arguments: new() { ["goal"] = "title", ["steps"] = "subtasks" }
        ),
        Tool(
            "ask_followup_question",
            ToolKind.Server,
            0,
            """
            Asks the person one question and waits for the answer. Only when a decision is theirs or something is missing that no tool can find out; otherwise choose the sensible way and say what you assumed.
            """,
            """
            {"type":"object","properties":{
              "question":{"type":"string","minLength":1,"maxLength":8000,"description":"The question, complete in itself."},
              "suggestions":{"type":"array","items":{"type":"string"},"maxItems":4,"description":"Two to four likely answers."}},
             "required":["question"],"additionalProperties":false}
            """,
            aliases: ["ask_question"],
            arguments: new() { ["follow_up"] = "suggestions", ["options"] = "suggestions" }
        ),
        Tool(
            "attempt_completion",
            ToolKind.Server,
            0,
            """
            Ends the turn with the result. Call it alone, after every other call has answered and you have checked the work. Say what was done, where, and what was not done or not checked. No question at the end.
            """,
            """
            {"type":"object","properties":{
              "result":{"type":"string","minLength":1,"description":"The answer for the person, in Markdown."}},
             "required":["result"],"additionalProperties":false}
            """,
            aliases: ["complete_task", "finish"],
            arguments: new() { ["summary"] = "result", ["message"] = "result" }
        ),
    ];

    private static Dictionary<string, string> With(params (string Alias, string Name)[] more)
    {
        var aliases = new Dictionary<string, string>(_pathAliases);
        foreach (var (alias, name) in more)
            aliases.Add(alias, name);
        return aliases;
    }

    private static ToolDefinition Tool(
        string name,
        ToolKind kind,
        int timeoutSeconds,
        string description,
        string schema,
        string[]? paths = null,
        string[]? aliases = null,
        Dictionary<string, string>? arguments = null
    )
    {
        // Written back without the line breaks of this file: the model is sent it on every step.
        using var document = JsonDocument.Parse(schema);
        var compact = JsonElement.Parse(JsonSerializer.Serialize(document.RootElement, ToolJson.Element));
        return new ToolDefinition
        {
            Name = name,
            Kind = kind,
            TimeoutSeconds = timeoutSeconds,
            Description = description,
            Schema = compact,
            Arguments = JsonSchema.Compile(compact),
            PathArguments = paths ?? [],
            Aliases = aliases ?? [],
            ArgumentAliases = arguments ?? [],
        };
    }
}
