using CodeLab.BuildingBlocks.Data;
using CodeLab.Modules.Auth.Access;
using CodeLab.Modules.Auth.Browser;
using CodeLab.Modules.Auth.Persistence;
using CodeLab.Modules.Auth.Users;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;

namespace CodeLab.Modules.Auth.Pages.Account;

/// <summary>Who I am here, and in which language pages speak to me.</summary>
internal static class ProfilePage
{
    public static void Map(RouteGroupBuilder account)
    {
        account.MapGet("", ShowAsync);
        account.MapPost("/language", SetLanguageAsync);
    }

    private static async Task<IResult> ShowAsync(HttpContext http, Accounts accounts, string? done)
    {
        var page = PageContext.Of(http);
        var account = (await accounts.FindAsync(page.User!.UserId, http.RequestAborted))!;
        return page.Account(
            BrowserSession.AccountPath,
            page.Say("Profile", "Профиль"),
            page.Say("Who you are in this installation of CodeLab.", "Кто вы в этой установке CodeLab."),
            Html.Of(
                $"""
                {Parts.Done(done == "language" ? page.Say("The language was changed.", "Язык изменён.") : null)}
                {Parts.Section("you", page.Say("You", "Вы"), null, Facts(page, account))}
                {Parts.Section(
                    "language",
                    page.Say("Language", "Язык"),
                    page.Say("Of pages and messages.", "Страниц и сообщений."),
                    Languages(page)
                )}
                """
            )
        );
    }

    private static async Task<IResult> SetLanguageAsync(HttpContext http, [FromForm] string? language, Database database)
    {
        var chosen = Language.Find(language)?.Code ?? "";
        await database.TransactAsync(
            (connection, transaction) =>
                connection.ExecuteAsync(
                    "UPDATE auth_users SET language = NULLIF(@language, '') WHERE id = @id",
                    transaction,
                    [("@language", chosen), ("@id", PageContext.Of(http).User!.UserId)],
                    CancellationToken.None
                ),
            http.RequestAborted
        );
        return new SeeOther(BrowserSession.AccountPath + "?done=language");
    }

    private static Html Facts(PageContext page, Users.Account account) =>
        Html.Of(
            $"""
            <dl class="facts">
            <dt>{page.Say("User name", "Имя")}</dt><dd>{account.Username}</dd>
            <dt>{page.Say("E-mail", "Почта")}</dt><dd>{account.Email}</dd>
            <dt>{page.Say("Role", "Роль")}</dt><dd>{string.Join(", ", account.Roles.Select(r => RoleName(page, r)))}</dd>
            <dt>{page.Say("Since", "С нами с")}</dt><dd>{page.Language.Date(account.CreatedAt)}</dd>
            </dl>
            <p class="soft small">{page.Say(
                "An administrator can change your name, e-mail and role.",
                "Имя, почту и роль может изменить администратор."
            )}</p>
            """
        );

    private static Html Languages(PageContext page)
    {
        var chosen = page.User!.Language ?? "";
        (string Code, string Name)[] all =
        [
            ("", page.Say("As my browser asks for", "Как просит браузер")),
            ("en", "English"),
            ("ru", "Русский"),
        ];
        return Html.Of(
            $"""
            <form class="form" method="post" action="{BrowserSession.AccountPath}/language">{page.Token()}
            <div class="field"><label for="language-choice">{page.Say("Language of pages", "Язык страниц")}</label>
            <select id="language-choice" name="language">{all.Select(l =>
                Html.Of($"""<option value="{l.Code}"{(l.Code == chosen ? Html.Literal(" selected") : Html.Empty)}>{l.Name}</option>""")
            )}</select></div>
            <button class="second" type="submit">{page.Say("Save", "Сохранить")}</button>
            </form>
            """
        );
    }

    private static string RoleName(PageContext page, string role) =>
        role switch
        {
            Roles.Admin => page.Say("administrator", "администратор"),
            Roles.Lead => page.Say("team lead", "руководитель группы"),
            Roles.Developer => page.Say("developer", "разработчик"),
            Roles.Viewer => page.Say("viewer", "наблюдатель"),
            _ => role,
        };
}
