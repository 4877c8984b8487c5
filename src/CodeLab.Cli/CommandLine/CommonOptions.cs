using System.CommandLine;
using CodeLab.Client.Approvals;

namespace CodeLab.Cli.CommandLine;

/// <summary>The options that several commands share, each defined once so that it means the same everywhere.</summary>
internal sealed class CommonOptions
{
    public Option<string?> Server { get; } =
        new("--server")
        {
            Description = "Address of the server. Default: $CODELAB_SERVER, else the server last signed in to, else http://localhost:8000",
            HelpName = "URL",
        };

    public Option<string?> Data { get; } =
        new("--data")
        {
            Description =
                "Folder for sign-ins and journals. Default: $CODELAB_DATA, else $XDG_DATA_HOME/codelab, else ~/.local/share/codelab",
            HelpName = "DIR",
        };

    public Option<string?> Workspace { get; } =
        new("--workspace") { Description = "The project folder the agent works in. Default: the current folder", HelpName = "DIR" };

    public Option<string?> Agent { get; } = new("--agent") { Description = "The agent that answers, e.g. coder", HelpName = "NAME" };

    public Option<string?> Model { get; } = new("--model") { Description = "Model or alias; stays the session's", HelpName = "NAME" };

    public Option<string> Approve { get; } =
        new("--approve")
        {
            Description = "What is approved without asking: ask (nothing), safe (ordinary file edits in the workspace), all",
            HelpName = "ask|safe|all",
            DefaultValueFactory = _ => "ask",
        };

    public Option<string?> Session { get; } = new("--session") { Description = "Go on with this session", HelpName = "ID" };

    public Option<bool> Json { get; } = new("--json") { Description = "One JSON object a line on standard output" };

    public Option<bool> NoColor { get; } = new("--no-color") { Description = "No colours (also: $NO_COLOR)" };

    public CommonOptions()
    {
        Approve.AcceptOnlyFromAmong("ask", "safe", "all");
    }

    public CommonSettings Read(ParseResult parsed) =>
        new()
        {
            Server = parsed.GetValue(Server),
            Data = parsed.GetValue(Data),
            Workspace = parsed.GetValue(Workspace),
            Agent = parsed.GetValue(Agent),
            Model = parsed.GetValue(Model),
            Approve = parsed.GetValue(Approve) switch
            {
                "safe" => ApprovalMode.Safe,
                "all" => ApprovalMode.All,
                _ => ApprovalMode.Ask,
            },
            Session = parsed.GetValue(Session),
            Json = parsed.GetValue(Json),
            NoColor = parsed.GetValue(NoColor),
        };
}

/// <summary>What the shared options said.</summary>
internal sealed record CommonSettings
{
    public string? Server { get; init; }
    public string? Data { get; init; }
    public string? Workspace { get; init; }
    public string? Agent { get; init; }
    public string? Model { get; init; }
    public ApprovalMode Approve { get; init; }
    public string? Session { get; init; }
    public bool Json { get; init; }
    public bool NoColor { get; init; }

    /// <summary>The command that goes on with a session begun here, without its <c>--session</c>.</summary>
    public string GoOnWith { get; init; } = "codelab run";

    /// <summary>The project folder, full, with links resolved by the tools themselves.</summary>
    /// <exception cref="UsageException">There is no such folder.</exception>
    public string WorkspaceRoot()
    {
        var root = Path.GetFullPath(Workspace ?? Environment.CurrentDirectory);
        if (!Directory.Exists(root))
            throw new UsageException($"There is no folder {root}. Give a project folder with --workspace.");
        return Path.TrimEndingDirectorySeparator(root);
    }
}
