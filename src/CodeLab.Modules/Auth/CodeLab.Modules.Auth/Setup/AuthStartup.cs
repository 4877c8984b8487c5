using CodeLab.BuildingBlocks.Data;
using CodeLab.BuildingBlocks.Startup;
using CodeLab.Modules.Auth.Access;
using CodeLab.Modules.Auth.Audit;
using CodeLab.Modules.Auth.Clients;
using CodeLab.Modules.Auth.Keys;
using CodeLab.Modules.Auth.Users;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging;

namespace CodeLab.Modules.Auth.Setup;

/// <summary>Loads the keys and sees that there is, or can be, an administrator. Plain SQL: EF and OpenIddict are not loaded for it.</summary>
internal sealed class AuthStartup(
    Database database,
    KeyRing keys,
    AuditKey auditKey,
    ClientRegistry clients,
    SetupState setup,
    AdministratorFromEnvironment administrator
) : IStartupTask
{
    public int Order => 100;

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken);
        await keys.LoadAsync(cancellationToken);
        await auditKey.LoadAsync(connection, cancellationToken);
        await clients.ReadAsync(database, cancellationToken);
        if (await setup.ReadAsync(connection, cancellationToken))
            return;
        if (await administrator.TryCreateAsync(cancellationToken))
            return;
        await setup.PrintLinkAsync(isFirstStart: true, cancellationToken);
    }
}

/// <summary>
/// The first administrator of an unattended installation: <c>CODELAB_ADMIN_USERNAME</c> with <c>CODELAB_ADMIN_PASSWORD_FILE</c> or
/// <c>CODELAB_ADMIN_PASSWORD</c>, or the original service's <c>AUTH_SERVICE__MASTER_KEY</c>. Read only while there is no administrator.
/// </summary>
internal sealed partial class AdministratorFromEnvironment(
    IConfiguration configuration,
    Accounts accounts,
    SetupState setup,
    ILogger<AdministratorFromEnvironment> logger
)
{
    /// <summary>Makes the administrator; false when the environment names none.</summary>
    /// <exception cref="InvalidOperationException">The values are weak or incomplete; the message says what to do and holds no secret.</exception>
    public async Task<bool> TryCreateAsync(CancellationToken cancellationToken)
    {
        var name = configuration["CODELAB_ADMIN_USERNAME"];
        if (await PasswordAsync(cancellationToken) is not { } password)
        {
            return string.IsNullOrEmpty(name)
                ? false
                : throw new InvalidOperationException(
                    "CODELAB_ADMIN_USERNAME is set without a password: set CODELAB_ADMIN_PASSWORD_FILE or CODELAB_ADMIN_PASSWORD as well."
                );
        }
        name = string.IsNullOrEmpty(name) ? "admin" : name;
        var email = configuration["CODELAB_ADMIN_EMAIL"] is { Length: > 0 } given ? given : $"{name}@codelab.local";
        var result = await accounts.CreateAsync(new(name, email, password, [Roles.Admin]), setup.Claim(token: null), cancellationToken);
        if (result.Error is { } error)
            throw new InvalidOperationException($"The administrator of the environment ('{name}') was refused. {error.Message}");
        setup.Claimed();
        if (result.Value is { } account)
            Created(account.Id);
        return true;
    }

    private async Task<string?> PasswordAsync(CancellationToken cancellationToken)
    {
        if (configuration["CODELAB_ADMIN_PASSWORD_FILE"] is { Length: > 0 } file)
        {
            if (!File.Exists(file))
                throw new InvalidOperationException($"CODELAB_ADMIN_PASSWORD_FILE names a file that does not exist: {file}");
            // Files are written with a line end by most tools; it is not part of the password.
            return (await File.ReadAllTextAsync(file, cancellationToken)).TrimEnd('\r', '\n');
        }
        // Double underscores in the environment's names become colons.
        return new[] { configuration["CODELAB_ADMIN_PASSWORD"], configuration["AUTH_SERVICE:MASTER_KEY"] }.FirstOrDefault(p =>
            !string.IsNullOrEmpty(p)
        );
    }

    [LoggerMessage(2020, LogLevel.Information, "Made the administrator {UserId} named in the environment")]
    private partial void Created(string userId);
}
