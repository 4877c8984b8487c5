using CodeLab.Modules.Auth.Clients;
using CodeLab.Modules.Auth.Pages;
using Microsoft.AspNetCore;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;
using OpenIddict.Server;
using static OpenIddict.Abstractions.OpenIddictConstants;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace CodeLab.Modules.Auth.Grants.AuthorizationCode;

/// <summary>
/// The last step of <c>/oauth/authorize</c>: back to the client, with <c>state</c> and <c>iss</c> (RFC 9207), or, where the client or its
/// address is not known, a page that tells the person.
/// </summary>
internal sealed class AuthorizationAnswers(IOptions<AuthOptions> options)
{
    /// <summary>Sends the browser to the client.</summary>
    /// <param name="http">The request.</param>
    /// <param name="redirectUri">An address the client has registered.</param>
    /// <param name="parameters">What to tell it; values that are null are left out.</param>
    /// <param name="byPage">True to go on by a page instead of a redirect (<see cref="AuthorizationPaths.ComesFromPage"/>).</param>
    public Task RedirectAsync(HttpContext http, string redirectUri, KeyValuePair<string, string?>[] parameters, bool byPage)
    {
        var query = parameters
            .Append(new(Parameters.Iss, options.Value.Issuer))
            .Where(p => !string.IsNullOrEmpty(p.Value))
            .Select(p => $"{p.Key}={Uri.EscapeDataString(p.Value!)}");
        var address = redirectUri + (redirectUri.Contains('?', StringComparison.Ordinal) ? '&' : '?') + string.Join('&', query);
        http.Response.Headers.CacheControl = "no-store";
        http.Response.Headers["Referrer-Policy"] = "no-referrer";
        if (!byPage)
        {
            http.Response.Redirect(address);
            return Task.CompletedTask;
        }
        return GoOnAsync(http, address);
    }

    /// <summary>Lets the browser ask again by itself, from this host.</summary>
    public static Task AskAgainAsync(HttpContext http, string path) => GoOnAsync(http, path);

    private static Task GoOnAsync(HttpContext http, string address)
    {
        var page = PageContext.Of(http);
        var title = page.Say("One moment", "Один момент");
        return page.GoOn(address, title, page.Say("The application opens by itself.", "Приложение откроется само.")).ExecuteAsync(http);
    }

    /// <summary>Tells the person that the application asked wrongly: sending them back could send them anywhere.</summary>
    public static Task RefuseAsync(HttpContext http, string description)
    {
        var page = PageContext.Of(http);
        return page.Message(
                page.Say("This sign-in cannot go on", "Этот вход невозможен"),
                page.Say(
                    $"The application asked for it in a way that is not allowed: {description} Go back to the application and try again, or tell whoever runs it.",
                    $"Приложение запросило его недопустимым образом: {description} Вернитесь в приложение и попробуйте снова или сообщите его владельцу."
                ),
                next: null,
                StatusCodes.Status400BadRequest
            )
            .ExecuteAsync(http);
    }
}

/// <summary>
/// Writes refusals. OpenIddict would show all of them to the person; the client is told wherever it is safe to (RFC 6749 §4.1.2.1).
/// </summary>
internal sealed class WriteAuthorizationRefusal(ClientRegistry clients, AuthorizationAnswers answers)
    : IOpenIddictServerHandler<ApplyAuthorizationResponseContext>
{
    public async ValueTask HandleAsync(ApplyAuthorizationResponseContext context)
    {
        var http =
            context.Transaction.GetHttpRequest()?.HttpContext
            ?? throw new InvalidOperationException("The authorization endpoint is reached by HTTP only");
        var request = context.Request;
        var error = context.Response.Error ?? Errors.InvalidRequest;
        var description = context.Response.ErrorDescription ?? "The request is not valid";
        var redirectUri = request?.RedirectUri;
        if (clients.Find(request?.ClientId) is { } client && client.MayRedirectTo(redirectUri))
        {
            await answers.RedirectAsync(
                http,
                redirectUri!,
                [new(Parameters.Error, error), new(Parameters.ErrorDescription, description), new(Parameters.State, request!.State)],
                AuthorizationPaths.ComesFromPage(request)
            );
        }
        else
        {
            await AuthorizationAnswers.RefuseAsync(http, description);
        }
        context.HandleRequest();
    }
}
