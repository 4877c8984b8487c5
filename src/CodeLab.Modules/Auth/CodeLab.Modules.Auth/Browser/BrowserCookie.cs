using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.WebUtilities;

namespace CodeLab.Modules.Auth.Browser;

/// <summary>
/// The cookie: id of the sign-in and when the person last proved who they are, authenticated by the key ring. Ids are shown in lists of
/// devices, so the id alone must open nothing.
/// </summary>
internal sealed class BrowserCookie(IDataProtectionProvider protection)
{
    private const int IdBytes = 16;
    private readonly Lazy<IDataProtector> _protector = new(() => protection.CreateProtector("codelab.browser-session.v1"));

    /// <summary>
    /// Over HTTPS the prefix makes browsers insist on <c>Secure</c>, path <c>/</c> and this very host. Loopback over HTTP, where that is
    /// impossible, has a name of its own, so that neither is ever read in place of the other.
    /// </summary>
    public static string Name(HttpRequest request) => request.IsHttps ? "__Host-codelab" : "codelab";

    public void Write(HttpContext context, string signInId, DateTimeOffset confirmedAt)
    {
        Span<byte> payload = stackalloc byte[IdBytes + 8];
        Guid.Parse(signInId).TryWriteBytes(payload);
        BinaryPrimitives.WriteInt64BigEndian(payload[IdBytes..], confirmedAt.ToUnixTimeMilliseconds());
        var value = WebEncoders.Base64UrlEncode(_protector.Value.Protect(payload.ToArray()));
        context.Response.Cookies.Append(Name(context.Request), value, Flags(context.Request));
    }

    public static void Delete(HttpContext context) => context.Response.Cookies.Delete(Name(context.Request), Flags(context.Request));

    /// <summary>Reads the cookie of a request; false when there is none, or none that this installation made.</summary>
    public bool TryRead(HttpRequest request, [NotNullWhen(true)] out string? signInId, out DateTimeOffset confirmedAt)
    {
        (signInId, confirmedAt) = (null, default);
        if (request.Cookies[Name(request)] is not { Length: > 0 and < 1024 } value)
            return false;
        byte[] payload;
        try
        {
            payload = _protector.Value.Unprotect(WebEncoders.Base64UrlDecode(value));
        }
        catch (Exception exception) when (exception is CryptographicException or FormatException)
        {
            return false;
        }
        if (payload.Length != IdBytes + 8)
            return false;
        signInId = new Guid(payload.AsSpan(0, IdBytes)).ToString();
        confirmedAt = DateTimeOffset.FromUnixTimeMilliseconds(BinaryPrimitives.ReadInt64BigEndian(payload.AsSpan(IdBytes)));
        return true;
    }

    // No expiry: the store decides when it ends, and closing the browser ends it too.
    private static CookieOptions Flags(HttpRequest request) =>
        new()
        {
            HttpOnly = true,
            Secure = request.IsHttps,
            SameSite = SameSiteMode.Strict,
            Path = "/",
            IsEssential = true,
        };
}
