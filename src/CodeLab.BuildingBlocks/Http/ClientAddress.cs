using System.Net;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Configuration;

namespace CodeLab.BuildingBlocks.Http;

/// <summary>
/// Finds who is calling: the peer, or, when the peer is a listed proxy, the right-most hop of <c>X-Forwarded-For</c> that is not a
/// listed proxy itself. The first entry is never trusted: anybody can write it (security.md §3).
/// </summary>
/// <remarks>Proxies are listed in <c>CodeLab:TrustedProxies</c> as addresses or networks (<c>10.0.0.0/8</c>).</remarks>
public sealed class ClientAddress
{
    private readonly List<IPNetwork> _proxies = [];

    /// <summary>Reads the list of proxies.</summary>
    /// <exception cref="InvalidOperationException">An entry is neither an address nor a network.</exception>
    public ClientAddress(IConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        var section = configuration.GetSection("CodeLab:TrustedProxies");
        var entries = section.GetChildren().Select(c => c.Value).Append(section.Value);
        foreach (var entry in entries.SelectMany(e => (e ?? "").Split([',', ' '], StringSplitOptions.RemoveEmptyEntries)))
        {
            if (IPNetwork.TryParse(entry, out var network))
                _proxies.Add(network);
            else if (IPAddress.TryParse(entry, out var address))
                _proxies.Add(new IPNetwork(address, address.GetAddressBytes().Length * 8));
            else
                throw new InvalidOperationException($"CodeLab:TrustedProxies: '{entry}' is neither an address nor a network");
        }
    }

    /// <summary>Address of the caller; <c>unknown</c> where the transport has none.</summary>
    public string Of(HttpContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        var peer = Plain(context.Connection.RemoteIpAddress);
        if (peer is null)
            return "unknown";
        if (!IsProxy(peer))
            return peer.ToString();
        var client = peer;
        var hops = context.Request.Headers["X-Forwarded-For"].SelectMany(h => (h ?? "").Split(',')).ToArray();
        for (var i = hops.Length - 1; i >= 0; i--)
        {
            // What a proxy passed on but is no address was written by the caller: stop at the last hop that is known.
            if (!IPAddress.TryParse(hops[i].Trim(), out var hop))
                break;
            client = Plain(hop)!;
            if (!IsProxy(client))
                break;
        }
        return client.ToString();
    }

    /// <summary>True when secrets may travel: HTTPS, the same machine, or a listed proxy that says it was reached by HTTPS.</summary>
    public bool IsPrivateTransport(HttpContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        if (context.Request.IsHttps || Plain(context.Connection.RemoteIpAddress) is not { } peer)
            return true;
        if (IsProxy(peer))
            return !string.Equals(context.Request.Headers["X-Forwarded-Proto"].LastOrDefault(), "http", StringComparison.OrdinalIgnoreCase);
        return IPAddress.IsLoopback(peer);
    }

    private bool IsProxy(IPAddress address) => _proxies.Any(p => p.Contains(address));

    private static IPAddress? Plain(IPAddress? address) => address is { IsIPv4MappedToIPv6: true } ? address.MapToIPv4() : address;
}
