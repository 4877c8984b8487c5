using System.CommandLine;
using CodeLab.Cli.CommandLine;
using CodeLab.Cli.Server;
using CodeLab.Cli.Terminal;

namespace CodeLab.Cli.SignIn;

/// <summary><c>codelab login</c>: signs in with name and password and keeps the tokens.</summary>
internal static class LoginCommand
{
    public static Command Create(CommonOptions options)
    {
        var username = new Option<string?>("--username") { Description = "User name or e-mail address", HelpName = "NAME" };
        var fromInput = new Option<bool>("--password-stdin") { Description = "Read the password from standard input (its first line)" };
        var command = new Command("login", "Signs in to a server") { options.Server, username, fromInput, options.Data, options.NoColor };
        CodeLabCommand.SetAction(
            command,
            options,
            async (parsed, settings, console, cancellationToken) =>
            {
                using var connection = await ServerConnection.OpenAsync(settings, cancellationToken);
                var name = parsed.GetValue(username);
                var password = parsed.GetValue(fromInput) ? await Console.In.ReadLineAsync(cancellationToken) : null;
                if (!console.IsInteractive && (name is null || password is null))
                    throw new UsageException("There is no terminal to ask at. Give --username NAME and --password-stdin.");
                name ??= await SecretPrompt.AskAsync(console, $"User name at {connection.Server}: ", hidden: false, cancellationToken);
                password ??= await SecretPrompt.AskAsync(console, "Password: ", hidden: true, cancellationToken);
                if (string.IsNullOrEmpty(name) || string.IsNullOrEmpty(password))
                    throw new UsageException("A name and a password are needed to sign in.");

                var tokens = await connection.OAuth.SignInAsync(name, password, cancellationToken);
                await connection.Store.ChangeAsync(connection.Server.Text, _ => Task.FromResult(tokens)!, cancellationToken);
                console.Note($"Signed in to {connection.Server} as {SafeText.Plain(name)}.");
                return ExitCodes.Done;
            }
        );
        return command;
    }
}
