using System.Globalization;
using System.Security.Claims;
using CodeLab.Modules.Auth.Browser;
using CodeLab.Modules.Auth.External;
using CodeLab.Modules.Auth.Passkeys;
using CodeLab.Modules.Auth.SecondFactor;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;

namespace CodeLab.Modules.Auth.Pages.Account;

/// <summary>The page that shows all ways in which a person proves who they are.</summary>
internal sealed class SecurityOverview(
    SecondFactors factors,
    PasskeyCeremonies passkeys,
    ExternalLogins logins,
    BrowserSessions sessions,
    TimeProvider time,
    IOptions<AuthOptions> options
)
{
    public async Task<IResult> ShowAsync(HttpContext http, string? done, string? problem)
    {
        var page = PageContext.Of(http);
        var user = page.User!;
        var isOn = await factors.IsOnAsync(user.UserId, http.RequestAborted);
        var left = isOn ? await factors.RecoveryCodesLeftAsync(user.UserId, http.RequestAborted) : 0;
        var keys = await passkeys.ListAsync(user.UserId, http.RequestAborted);
        var linked = await logins.ListAsync(user.UserId, http.RequestAborted);
        var confirmed = long.Parse(http.User.FindFirstValue("auth_time")!, CultureInfo.InvariantCulture);
        var isRecent = sessions.IsRecent(DateTimeOffset.FromUnixTimeSeconds(confirmed));
        return page.Account(
            SecurityPage.Path,
            page.Say("Security", "Безопасность"),
            page.Say("How you prove that it is you.", "Как вы подтверждаете, что это вы."),
            Html.Of(
                $"""
                {Parts.Done(done)}{Parts.Problem(problem)}
                {Parts.Section(
                    "password",
                    page.Say("Password", "Пароль"),
                    page.Say(
                        "Changing it signs out all your devices but this one.",
                        "При смене все ваши устройства, кроме этого, выйдут из системы."
                    ),
                    Html.Of($"""<a class="button second" href="{PasswordPage.Path}">{page.Say("Change password", "Сменить пароль")}</a>""")
                )}
                {Factor(page, isOn, left)}
                {PasskeyList(page, keys, isRecent, time)}
                {Providers(page, linked)}
                """
            ),
            problem is null ? StatusCodes.Status200OK : StatusCodes.Status400BadRequest
        );
    }

    private static Html Factor(PageContext page, bool isOn, int left)
    {
        var title = page.Say("Authenticator app", "Приложение-аутентификатор");
        if (!isOn)
        {
            return Parts.Section(
                "authenticator",
                title,
                page.Say(
                    "After the password you type six digits from an app on your phone. Whoever learns your password can then do nothing with it alone.",
                    "После пароля вы вводите шесть цифр из приложения на телефоне. Тогда одного вашего пароля никому не хватит."
                ),
                Html.Of($"""<a class="button second" href="{SecurityPage.Authenticator}">{page.Say("Set up", "Настроить")}</a>""")
            );
        }
        var codes = page.Language.Count(
            left,
            "recovery code is",
            "recovery codes are",
            "код восстановления",
            "кода восстановления",
            "кодов восстановления"
        );
        return Parts.Section(
            "authenticator",
            title,
            page.Say($"It is on. {codes} left.", $"Включено. Осталось: {codes}."),
            Html.Of(
                $"""
                {(
                    left <= 2
                        ? Html.Of(
                            $"""<p class="notice warn">{page.Say("Make new recovery codes before you run out of them.", "Создайте новые коды восстановления, пока они не кончились.")}</p>"""
                        )
                        : Html.Empty
                )}
                <div class="buttons">
                {Parts.Action(page, SecurityPage.Path + "/recovery-codes", page.Say("New recovery codes", "Новые коды восстановления"), style: "second")}
                {Parts.Action(page, SecurityPage.Authenticator + "/off", page.Say("Turn off", "Выключить"), style: "danger")}
                </div>
                """
            )
        );
    }

    private static Html PasskeyList(PageContext page, IReadOnlyList<Passkey> keys, bool isRecent, TimeProvider time)
    {
        var now = time.GetUtcNow();
        var rows = keys.Select(k =>
            Html.Of(
                $"""
                <li><div class="what"><strong>{k.Name}{(
                    k.IsSynced ? Parts.Tag(page.Say("synced", "синхронизируется")) : Html.Empty
                )}</strong>
                <p>{page.Say("Added", "Добавлен")} {page.Language.Date(k.CreatedAt)} · {(
                    k.LastUsedAt is { } at
                        ? page.Say("used ", "использован ") + page.Language.Ago(at, now)
                        : page.Say("never used", "не использовался")
                )}</p></div>
                <div class="do">{Parts.Action(
                    page,
                    SecurityPage.Passkeys + "/remove",
                    page.Say("Remove", "Удалить"),
                    ("id", k.Id),
                    "quiet danger",
                    page.Say("Remove passkey ", "Удалить ключ доступа ") + k.Name
                )}</div></li>
                """
            )
        );
        var add = isRecent
            ? Html.Of(
                $"""
                <form class="form" method="post" action="{SecurityPage.Passkeys}" data-passkey="create" data-options="{SecurityPage.Passkeys}/options" data-fault="{page.Say(
                    "No passkey was made. Perhaps this device has one already; else try again.",
                    "Ключ доступа не создан. Возможно, на этом устройстве он уже есть; иначе попробуйте снова."
                )}" hidden>
                {page.Token()}{Parts.Hidden("credential", "")}{Parts.Hidden("state", "")}
                {new Field("name", page.Say("Name of the passkey", "Название ключа"))
                {
                    MaxLength = SecurityPage.LongestName,
                    Hint = page.Say(
                        "So that you recognise it, for example “Work laptop”.",
                        "Чтобы узнать его потом, например «Рабочий ноутбук»."
                    ),
                }.Show(page)}
                <p class="error" role="alert" hidden></p>
                <button class="second" type="submit">{page.Say("Add passkey", "Добавить ключ доступа")}</button>
                </form>
                <noscript><p class="soft">{page.Say(
                    "Browsers offer passkeys to pages with JavaScript only.",
                    "Браузеры предлагают ключи доступа только страницам с JavaScript."
                )}</p></noscript>
                """
            )
            : Html.Of(
                $"""<a class="button second" href="{ReturnPath.To(BrowserSession.ConfirmPath, SecurityPage.Path)}">{page.Say("Add passkey", "Добавить ключ доступа")}</a>"""
            );
        return Parts.Section(
            "passkeys",
            page.Say("Passkeys", "Ключи доступа"),
            page.Say(
                "Sign in with your finger, face or device PIN instead of a password. Nobody can guess a passkey or lure you into giving it away.",
                "Входите по отпечатку, лицу или коду устройства вместо пароля. Ключ доступа нельзя угадать или выманить."
            ),
            Html.Of($"{(keys.Count == 0 ? Html.Empty : Html.Of($"""<ul class="rows">{rows}</ul>"""))}{add}")
        );
    }

    private Html Providers(PageContext page, IReadOnlyList<ExternalLogin> linked)
    {
        var external = options.Value.External;
        if (external.Count == 0)
            return Html.Empty;
        var rows = external.Select(e =>
        {
            var isLinked = linked.Any(l => l.Issuer == e.Issuer);
            var action = isLinked
                ? Parts.Action(
                    page,
                    $"/external/{e.Name}/unlink",
                    page.Say("Unlink", "Отвязать"),
                    style: "quiet danger",
                    label: page.Say("Unlink ", "Отвязать ") + e.Shown
                )
                : Parts.Action(
                    page,
                    $"/external/{e.Name}/link",
                    page.Say("Link", "Связать"),
                    label: page.Say("Link ", "Связать ") + e.Shown
                );
            return Html.Of(
                $"""
                <li><div class="what"><strong>{e.Shown}{(
                    isLinked ? Parts.Tag(page.Say("linked", "связан")) : Html.Empty
                )}</strong><p>{new Uri(e.Issuer).Host}</p></div><div class="do">{action}</div></li>
                """
            );
        });
        return Parts.Section(
            "providers",
            page.Say("Other ways to sign in", "Другие способы входа"),
            page.Say("Accounts elsewhere that open this one.", "Учётные записи, которые открывают эту."),
            Html.Of($"""<ul class="rows">{rows}</ul>""")
        );
    }
}
