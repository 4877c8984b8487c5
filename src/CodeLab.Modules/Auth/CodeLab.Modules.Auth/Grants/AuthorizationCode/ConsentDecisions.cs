using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Serialization;
using CodeLab.Modules.Auth.Clients;
using CodeLab.Modules.Auth.Persistence;
using Microsoft.AspNetCore.DataProtection;

namespace CodeLab.Modules.Auth.Grants.AuthorizationCode;

/// <summary>What the consent page shows.</summary>
/// <param name="ClientId">Client id.</param>
/// <param name="ClientName">Its name, as whoever registered it wrote it: text, never markup.</param>
/// <param name="UserName">Whose account is meant.</param>
/// <param name="Scopes">What is asked; the page words each of them.</param>
/// <param name="Destination">Where the browser goes next, as a person recognises it: host, or the scheme of an installed application.</param>
internal sealed record ConsentQuestion(
    string ClientId,
    string ClientName,
    string UserName,
    IReadOnlyList<string> Scopes,
    string Destination
);

/// <summary>
/// The decisions behind the consent page. The authorization endpoint sends the browser to <c>/consent?request=…</c>; <c>request</c> is
/// sealed by us, good for ten minutes and for one person. The page shows <see cref="Read"/>, and after its form was posted (with an
/// antiforgery token) sends the browser to the local path that <see cref="AllowAsync"/> or <see cref="Deny"/> answers, by 302 or 303:
/// the authorization endpoint does the rest.
/// </summary>
internal sealed class ConsentDecisions(ClientRegistry clients, Consents consents, IDataProtectionProvider protection, TimeProvider time)
{
    public const string Page = "/consent";
    private const int Minutes = 10;
    private readonly IDataProtector _requests = protection.CreateProtector("codelab consent request v1");
    private readonly IDataProtector _refusals = protection.CreateProtector("codelab consent refusal v1");

    /// <summary>The question; null when the request was not made by us, is older than ten minutes, or is for somebody else.</summary>
    public ConsentQuestion? Read(string? request, BrowserUser user) =>
        Open(_requests, request, user) is { } open && clients.Find(open.ClientId) is { } client
            ? new(client.Id, client.Name, user.UserName, open.Scopes, Destination(open.RedirectUri))
            : null;

    /// <summary>Remembers the consent. Null as in <see cref="Read"/>, else the local path to go on with.</summary>
    public async Task<string?> AllowAsync(string? request, BrowserUser user, CancellationToken cancellationToken)
    {
        if (Open(_requests, request, user) is not { } open || clients.Find(open.ClientId) is null)
            return null;
        await consents.AllowAsync(user.UserId, open.ClientId, open.Scopes, cancellationToken);
        return open.Path;
    }

    /// <summary>Refuses. Null as in <see cref="Read"/>, else the local path to go on with, which tells the client.</summary>
    public string? Deny(string? request, BrowserUser user) =>
        Open(_requests, request, user) is { } open ? $"{open.Path}&{AuthorizationPaths.Refusal}={Seal(_refusals, open)}" : null;

    /// <summary>Path of the consent page for an authorization request that needs one.</summary>
    internal string Ask(BrowserUser user, string clientId, IReadOnlyList<string> scopes, string redirectUri, string path)
    {
        var request = new ConsentRequest(
            user.UserId,
            clientId,
            scopes,
            redirectUri,
            path,
            time.Milliseconds() + (long)TimeSpan.FromMinutes(Minutes).TotalMilliseconds
        );
        return $"{Page}?request={Seal(_requests, request)}";
    }

    /// <summary>True when the person refused exactly this.</summary>
    internal bool IsRefused(string? refusal, BrowserUser user, string clientId, string redirectUri) =>
        Open(_refusals, refusal, user) is { } open && open.ClientId == clientId && open.RedirectUri == redirectUri;

    // The text is base64url already.
    private static string Seal(IDataProtector protector, ConsentRequest request) =>
        protector.Protect(JsonSerializer.Serialize(request, ConsentJson.Default.ConsentRequest));

    private ConsentRequest? Open(IDataProtector protector, string? request, BrowserUser user)
    {
        if (string.IsNullOrEmpty(request))
            return null;
        try
        {
            var open = JsonSerializer.Deserialize(protector.Unprotect(request), ConsentJson.Default.ConsentRequest);
            return open is not null && open.UserId == user.UserId && open.ExpiresAt > time.Milliseconds() ? open : null;
        }
        catch (CryptographicException)
        {
            // Not ours.
            return null;
        }
    }

    private static string Destination(string redirectUri)
    {
        var uri = new Uri(redirectUri);
        return uri.Scheme is "http" or "https" ? uri.Host : uri.Scheme;
    }

    internal sealed record ConsentRequest(
        string UserId,
        string ClientId,
        IReadOnlyList<string> Scopes,
        string RedirectUri,
        string Path,
        long ExpiresAt
    );
}

[JsonSerializable(typeof(ConsentDecisions.ConsentRequest))]
internal sealed partial class ConsentJson : JsonSerializerContext;
