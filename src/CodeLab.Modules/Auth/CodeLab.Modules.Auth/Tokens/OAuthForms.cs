using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Configuration;

namespace CodeLab.Modules.Auth.Tokens;

/// <summary>Reads the forms of OAuth endpoints.</summary>
internal static class OAuthForms
{
    public static readonly OAuthError Unreadable = new(
        "invalid_request",
        "Send the parameters as application/x-www-form-urlencoded, each of them once"
    );

    /// <summary>The form; null when there is none, it cannot be read, or it gives a parameter twice (RFC 6749 §3.2).</summary>
    public static async Task<IFormCollection?> ReadAsync(HttpContext context)
    {
        if (await TryReadAsync(context) is not { } form)
            return null;
        return HasRepeated(form) ? null : form;
    }

    public static async Task<IFormCollection?> TryReadAsync(HttpContext context)
    {
        try
        {
            return context.Request.HasFormContentType ? await context.Request.ReadFormAsync(context.RequestAborted) : null;
        }
        catch (Exception e) when (e is InvalidDataException or BadHttpRequestException or IOException)
        {
            return null;
        }
    }

    public static bool HasRepeated(IFormCollection form)
    {
        foreach (var parameter in form)
        {
            if (parameter.Value.Count > 1)
                return true;
        }
        return false;
    }
}

/// <summary>The address by which clients reach this service.</summary>
internal static class PublicAddress
{
    /// <summary><c>CodeLab:PublicUrl</c>, or else what the request was sent to; without a last slash.</summary>
    public static string Of(HttpContext context, IConfiguration configuration) =>
        configuration["CodeLab:PublicUrl"] is { Length: > 0 } configured
            ? configured.TrimEnd('/')
            : $"{context.Request.Scheme}://{context.Request.Host}{context.Request.PathBase}";
}
