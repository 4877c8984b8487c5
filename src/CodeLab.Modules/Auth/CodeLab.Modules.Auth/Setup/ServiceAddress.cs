using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.Configuration;

namespace CodeLab.Modules.Auth.Setup;

/// <summary>The address people reach this service by, for links they are given.</summary>
internal sealed class ServiceAddress(IConfiguration configuration, IServer server)
{
    /// <summary>Without a slash at the end.</summary>
    public string Base
    {
        get
        {
            if (configuration["CodeLab:PublicUrl"] is { Length: > 0 } url)
                return url.TrimEnd('/');
            var address =
                server.Features.Get<IServerAddressesFeature>()?.Addresses.FirstOrDefault()
                // A command prints links without listening itself.
                ?? configuration["urls"]?.Split(';')[0]
                ?? "http://localhost:8000";
            // Where it listens on every address, this machine's own name for itself is one that works.
            return address
                .Replace("://[::]", "://localhost", StringComparison.Ordinal)
                .Replace("://0.0.0.0", "://localhost", StringComparison.Ordinal)
                .Replace("://+", "://localhost", StringComparison.Ordinal)
                .Replace("://*", "://localhost", StringComparison.Ordinal)
                .TrimEnd('/');
        }
    }
}
