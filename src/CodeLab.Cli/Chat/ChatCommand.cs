using System.CommandLine;
using CodeLab.Cli.CommandLine;
using CodeLab.Cli.Server;
using CodeLab.Cli.Terminal;
using CodeLab.Client.Workspaces;

namespace CodeLab.Cli.Chat;

/// <summary><c>codelab chat</c>: a conversation in the terminal.</summary>
internal static class ChatCommand
{
    public static Command Create(CommonOptions options)
    {
        var command = new Command("chat", "Talks with the agents in this folder")
        {
            options.Server,
            options.Workspace,
            options.Agent,
            options.Model,
            options.Approve,
            options.Session,
            options.Data,
            options.NoColor,
        };
        CodeLabCommand.SetAction(
            command,
            options,
            async (_, settings, console, cancellationToken) =>
            {
                if (!console.IsInteractive)
                    throw new UsageException("There is no terminal to chat at. For one task use: codelab run \"...\"");
                var root = settings.WorkspaceRoot();
                using var connection = await ServerConnection.OpenAsync(settings, cancellationToken);
                await connection.Tokens.GetAsync(cancellationToken);
                return await ChatAsync(connection, root, settings with { GoOnWith = "codelab chat" }, console, cancellationToken);
            }
        );
        return command;
    }

    public static async Task<int> ChatAsync(
        ServerConnection connection,
        string root,
        CommonSettings settings,
        CliConsole console,
        CancellationToken cancellationToken
    )
    {
        using var identity = await ExecutorIdentity.TakeAsync(connection.Data, root, cancellationToken);
        var history = new InputHistory(connection.Data.Combine("input-history"));
        await history.LoadAsync(cancellationToken);
        await using var chat = new ChatLoop(connection, identity, root, settings, console, history);
        return await chat.RunAsync(cancellationToken);
    }
}
