using System.Security.Claims;
using CodeLab.BuildingBlocks.Results;
using CodeLab.Modules.Auth.Limits;
using CodeLab.Modules.Auth.Users;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace CodeLab.Modules.Auth.Pages.Account;

/// <summary>A new password. The present one is asked for, so that no fresh sign-in is needed besides.</summary>
internal static class PasswordPage
{
    public const string Path = SecurityPage.Path + "/password";

    public static void Map(RouteGroupBuilder account)
    {
        account.MapGet("/security/password", Show);
        account.MapPost("/security/password", ChangeAsync);
    }

    private static IResult Show(HttpContext http) => Ask(PageContext.Of(http), fault: null);

    private static async Task<IResult> ChangeAsync(HttpContext http, PasswordForm form, OwnPassword password, SignInLimits limits)
    {
        var page = PageContext.Of(http);
        var user = page.User!;
        if (await limits.TakePasswordAsync(http, user.UserName) is { Allowed: false })
            return Ask(page, UserErrors.Busy);
        Error? fault;
        try
        {
            var changed = await password.ChangeAsync(
                user.UserId,
                http.User.FindFirstValue("sid")!,
                form.Current ?? "",
                form.Next ?? "",
                http.RequestAborted
            );
            fault = changed.Error;
        }
        catch (PasswordQueueFullException)
        {
            fault = UserErrors.Busy;
        }
        return fault is null ? new SeeOther(SecurityPage.Path + "?done=password") : Ask(page, fault);
    }

    private static IResult Ask(PageContext page, Error? fault)
    {
        var field = fault?.Code switch
        {
            "WRONG_PASSWORD" => "current",
            "WEAK_PASSWORD" => "next",
            _ => null,
        };
        var text = fault is null ? null : page.Say(fault);
        return page.Account(
            SecurityPage.Path,
            page.Say("Change password", "Смена пароля"),
            page.Say("All your devices but this one are signed out then.", "Все ваши устройства, кроме этого, выйдут из системы."),
            Html.Of(
                $"""
                {Parts.Problem(field is null ? text : null)}
                {Parts.Section("password", page.Say("Password", "Пароль"), null, Html.Of($"""
                <form class="form" method="post" action="{Path}">{page.Token()}
                <input type="hidden" name="username" autocomplete="username" value="{page.User!.UserName}">
                {new Field("current", page.Say("Present password", "Нынешний пароль")) { Type = "password", Autocomplete = "current-password", MaxLength = 128, IsFirst = field != "next", Error = field == "current" ? text : null }.Show(page)}
                {new Field("next", page.Say("New password", "Новый пароль")) { Type = "password", Autocomplete = "new-password", MaxLength = 128, IsFirst = field == "next", Hint = page.PasswordRule(), Error = field == "next" ? text : null }.Show(page)}
                <div class="buttons"><button type="submit">{page.Say("Change password", "Сменить пароль")}</button><a class="button second" href="{SecurityPage.Path}">{page.Say("Cancel", "Отмена")}</a></div>
                </form>
                """))}
                """
            ),
            fault?.Status ?? StatusCodes.Status200OK
        );
    }
}

internal sealed record PasswordForm(string? Current = null, string? Next = null)
{
    public static async ValueTask<PasswordForm> BindAsync(HttpContext http)
    {
        var form = await PageForm.ReadAsync(http);
        return new(form.Text("current"), form.Text("next"));
    }
}
