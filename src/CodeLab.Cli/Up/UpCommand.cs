using System.CommandLine;
using CodeLab.Cli.Chat;
using CodeLab.Cli.CommandLine;
using CodeLab.Cli.Run;
using CodeLab.Cli.Server;
using CodeLab.Cli.Terminal;
using CodeLab.Client.Rest;
using CodeLab.Client.SignIn;
using CodeLab.Client.Storage;
using CodeLab.Protocol.Rest;

namespace CodeLab.Cli.Up;

/// <summary><c>codelab up</c>: a server of one's own for this folder, signed in, and a chat (or one task) with it.</summary>
internal static class UpCommand
{
    private const string DemoModel = "codelab-demo";

    public static Command Create(CommonOptions options)
    {
        var task = new Option<string?>("--task") { Description = "Do this one task and end, like 'codelab run'", HelpName = "TASK" };
        var command = new Command("up", "Starts a server for this folder and opens a chat")
        {
            task,
            options.Workspace,
            options.Agent,
            options.Model,
            options.Approve,
            options.Session,
            options.Data,
            options.Json,
            options.NoColor,
        };
        CodeLabCommand.SetAction(
            command,
            options,
            (parsed, settings, console, cancellationToken) => UpAsync(parsed.GetValue(task), settings, console, cancellationToken)
        );
        return command;
    }

    private static async Task<int> UpAsync(string? task, CommonSettings settings, CliConsole console, CancellationToken cancellationToken)
    {
        var isRun = task is not null || (settings.Session is not null && !console.IsInteractive);
        if (!isRun && !console.IsInteractive)
            throw new UsageException("There is no terminal to chat at. Give a task: codelab up --task \"add a line to README\"");
        var root = settings.WorkspaceRoot();
        settings = settings with { GoOnWith = "codelab up" };
        var time = TimeProvider.System;
        var data = ClientDataDirectory.Open(settings.Data);
        var folder = new UpFolder(data, root);
        var (name, password) = await folder.AdministratorAsync(cancellationToken);

        await using var mine = folder.TryLock();
        await using var host = mine is null
            ? null
            : await HostProcess.StartAsync(HostLocator.Find(), folder, name, console, time, cancellationToken);
        var address = host?.Address ?? await JoinAsync(folder, console, cancellationToken);

        using var http = ServerConnection.CreateHttp();
        using var tokens = new PasswordTokenSource(new OAuthClient(http, address, time), address.Text, name, password, time);
        using var connection = new ServerConnection(data, address, tokens, time);
        using var leave = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        await TellModelAsync(connection, settings, console, cancellationToken);

        var work = isRun
            ? RunLoop.RunAsync(connection, root, settings, task, console, leave.Token)
            : ChatCommand.ChatAsync(connection, root, settings, console, leave.Token);
        if (host is not null && await Task.WhenAny(work, host.Ended) != work)
        {
            await leave.CancelAsync();
            await work;
            throw new CommandFailedException($"The host ended unexpectedly.\n{HostProcess.Said(folder.Log)}");
        }
        return await work;
    }

    /// <summary>Another <c>up</c> runs the host of this workspace: it is shared, and ends with the one that started it.</summary>
    private static async Task<ServerAddress> JoinAsync(UpFolder folder, CliConsole console, CancellationToken cancellationToken)
    {
        if (await folder.AddressAsync(cancellationToken) is not { } text)
            throw new CommandFailedException("Another 'codelab up' is just starting in this workspace. Try again in a moment.");
        var address = ServerAddress.Parse(text);
        using var http = ServerConnection.CreateHttp();
        try
        {
            await new ServerApi(http, address, null).HealthAsync(cancellationToken);
        }
        catch (ServerUnreachableException)
        {
            throw new CommandFailedException(
                $"Another 'codelab up' holds this workspace, but its server at {address} does not answer. It may be starting or ending: try again in a moment."
            );
        }
        console.Note($"Joined the server that another 'codelab up' runs for this workspace ({address}).");
        return address;
    }

    private static async Task TellModelAsync(
        ServerConnection connection,
        CommonSettings settings,
        CliConsole console,
        CancellationToken cancellationToken
    )
    {
        ModelList list;
        try
        {
            list = await connection.Api.ModelsAsync(cancellationToken);
        }
        catch (ServerException refusal)
        {
            console.Note($"Which model is used is not known: {refusal.Message}");
            return;
        }
        var model = settings.Model ?? list.Models.FirstOrDefault(candidate => candidate.IsDefault)?.Id;
        if (model is null)
        {
            console.Note("No model is configured.");
            return;
        }
        console.Note($"Server {connection.Server} · model {SafeText.Plain(model)}");
        if (model == DemoModel)
            console.Note(
                "This is the built-in demonstration model: it plays a scripted turn and knows nothing. For a real one set OPENAI_API_KEY "
                    + "(and OPENAI_BASE_URL for a compatible server), ANTHROPIC_API_KEY, or start Ollama, and run 'codelab up' again."
            );
    }
}
