using System.Security.Claims;
using CodeLab.Modules.Auth.Browser;
using CodeLab.Modules.Auth.Pages;
using CodeLab.Modules.Auth.Pages.Account;
using CodeLab.Modules.Auth.Pages.SignIn;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.OpenIdConnect;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace CodeLab.Modules.Auth.External;

/// <summary>To a provider and back.</summary>
internal static partial class ExternalEndpoints
{
    public static void Map(RouteGroupBuilder pages)
    {
        pages.MapPost("/external/{name}", SignInAsync).AllowAnonymous();
        pages.MapGet("/external/{name}/callback", CallBackAsync).AllowAnonymous();
        var mine = pages.MapGroup("/external/{name}").RequireAuthorization(BrowserSession.Policy);
        mine.MapPost("/confirm", ConfirmAsync);
        mine.MapPost("/link", LinkAsync).RequireRecentSignIn(SecurityPage.Path);
        mine.MapPost("/unlink", UnlinkAsync).RequireRecentSignIn(SecurityPage.Path);
    }

    private static Task<IResult> SignInAsync(
        HttpContext http,
        string name,
        [FromForm(Name = "return")] string? back,
        IOptions<AuthOptions> options,
        ILogger<ExternalSignIn> logger
    ) =>
        SendAsync(
            http,
            name,
            new OpenIdConnectChallengeProperties { RedirectUri = ReturnPath.Of(back, BrowserSession.AccountPath) },
            options,
            logger
        );

    private static Task<IResult> ConfirmAsync(
        HttpContext http,
        string name,
        [FromForm(Name = "return")] string? back,
        IOptions<AuthOptions> options,
        ILogger<ExternalSignIn> logger
    )
    {
        var properties = new OpenIdConnectChallengeProperties
        {
            RedirectUri = ReturnPath.Of(back, BrowserSession.AccountPath),
            Prompt = "login",
            MaxAge = TimeSpan.Zero,
        };
        properties.Items[ExternalSignIn.Purpose] = "confirm";
        properties.Items[ExternalSignIn.Session] = http.User.FindFirstValue("sid");
        return SendAsync(http, name, properties, options, logger);
    }

    private static Task<IResult> LinkAsync(HttpContext http, string name, IOptions<AuthOptions> options, ILogger<ExternalSignIn> logger)
    {
        var properties = new OpenIdConnectChallengeProperties { RedirectUri = SecurityPage.Path };
        properties.Items[ExternalSignIn.Purpose] = "link";
        properties.Items[ExternalSignIn.Session] = http.User.FindFirstValue("sid");
        return SendAsync(http, name, properties, options, logger);
    }

    private static async Task<IResult> UnlinkAsync(HttpContext http, string name, ExternalLogins logins, IOptions<AuthOptions> options)
    {
        var external = options.Value.External.FirstOrDefault(e => e.Name == name);
        var done =
            external is not null && await logins.UnlinkAsync(PageContext.Of(http).User!.UserId, external.Issuer, http.RequestAborted);
        return new SeeOther(SecurityPage.Path + (done ? "?done=unlinked" : "?problem=only-way"));
    }

    private static async Task<IResult> SendAsync(
        HttpContext http,
        string name,
        OpenIdConnectChallengeProperties properties,
        IOptions<AuthOptions> options,
        ILogger<ExternalSignIn> logger
    )
    {
        var page = PageContext.Of(http);
        if (options.Value.External.FirstOrDefault(e => e.Name == name) is not { } external)
            return Results.NotFound();
        try
        {
            await http.ChallengeAsync(external.Scheme, properties);
        }
        catch (Exception exception) when (exception is InvalidOperationException or HttpRequestException)
        {
            Unreachable(logger, external.Name, exception.GetType().Name);
            return page.Message(
                page.Say($"{external.Shown} does not answer", $"{external.Shown} не отвечает"),
                page.Say("Try again in a minute, or sign in another way.", "Попробуйте через минуту или войдите иначе."),
                (BrowserSession.SignInPath, page.Say("Sign in another way", "Войти иначе")),
                StatusCodes.Status502BadGateway
            );
        }
        // The client answered with a redirect, which the policy "form-action" of our pages would stop: go on by a page.
        var address = http.Response.Headers.Location.ToString();
        http.Response.Headers.Remove("Location");
        return page.GoOn(
            address,
            page.Say($"On to {external.Shown}", $"Переход к {external.Shown}"),
            page.Say("You sign in there and come back.", "Вы войдёте там и вернётесь.")
        );
    }

    /// <summary>The answer of a provider. The framework's middleware would ask every scheme about every request; here it is one route.</summary>
    private static async Task<IResult> CallBackAsync(
        HttpContext http,
        string name,
        IOptions<AuthOptions> options,
        IAuthenticationHandlerProvider handlers
    )
    {
        if (options.Value.External.FirstOrDefault(e => e.Name == name) is not { } external)
            return Results.NotFound();
        var handler = await handlers.GetHandlerAsync(http, external.Scheme) as IAuthenticationRequestHandler;
        return handler is not null && await handler.HandleRequestAsync() ? Results.Empty : Results.NotFound();
    }

    [LoggerMessage(2043, LogLevel.Warning, "The provider {Provider} does not answer: {Reason}")]
    private static partial void Unreachable(ILogger logger, string provider, string reason);
}
