using CodeLab.BuildingBlocks.Results;
using CodeLab.Modules.Auth.Browser;
using CodeLab.Modules.Auth.Limits;
using CodeLab.Modules.Auth.Pages.SignIn;
using CodeLab.Modules.Auth.SecondFactor;
using CodeLab.Modules.Auth.Setup;
using CodeLab.Modules.Auth.Users;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace CodeLab.Modules.Auth.Pages.Links;

/// <summary>
/// Where invitations and password resets lead. The secret stands after <c>#</c>, as with set-up: it is in no log and no referrer, and is
/// posted by the person's own form.
/// </summary>
internal static class LinkPages
{
    public static void Map(RouteGroupBuilder pages)
    {
        foreach (var path in new[] { AccountLinks.InvitationPath, AccountLinks.PasswordResetPath })
        {
            pages.MapGet(path, (HttpContext http) => Ask(PageContext.Of(http), path, token: null, fault: null)).AllowAnonymous();
            pages
                .MapPost(
                    path,
                    (
                        HttpContext http,
                        LinkForm form,
                        AccountLinks links,
                        SignInLimits limits,
                        SecondFactors factors,
                        EnabledUsers users,
                        BrowserSessions sessions
                    ) => RedeemAsync(http, path, form, links, limits, factors, users, sessions)
                )
                .AllowAnonymous();
        }
    }

    private static async Task<IResult> RedeemAsync(
        HttpContext http,
        string path,
        LinkForm form,
        AccountLinks links,
        SignInLimits limits,
        SecondFactors factors,
        EnabledUsers users,
        BrowserSessions sessions
    )
    {
        var page = PageContext.Of(http);
        if (await limits.TakeSetupAsync(http) is { Allowed: false })
            return Ask(page, path, form.Token, UserErrors.Busy);
        Result<AccountLinkHolder> redeemed;
        try
        {
            redeemed = await links.RedeemAsync(form.Token ?? "", form.Password ?? "", http.RequestAborted);
        }
        catch (PasswordQueueFullException)
        {
            redeemed = UserErrors.Busy;
        }
        if (redeemed.Error is { } fault)
            return Ask(page, path, form.Token, fault);
        var holder = redeemed.Value!;
        // A second factor is not skipped by a link: whoever reads somebody's mail does not have their phone.
        if (
            await factors.IsOnAsync(holder.UserId, http.RequestAborted)
            || await users.FindAsync(holder.UserId, http.RequestAborted) is not { } user
        )
            return new SeeOther(BrowserSession.SignInPath);
        return await SignInEndpoints.FinishAsync(http, sessions, user, "pwd", BrowserSession.AccountPath);
    }

    private static IResult Ask(PageContext page, string path, string? token, Error? fault)
    {
        var isInvitation = path == AccountLinks.InvitationPath;
        var title = isInvitation
            ? page.Say("Welcome to CodeLab", "Добро пожаловать в CodeLab")
            : page.Say("Choose a new password", "Новый пароль");
        if (fault?.Code == "LINK_INVALID")
        {
            return page.Message(
                page.Say("This link no longer works", "Ссылка больше не работает"),
                page.Say(
                    "It was used, has expired, or was replaced by a newer one. Ask an administrator for a new link.",
                    "Она уже использована, истекла или заменена новой. Попросите у администратора новую ссылку."
                ),
                (BrowserSession.SignInPath, page.Say("Sign in", "Войти")),
                StatusCodes.Status400BadRequest
            );
        }
        var text = fault is null ? null : page.Say(fault);
        var isWeak = fault?.Code == "WEAK_PASSWORD";
        return page.Card(
            title,
            Html.Of(
                $"""
                <div><h1>{title}</h1>
                <p class="lead">{(
                    isInvitation
                        ? page.Say(
                            "Your team has made an account for you. Choose a password to begin.",
                            "Ваша команда создала для вас учётную запись. Придумайте пароль, чтобы начать."
                        )
                        : page.Say("All your devices are signed out then.", "Все ваши устройства выйдут из системы.")
                )}</p></div>
                {Parts.Problem(isWeak ? null : text)}
                <form class="form" method="post" action="{path}">{page.Token()}
                {SetupPage.Secret(
                    page,
                    token,
                    page.Say("Code of your link", "Код из ссылки"),
                    page.Say("The part after # in the link you were given.", "Часть после # в полученной ссылке.")
                )}
                {new Field("password", page.Say("New password", "Новый пароль"))
                {
                    Type = "password",
                    Autocomplete = "new-password",
                    MaxLength = 128,
                    IsFirst = true,
                    Hint = isWeak ? null : page.PasswordRule(),
                    Error = isWeak ? text : null,
                }.Show(page)}
                <button type="submit">{(
                    isInvitation ? page.Say("Begin", "Начать") : page.Say("Save password", "Сохранить пароль")
                )}</button>
                </form>
                """
            ),
            fault?.Status ?? StatusCodes.Status200OK
        );
    }
}

internal sealed record LinkForm(string? Token = null, string? Password = null)
{
    public static async ValueTask<LinkForm> BindAsync(HttpContext http)
    {
        var form = await PageForm.ReadAsync(http);
        return new(form.Text("token"), form.Text("password"));
    }
}
