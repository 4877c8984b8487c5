using System.Security.Cryptography;
using System.Text;

namespace CodeLab.Modules.Auth.Clients;

/// <summary>Where a client is registered.</summary>
internal enum ClientOrigin
{
    /// <summary>Part of the product.</summary>
    BuiltIn,

    /// <summary><c>CodeLab:Auth:Clients</c>.</summary>
    Configuration,

    /// <summary>The dashboard or <c>/api/v1/admin/clients</c>.</summary>
    Database,
}

/// <summary>An OAuth client: an application that asks for tokens.</summary>
/// <param name="Id">Client id.</param>
/// <param name="SecretHash">SHA-256 of its secret; null for a public client. Secrets are long and random, so a slow hash would add nothing.</param>
/// <param name="Grants">Grants it may use.</param>
/// <param name="Scopes">Scopes it may be given.</param>
/// <param name="DefaultScopes">Scopes it gets when it asks for none.</param>
internal sealed record Client(
    string Id,
    byte[]? SecretHash,
    IReadOnlyList<string> Grants,
    IReadOnlyList<string> Scopes,
    IReadOnlyList<string> DefaultScopes
)
{
    // Ceiling of the password grant: no administration, whatever the user's role (security.md §4).
    private static readonly string[] _passwordScopes = [Access.Policies.Read, Access.Policies.Write, Access.Policies.Invoke];

    /// <summary>Name people see when they are asked to allow it.</summary>
    public string Name { get; init; } = Id;

    /// <summary>Addresses a browser may be sent back to.</summary>
    public IReadOnlyList<string> RedirectUris { get; init; } = [];

    /// <summary>True for our own programs: nobody is asked whether they may act for them.</summary>
    public bool IsFirstParty { get; init; }

    public ClientOrigin Origin { get; init; }

    public bool IsPublic => SecretHash is null;

    public bool SecretIs(string secret) =>
        SecretHash is not null && CryptographicOperations.FixedTimeEquals(SHA256.HashData(Encoding.UTF8.GetBytes(secret)), SecretHash);

    /// <summary>True when a grant may give a scope.</summary>
    public bool MayHave(string scope, string grant) =>
        Scopes.Contains(scope) && (grant != "password" || Array.IndexOf(_passwordScopes, scope) >= 0);

    /// <summary>
    /// True when a browser may be sent to an address with a code in it: it is registered, compared as text. Only the port of a loopback
    /// address of a public (native) client is free, because such a program takes whatever port it gets (RFC 8252 §7.3).
    /// </summary>
    public bool MayRedirectTo(string? address)
    {
        if (string.IsNullOrEmpty(address))
            return false;
        foreach (var registered in RedirectUris)
        {
            if (string.Equals(registered, address, StringComparison.Ordinal) || (IsPublic && IsSameLoopback(registered, address)))
                return true;
        }
        return false;
    }

    private static bool IsSameLoopback(string registered, string address)
    {
        if (
            !Uri.TryCreate(registered, UriKind.Absolute, out var one)
            || !Uri.TryCreate(address, UriKind.Absolute, out var other)
            || one.Scheme != "http"
            || other.Scheme != "http"
            || !IsLoopbackLiteral(one.Host)
            || one.Host != other.Host
        )
            return false;
        // Nothing but the port may differ, in any spelling: the address is put together again and compared as text.
        var again = $"http://{one.Host}:{other.Port.ToString(System.Globalization.CultureInfo.InvariantCulture)}{one.PathAndQuery}";
        return string.Equals(again, address, StringComparison.Ordinal);
    }

    // The name "localhost" may be resolved to anywhere (RFC 8252 §8.3).
    private static bool IsLoopbackLiteral(string host) => host is "127.0.0.1" or "[::1]";
}

/// <summary>Rules of addresses that may be registered.</summary>
internal static class RedirectUris
{
    private static readonly string[] _neverSchemes = ["javascript", "data", "file", "vbscript", "blob", "about", "ftp", "ws", "wss"];

    /// <summary>What is wrong with an address, or null: HTTPS, HTTP on a loopback address, or a scheme that holds a dot (RFC 8252 §7.1).</summary>
    public static string? Fault(string address)
    {
        if (address.Length > 1000 || !Uri.TryCreate(address, UriKind.Absolute, out var uri))
            return $"'{address}' is no absolute address.";
        if (address.Contains('#', StringComparison.Ordinal))
            return $"'{address}' has a fragment.";
        if (address.Contains('*', StringComparison.Ordinal) || address.Any(c => char.IsControl(c) || char.IsWhiteSpace(c)))
            return $"'{address}' has a character that redirect addresses may not have.";
        if (uri.UserInfo.Length > 0)
            return $"'{address}' names a user.";
        // What the answer adds must not be there before: a client would read the wrong one.
        if (
            uri.Query.Contains("iss=", StringComparison.OrdinalIgnoreCase)
            || uri.Query.Contains("code=", StringComparison.OrdinalIgnoreCase)
        )
            return $"'{address}' holds a parameter that the answer adds.";
        return uri.Scheme switch
        {
            "https" => null,
            "http" when uri.IsLoopback => null,
            "http" => $"'{address}' is reached in clear text; use https.",
            var scheme when Array.IndexOf(_neverSchemes, scheme) >= 0 => $"'{scheme}' is no scheme of an application.",
            var scheme when !scheme.Contains('.', StringComparison.Ordinal) =>
                $"'{scheme}' could be anybody's; name the scheme after a domain of yours, e.g. com.example.app.",
            _ => null,
        };
    }
}
