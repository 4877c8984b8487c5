using System.Security.Claims;
using CodeLab.BuildingBlocks.Http;
using CodeLab.Modules.Auth.Browser;
using CodeLab.Modules.Auth.Limits;
using CodeLab.Modules.Auth.Passkeys;
using CodeLab.Modules.Auth.Users;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace CodeLab.Modules.Auth.Pages.SignIn;

/// <summary>Signing in by passkey, and the question before a sensitive change.</summary>
internal static class PasskeyEndpoints
{
    public static void Map(RouteGroupBuilder pages)
    {
        pages.MapPost("/sign-in/passkey/options", SignInOptionsAsync).AllowAnonymous();
        pages.MapPost("/sign-in/passkey", SignInAsync).AllowAnonymous();
        var confirm = pages.MapGroup(BrowserSession.ConfirmPath).RequireAuthorization(BrowserSession.Policy);
        confirm.MapGet("", ShowConfirmAsync);
        confirm.MapPost("", ConfirmPasswordAsync);
        confirm.MapPost("/passkey/options", ConfirmOptionsAsync);
        confirm.MapPost("/passkey", ConfirmPasskeyAsync);
    }

    private static async Task<IResult> SignInOptionsAsync(HttpContext http, PasskeyCeremonies passkeys) =>
        Results.Json(await passkeys.BeginUseAsync(http, userId: null), PasskeyJson.Default.PasskeyChallenge);

    private static async Task<IResult> SignInAsync(
        HttpContext http,
        PasskeyForm form,
        PasskeyCeremonies passkeys,
        EnabledUsers users,
        SignInLimits limits,
        BrowserSessions sessions,
        SignInOptions options
    )
    {
        var page = PageContext.Of(http);
        var back = ReturnPath.Of(form.Return, BrowserSession.AccountPath);
        var limit = await limits.TakePasskeyAsync(http);
        if (!limit.Allowed)
            return Refuse(SignInEndpoints.Wait(page, limit.RetryAfter), StatusCodes.Status429TooManyRequests);
        if (await passkeys.UseAsync(http, form.Credential ?? "", form.State ?? "") is not { } user)
        {
            return Refuse(
                page.Say(
                    "This passkey does not belong to an account here. Sign in with your password.",
                    "Этот ключ доступа не относится ни к одной учётной записи. Войдите с паролем."
                ),
                StatusCodes.Status401Unauthorized
            );
        }
        await users.SignedInAsync(user.Id, http.RequestAborted);
        return await SignInEndpoints.FinishAsync(http, sessions, user, "passkey", back);

        IResult Refuse(string problem, int status) =>
            page.Card(
                page.Say("Sign in", "Вход"),
                SignInPage.Body(page, new(back) { Problem = problem, Providers = options.Providers }),
                status
            );
    }

    private static async Task<IResult> ShowConfirmAsync(
        HttpContext http,
        SignInOptions options,
        [FromQuery(Name = BrowserSession.ReturnParameter)] string? back
    ) => await AskAsync(http, options, back, problem: null, StatusCodes.Status200OK);

    private static async Task<IResult> ConfirmPasswordAsync(
        HttpContext http,
        ConfirmForm form,
        PasswordSignIn passwords,
        SignInLimits limits,
        BrowserSessions sessions,
        SignInOptions options,
        TimeProvider time
    )
    {
        var page = PageContext.Of(http);
        var user = page.User!;
        var limit = await limits.TakePasswordAsync(http, user.UserName);
        if (!limit.Allowed)
            return await AskAsync(http, options, form.Return, SignInEndpoints.Wait(page, limit.RetryAfter), 429);
        var password = form.Password ?? "";
        SignInOutcome outcome;
        try
        {
            outcome = password.Length is 0 or > PasswordRules.Longest
                ? new SignInOutcome.Failed()
                : await passwords.TryAsync(user.UserName, password, http.RequestAborted);
        }
        catch (PasswordQueueFullException)
        {
            return await AskAsync(http, options, form.Return, SignInEndpoints.Wait(page, TimeSpan.Zero), 429);
        }
        if (outcome is SignInOutcome.Succeeded succeeded && succeeded.User.Id == user.UserId)
            return Confirmed(http, sessions, user, form.Return);
        var problem = outcome is SignInOutcome.LockedOut locked
            ? SignInEndpoints.Locked(page, locked.Until - time.GetUtcNow())
            : page.Say("The password is not right. Try again.", "Пароль неверен. Попробуйте снова.");
        return await AskAsync(http, options, form.Return, problem, outcome is SignInOutcome.LockedOut ? 429 : 401);
    }

    private static async Task<IResult> ConfirmOptionsAsync(HttpContext http, PasskeyCeremonies passkeys) =>
        Results.Json(await passkeys.BeginUseAsync(http, http.User.GetUserId()), PasskeyJson.Default.PasskeyChallenge);

    private static async Task<IResult> ConfirmPasskeyAsync(
        HttpContext http,
        PasskeyForm form,
        PasskeyCeremonies passkeys,
        BrowserSessions sessions,
        SignInOptions options
    )
    {
        var page = PageContext.Of(http);
        var used = await passkeys.UseAsync(http, form.Credential ?? "", form.State ?? "");
        return used?.Id == page.User!.UserId
            ? Confirmed(http, sessions, page.User, form.Return)
            : await AskAsync(
                http,
                options,
                form.Return,
                page.Say("This passkey is not yours. Try another one.", "Это не ваш ключ доступа. Попробуйте другой."),
                401
            );
    }

    private static SeeOther Confirmed(HttpContext http, BrowserSessions sessions, BrowserState user, string? back)
    {
        sessions.Confirm(http, user.SignInId);
        return new(ReturnPath.Of(back, BrowserSession.AccountPath));
    }

    private static async Task<IResult> AskAsync(HttpContext http, SignInOptions options, string? back, string? problem, int status)
    {
        var page = PageContext.Of(http);
        var users = http.RequestServices.GetRequiredService<EnabledUsers>();
        var hasPassword = await users.HasPasswordAsync(page.User!.UserId, http.RequestAborted);
        // Whoever has a password proves it here; a provider vouches only for those who have none.
        var body = SignInPage.ConfirmBody(
            page,
            ReturnPath.Of(back, BrowserSession.AccountPath),
            problem,
            hasPassword,
            hasPassword ? [] : options.Providers
        );
        return page.Card(page.Say("Is it you?", "Это вы?"), body, status);
    }
}

/// <summary>
/// Before a sensitive change the person proves once more who they are, if the last time is more than some minutes ago: a browser left
/// open must not be enough to take an account over.
/// </summary>
internal static class RecentSignIn
{
    public static TBuilder RequireRecentSignIn<TBuilder>(this TBuilder builder, string back)
        where TBuilder : IEndpointConventionBuilder =>
        builder.AddEndpointFilter(
            async (invocation, next) =>
            {
                var http = invocation.HttpContext;
                var sessions = (BrowserSessions)http.RequestServices.GetService(typeof(BrowserSessions))!;
                var confirmed = long.Parse(http.User.FindFirstValue("auth_time")!, System.Globalization.CultureInfo.InvariantCulture);
                return sessions.IsRecent(DateTimeOffset.FromUnixTimeSeconds(confirmed))
                    ? await next(invocation)
                    : new SeeOther(ReturnPath.To(BrowserSession.ConfirmPath, back));
            }
        );
}

internal sealed record PasskeyForm(string? Credential = null, string? State = null, string? Return = null)
{
    public static async ValueTask<PasskeyForm> BindAsync(HttpContext http)
    {
        var form = await PageForm.ReadAsync(http);
        return new(form.Text("credential"), form.Text("state"), form.Text("return"));
    }
}

internal sealed record ConfirmForm(string? Password = null, string? Return = null)
{
    public static async ValueTask<ConfirmForm> BindAsync(HttpContext http)
    {
        var form = await PageForm.ReadAsync(http);
        return new(form.Text("password"), form.Text("return"));
    }
}
