using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using OpenIddict.Abstractions;
using OpenIddict.Core;

namespace CodeLab.Modules.Auth.Clients;

/// <summary>
/// Compares client secrets in constant time with one SHA-256 (OpenIddict's own slow hash is meant for short secrets), and redirect addresses
/// by our rule, which frees the port of loopback addresses of native clients and nothing else.
/// </summary>
internal sealed class ClientManager(
    IOpenIddictApplicationCache<Client> cache,
    ILogger<OpenIddictApplicationManager<Client>> logger,
    IOptionsMonitor<OpenIddictCoreOptions> options,
    IOpenIddictApplicationStore<Client> store
) : OpenIddictApplicationManager<Client>(cache, logger, options, store)
{
    public override ValueTask<bool> ValidateClientSecretAsync(
        Client application,
        string secret,
        CancellationToken cancellationToken = default
    ) => new(application.SecretIs(secret));

    public override ValueTask<bool> ValidateRedirectUriAsync(
        Client application,
        string uri,
        CancellationToken cancellationToken = default
    ) => new(application.MayRedirectTo(uri));
}
