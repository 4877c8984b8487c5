using System.CommandLine;
using System.Text.Json;
using CodeLab.Cli.CommandLine;
using CodeLab.Cli.Server;
using CodeLab.Cli.Terminal;
using CodeLab.Protocol;
using CodeLab.Protocol.Rest;

namespace CodeLab.Cli.Sessions;

/// <summary><c>codelab sessions export | import | fork</c>.</summary>
internal static class TransferCommands
{
    public static Command Export(CommonOptions options)
    {
        var session = SessionArgument();
        var output = new Option<string?>("--output") { Description = "File to write. Default: standard output", HelpName = "FILE" };
        var command = new Command("export", "Writes a session as JSON Lines: all that is in its log")
        {
            session,
            output,
            options.Server,
            options.Data,
            options.NoColor,
        };
        CodeLabCommand.SetAction(
            command,
            options,
            async (parsed, settings, console, cancellationToken) =>
            {
                using var connection = await ServerConnection.OpenAsync(settings, cancellationToken);
                var id = parsed.GetValue(session)!;
                if (parsed.GetValue(output) is not { } file)
                {
                    await using var stdout = Console.OpenStandardOutput();
                    await connection.Api.ExportAsync(id, stdout, cancellationToken);
                    return ExitCodes.Done;
                }
                // Written beside it first: a broken export must not take the place of a good one.
                var part = file + ".part";
                try
                {
                    await using (var stream = new FileStream(part, FileMode.Create, FileAccess.Write))
                        await connection.Api.ExportAsync(id, stream, cancellationToken);
                    File.Move(part, file, overwrite: true);
                }
                finally
                {
                    File.Delete(part);
                }
                console.Note($"Written to {file}");
                return ExitCodes.Done;
            }
        );
        return command;
    }

    public static Command Import(CommonOptions options)
    {
        var file = new Argument<string>("FILE") { Description = "An exported session; - reads standard input" };
        var command = new Command("import", "Makes a session of an exported one")
        {
            file,
            options.Server,
            options.Json,
            options.Data,
            options.NoColor,
        };
        CodeLabCommand.SetAction(
            command,
            options,
            async (parsed, settings, console, cancellationToken) =>
            {
                using var connection = await ServerConnection.OpenAsync(settings, cancellationToken);
                var path = parsed.GetValue(file)!;
                await using var lines = path == "-" ? Console.OpenStandardInput() : File.OpenRead(path);
                var made = await connection.Api.ImportAsync(lines, cancellationToken);
                await TellAsync(made, settings, console);
                return ExitCodes.Done;
            }
        );
        return command;
    }

    public static Command Fork(CommonOptions options)
    {
        var session = SessionArgument();
        var at = new Option<long?>("--at") { Description = "The last event that is shared, from 1. Default: the newest", HelpName = "SEQ" };
        var title = new Option<string?>("--title") { Description = "Title of the fork", HelpName = "TEXT" };
        var command = new Command("fork", "Makes a session that shares what another has up to an event")
        {
            session,
            at,
            title,
            options.Server,
            options.Json,
            options.Data,
            options.NoColor,
        };
        CodeLabCommand.SetAction(
            command,
            options,
            async (parsed, settings, console, cancellationToken) =>
            {
                using var connection = await ServerConnection.OpenAsync(settings, cancellationToken);
                var body = new ForkSessionBody { AtSeq = parsed.GetValue(at), Title = parsed.GetValue(title) };
                var made = await connection.Api.ForkAsync(parsed.GetValue(session)!, body, cancellationToken);
                await TellAsync(made, settings, console);
                return ExitCodes.Done;
            }
        );
        return command;
    }

    internal static Argument<string> SessionArgument() =>
        new("SESSION") { Description = "Id of the session, as 'codelab sessions' lists it" };

    private static async Task TellAsync(SessionInfo made, CommonSettings settings, CliConsole console)
    {
        if (settings.Json)
        {
            await console.Out.WriteLineAsync(JsonSerializer.Serialize(made, ProtocolJson.Default.SessionInfo));
            return;
        }
        await console.Out.WriteLineAsync(made.Id);
        console.Note($"Go on with it: codelab chat --session {made.Id}");
    }
}
