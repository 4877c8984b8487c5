using CodeLab.BuildingBlocks.Results;
using CodeLab.Modules.Auth.Browser;
using CodeLab.Modules.Auth.Pages;
using Microsoft.AspNetCore.Http;

namespace CodeLab.Modules.Auth.Setup;

/// <summary>The page on which the first administrator is created (security.md §5).</summary>
internal static class SetupPage
{
    public static IResult Show(PageContext page, SetupEndpoints.ClaimBody typed, Error? error)
    {
        var title = page.Say("Set up CodeLab", "Настройка CodeLab");
        var field = error?.Field();
        var text = error is null ? null : page.Say(error);
        return page.Card(
            title,
            Html.Of(
                $"""
                <div><h1>{title}</h1>
                <p class="lead">{page.Say(
                    "Create the first administrator. You can invite everybody else afterwards.",
                    "Создайте первого администратора. Остальных вы сможете пригласить потом."
                )}</p></div>
                {Parts.Problem(field is null ? text : null)}
                <form class="form" method="post" action="/setup">{page.Token()}
                {Secret(
                    page,
                    typed.Token,
                    page.Say("Set-up code", "Код настройки"),
                    page.Say(
                        "The part after # in the link that the service printed on its console.",
                        "Часть после # в ссылке, которую служба напечатала в консоли."
                    )
                )}
                {new Field("username", page.Say("User name", "Имя пользователя"))
                {
                    Value = typed.Username,
                    Autocomplete = "username",
                    IsFirst = field is not ("email" or "password"),
                    Pattern = "[A-Za-z0-9_\\-]{3,255}",
                    Hint = page.Say("Latin letters, digits, _ and -", "Латинские буквы, цифры, _ и -"),
                    Error = Fault("username"),
                }.Show(page)}
                {new Field("email", page.Say("E-mail", "Почта"))
                {
                    Type = "email",
                    Value = typed.Email,
                    Autocomplete = "email",
                    IsFirst = field == "email",
                    Error = Fault("email"),
                }.Show(page)}
                {new Field("password", page.Say("Password", "Пароль"))
                {
                    Type = "password",
                    Autocomplete = "new-password",
                    MaxLength = 128,
                    IsFirst = field == "password",
                    Hint = page.PasswordRule(),
                    Error = Fault("password"),
                }.Show(page)}
                <button type="submit">{page.Say("Create administrator", "Создать администратора")}</button>
                </form>
                """
            ),
            error?.Status ?? StatusCodes.Status200OK
        );

        string? Fault(string name) => field == name ? text : null;
    }

    public static IResult Done(PageContext page) =>
        page.Message(
            page.Say("CodeLab is set up", "CodeLab настроен"),
            page.Say(
                "The administrator has been created, and this page has done its work. Sign in with the name you chose.",
                "Администратор создан, и эта страница своё дело сделала. Войдите под выбранным именем."
            ),
            (BrowserSession.SignInPath, page.Say("Sign in", "Войти")),
            StatusCodes.Status410Gone
        );

    /// <summary>
    /// The secret of a link. It stands after <c>#</c>, so no server sees it before it is posted; the script puts it here and hides the field,
    /// and without JavaScript people paste it.
    /// </summary>
    public static Html Secret(PageContext page, string? token, string label, string hint) =>
        Html.Of(
            $"""
            <div class="field"><label for="token">{label}</label>
            <input id="token" name="token" value="{token}" data-from-hash required maxlength="200" autocomplete="off" autocapitalize="none" spellcheck="false" aria-describedby="token-hint">
            <p class="hint" id="token-hint">{hint}</p></div>
            """
        );
}
