using CodeLab.BuildingBlocks.Data;
using CodeLab.BuildingBlocks.Startup;
using CodeLab.Modules.Auth.Persistence;

namespace CodeLab.Modules.Auth.Setup;

/// <summary><c>setup-link</c>: makes and prints a new set-up link, which voids the one before it (security.md §5.3).</summary>
internal sealed class SetupLinkCommand(Database database, SetupState setup) : IHostCommand
{
    public string Name => "setup-link";

    public string Summary => "prints a new link to create the first administrator";

    public async Task<int> RunAsync(IReadOnlyList<string> arguments, TextWriter output, CancellationToken cancellationToken)
    {
        await using (var connection = await database.OpenAsync(cancellationToken))
        {
            if (!await connection.HasTableAsync("auth_setup", cancellationToken))
            {
                await output.WriteLineAsync("The database is empty: start the service first, which prints a link by itself.");
                return 1;
            }
            if (await setup.ReadAsync(connection, cancellationToken))
            {
                await output.WriteLineAsync("There is an administrator already: sign in, or let an administrator reset your password.");
                return 1;
            }
        }
        return await setup.PrintLinkAsync(isFirstStart: false, cancellationToken) ? 0 : 1;
    }
}
