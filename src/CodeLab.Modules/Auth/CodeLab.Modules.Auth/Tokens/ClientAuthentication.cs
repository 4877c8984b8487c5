using System.Text;
using CodeLab.Modules.Auth.Clients;
using Microsoft.AspNetCore.Http;

namespace CodeLab.Modules.Auth.Tokens;

/// <summary>Finds out which client sent a form and whether it is that client (RFC 6749 §2.3): secret in the form or by HTTP Basic.</summary>
internal static class ClientAuthentication
{
    private static readonly OAuthError _refused = new("invalid_client", "Unknown client or wrong client secret");

    /// <summary>The client, or the refusal. A public client proves nothing; a secret it sends is not looked at (protocol.md §2.1).</summary>
    public static (Client? Client, OAuthError? Error) Check(ClientRegistry clients, HttpContext context, IFormCollection form)
    {
        var basic = Basic(context.Request.Headers.Authorization.ToString());
        var id = form["client_id"].ToString();
        var secret = form["client_secret"].ToString();
        if (basic is var (basicId, basicSecret))
        {
            if (id.Length > 0 && id != basicId)
                return (null, new("invalid_request", "The form and the Authorization header name different clients"));
            if (secret.Length > 0)
                return (null, new("invalid_request", "Send the client secret once: in the form or in the Authorization header"));
            (id, secret) = (basicId, basicSecret);
        }
        if (id.Length == 0)
            return (null, new("invalid_request", "Missing required parameter: client_id"));
        if (clients.Find(id) is not { } client)
            return (null, _refused);
        return client.IsPublic || client.SecretIs(secret) || (basic is not null && client.SecretIs(Decoded(secret)))
            ? (client, null)
            : (null, _refused);
    }

    private static (string Id, string Secret)? Basic(string header)
    {
        if (!header.StartsWith("Basic ", StringComparison.OrdinalIgnoreCase))
            return null;
        var buffer = new byte[header.Length];
        if (!Convert.TryFromBase64String(header[6..].Trim(), buffer, out var length))
            return null;
        var pair = Encoding.UTF8.GetString(buffer, 0, length);
        var colon = pair.IndexOf(':', StringComparison.Ordinal);
        return colon < 0 ? null : (Decoded(pair[..colon]), pair[(colon + 1)..]);
    }

    // Both are form-encoded before they are joined (RFC 6749 §2.3.1), which not every client does: a secret is good either way.
    private static string Decoded(string text) => Uri.UnescapeDataString(text.Replace('+', ' '));
}
