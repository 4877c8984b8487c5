using System.CommandLine;
using CodeLab.Cli.Chat;
using CodeLab.Cli.Doctor;
using CodeLab.Cli.Run;
using CodeLab.Cli.Sessions;
using CodeLab.Cli.SignIn;
using CodeLab.Cli.Terminal;
using CodeLab.Cli.Up;
using CodeLab.Client.Rest;
using CodeLab.Client.SignIn;

namespace CodeLab.Cli.CommandLine;

/// <summary>The command line: commands, their options, and how a failure becomes a sentence and an exit code.</summary>
internal static class CodeLabCommand
{
    public static RootCommand Create()
    {
        var options = new CommonOptions();
        return new RootCommand("CodeLab: agents that plan on a server and work in your folder, asking before they change anything.")
        {
            UpCommand.Create(options),
            LoginCommand.Create(options),
            LogoutCommand.Create(options),
            ChatCommand.Create(options),
            RunCommand.Create(options),
            SessionsCommand.Create(options),
            DoctorCommand.Create(options),
        };
    }

    public static async Task<int> InvokeAsync(string[] args)
    {
        var parsed = Create().Parse(args);
        if (parsed.Errors.Count > 0)
        {
            foreach (var error in parsed.Errors)
                await Console.Error.WriteLineAsync($"codelab: {error.Message}");
            var command = parsed.CommandResult.Command is RootCommand ? "codelab" : $"codelab {parsed.CommandResult.Command.Name}";
            await Console.Error.WriteLineAsync($"See '{command} --help'.");
            return ExitCodes.Usage;
        }
        // Ctrl-C means "cancel the turn" here, which each command handles; the library's own handler would end the process.
        return await parsed.InvokeAsync(
            new InvocationConfiguration { ProcessTerminationTimeout = null, EnableDefaultExceptionHandler = false }
        );
    }

    /// <summary>Makes a command's action: opens the console and turns the failures a person can understand into exit codes.</summary>
    public static void SetAction(
        Command command,
        CommonOptions options,
        Func<ParseResult, CommonSettings, CliConsole, CancellationToken, Task<int>> action
    ) =>
        command.SetAction(
            async (parsed, cancellationToken) =>
            {
                var settings = options.Read(parsed);
                var console = CliConsole.Open(settings.NoColor, settings.Json);
                return await GuardAsync(console, () => action(parsed, settings, console, cancellationToken));
            }
        );

    internal static async Task<int> GuardAsync(CliConsole console, Func<Task<int>> action)
    {
        try
        {
            return await action();
        }
        catch (UsageException fault)
        {
            console.Problem(fault.Message);
            return ExitCodes.Usage;
        }
        catch (NotSignedInException fault)
        {
            console.Problem($"{fault.Message} Sign in: codelab login --server {fault.Server}");
            return ExitCodes.NotSignedIn;
        }
        catch (SignInRefusedException fault)
        {
            console.Problem($"The sign-in was refused: {fault.Message}");
            return ExitCodes.NotSignedIn;
        }
        catch (ServerException fault)
        {
            console.Problem($"{fault.Message} ({fault.Code})");
            return ExitCodes.Failed;
        }
        catch (HttpRequestException fault)
        {
            console.Problem($"The server cannot be reached: {fault.GetBaseException().Message}");
            return ExitCodes.Failed;
        }
        catch (Exception fault)
            when (fault
                    is ServerUnreachableException
                        or CommandFailedException
                        or IOException
                        or UnauthorizedAccessException
                        or TimeoutException
                        or InvalidDataException
            )
        {
            console.Problem(fault.Message);
            return ExitCodes.Failed;
        }
        catch (OperationCanceledException)
        {
            return ExitCodes.Cancelled;
        }
    }
}
