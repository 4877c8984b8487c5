using System.CommandLine;
using CodeLab.Cli.CommandLine;
using CodeLab.Cli.Server;
using CodeLab.Client.SignIn;

namespace CodeLab.Cli.SignIn;

/// <summary><c>codelab logout</c>: revokes the sign-in at the server and forgets it here.</summary>
internal static class LogoutCommand
{
    public static Command Create(CommonOptions options)
    {
        var command = new Command("logout", "Signs out of a server") { options.Server, options.Data, options.NoColor };
        CodeLabCommand.SetAction(
            command,
            options,
            async (_, settings, console, cancellationToken) =>
            {
                using var connection = await ServerConnection.OpenAsync(settings, cancellationToken);
                StoredTokens? forgotten = null;
                // Forgotten first: whatever the server says, this machine no longer signs in.
                await connection.Store.ChangeAsync(
                    connection.Server.Text,
                    stored =>
                    {
                        forgotten = stored;
                        return Task.FromResult<StoredTokens?>(null);
                    },
                    cancellationToken
                );
                if (forgotten is null)
                {
                    console.Note($"Not signed in to {connection.Server}.");
                    return ExitCodes.Done;
                }

                var revoked = false;
                try
                {
                    revoked = forgotten.RefreshToken is { } token && await connection.OAuth.RevokeAsync(token, cancellationToken);
                }
                catch (HttpRequestException fault)
                {
                    console.Note($"The server cannot be reached: {fault.GetBaseException().Message}");
                }
                console.Note(
                    revoked
                        ? $"Signed out of {connection.Server}."
                        : $"Signed out here, but {connection.Server} did not confirm it: the old sign-in ends there by itself, at the latest in 30 days."
                );
                return revoked ? ExitCodes.Done : ExitCodes.Failed;
            }
        );
        return command;
    }
}
