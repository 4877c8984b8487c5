using System.CommandLine;
using CodeLab.Cli.CommandLine;
using CodeLab.Cli.Server;
using CodeLab.Cli.Terminal;
using CodeLab.Client.SignIn;

namespace CodeLab.Cli.SignIn;

/// <summary><c>codelab login</c>: signs in by password, browser or device code, and keeps the tokens.</summary>
internal static class LoginCommand
{
    // What the program does: read and change sessions, and ask models in the person's name. Administration is for the dashboard.
    private const string Scope = "api:read api:write llm:invoke";

    public static Command Create(CommonOptions options)
    {
        var device = new Option<bool>("--device") { Description = "Sign in with a code that is typed at a browser anywhere" };
        var browser = new Option<bool>("--browser") { Description = "Sign in with the browser of this machine" };
        var username = new Option<string?>("--username") { Description = "User name or e-mail address", HelpName = "NAME" };
        var fromInput = new Option<bool>("--password-stdin") { Description = "Read the password from standard input (its first line)" };
        var command = new Command("login", "Signs in to a server")
        {
            options.Server,
            device,
            browser,
            username,
            fromInput,
            options.Data,
            options.NoColor,
        };
        CodeLabCommand.SetAction(
            command,
            options,
            async (parsed, settings, console, cancellationToken) =>
            {
                var byDevice = parsed.GetValue(device);
                var byBrowser = parsed.GetValue(browser);
                var name = parsed.GetValue(username);
                var byPassword = name is not null || parsed.GetValue(fromInput);
                if ((byDevice ? 1 : 0) + (byBrowser ? 1 : 0) + (byPassword ? 1 : 0) > 1)
                    throw new UsageException("Give one of --device, --browser, or --username with --password-stdin.");
                using var connection = await ServerConnection.OpenAsync(settings, cancellationToken);
                var tokens =
                    byDevice ? await ByDeviceAsync(connection, console, cancellationToken)
                    : byBrowser ? await ByBrowserAsync(connection, console, cancellationToken)
                    : await ByPasswordAsync(connection, console, name, parsed.GetValue(fromInput), cancellationToken);
                await connection.Store.ChangeAsync(connection.Server.Text, _ => Task.FromResult(tokens)!, cancellationToken);
                console.Note($"Signed in to {connection.Server}{(tokens.Username is { } who ? " as " + SafeText.Plain(who) : "")}.");
                return ExitCodes.Done;
            }
        );
        return command;
    }

    private static async Task<StoredTokens> ByPasswordAsync(
        ServerConnection connection,
        CliConsole console,
        string? name,
        bool fromInput,
        CancellationToken cancellationToken
    )
    {
        var password = fromInput ? await Console.In.ReadLineAsync(cancellationToken) : null;
        if (!console.IsInteractive && (name is null || password is null))
            throw new UsageException("There is no terminal to ask at. Give --username NAME and --password-stdin, or --device.");
        name ??= await SecretPrompt.AskAsync(console, $"User name at {connection.Server}: ", hidden: false, cancellationToken);
        password ??= await SecretPrompt.AskAsync(console, "Password: ", hidden: true, cancellationToken);
        if (string.IsNullOrEmpty(name) || string.IsNullOrEmpty(password))
            throw new UsageException("A name and a password are needed to sign in.");
        return await connection.OAuth.SignInAsync(name, password, cancellationToken);
    }

    private static async Task<StoredTokens> ByDeviceAsync(
        ServerConnection connection,
        CliConsole console,
        CancellationToken cancellationToken
    )
    {
        var tokens = await new DeviceSignIn(connection.OAuth, connection.Time).SignInAsync(
            Scope,
            shown =>
            {
                console.Note($"Open {SafeText.Plain(shown.VerificationUri)} in a browser, on any device, and enter the code");
                console.Note($"  {SafeText.Plain(shown.UserCode)}");
                console.Note($"It is good for {shown.ExpiresIn / 60} minutes. Waiting; Ctrl+C stops.");
                return Task.CompletedTask;
            },
            cancellationToken
        );
        return await NamedAsync(connection, tokens, cancellationToken);
    }

    private static async Task<StoredTokens> ByBrowserAsync(
        ServerConnection connection,
        CliConsole console,
        CancellationToken cancellationToken
    )
    {
        var tokens = await new BrowserSignIn(connection.OAuth, connection.Server).SignInAsync(
            Scope,
            address =>
            {
                var opened = BrowserProgram.TryOpen(address);
                console.Note(
                    opened ? "Your browser was opened. If it shows nothing, open this address:" : "Open this address in a browser:"
                );
                console.Note($"  {address.AbsoluteUri}");
                return Task.CompletedTask;
            },
            cancellationToken
        );
        return await NamedAsync(connection, tokens, cancellationToken);
    }

    /// <summary>Who it was that signed in elsewhere the server knows.</summary>
    private static async Task<StoredTokens> NamedAsync(
        ServerConnection connection,
        StoredTokens tokens,
        CancellationToken cancellationToken
    ) => tokens with { Username = await connection.OAuth.WhoAsync(tokens, cancellationToken) };
}
