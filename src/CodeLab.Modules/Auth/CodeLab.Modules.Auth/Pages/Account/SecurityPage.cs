using CodeLab.Modules.Auth.Browser;
using CodeLab.Modules.Auth.Pages.SignIn;
using CodeLab.Modules.Auth.Passkeys;
using CodeLab.Modules.Auth.SecondFactor;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;

namespace CodeLab.Modules.Auth.Pages.Account;

/// <summary>How I prove who I am: second factor, recovery codes and passkeys. The password has a page of its own.</summary>
internal static class SecurityPage
{
    public const string Path = BrowserSession.AccountPath + "/security";
    public const string Authenticator = Path + "/authenticator";
    public const string Passkeys = Path + "/passkeys";
    public const int LongestName = 60;

    public static void Map(RouteGroupBuilder account)
    {
        account.MapGet("/security", ShowAsync);
        var sensitive = account.MapGroup("/security").RequireRecentSignIn(Path);
        sensitive.MapGet("/authenticator", BeginAsync);
        sensitive.MapPost("/authenticator", ConfirmAsync);
        sensitive.MapPost("/authenticator/off", TurnOffAsync);
        sensitive.MapPost("/recovery-codes", RenewAsync);
        sensitive.MapPost("/passkeys/options", PasskeyOptionsAsync);
        sensitive.MapPost("/passkeys", AddPasskeyAsync);
        sensitive.MapPost("/passkeys/remove", RemovePasskeyAsync);
    }

    private static Task<IResult> ShowAsync(HttpContext http, SecurityOverview overview, string? done, string? problem)
    {
        var page = PageContext.Of(http);
        return overview.ShowAsync(http, DoneText(page, done), ProblemText(page, problem));
    }

    private static async Task<IResult> BeginAsync(HttpContext http, SecondFactors factors) =>
        await EnrolAsync(http, factors, problem: null);

    private static async Task<IResult> EnrolAsync(HttpContext http, SecondFactors factors, string? problem)
    {
        var page = PageContext.Of(http);
        if (await factors.BeginAsync(page.User!.UserId, page.User.UserName, http.RequestAborted) is not { } begun)
            return new SeeOther(Path);
        return page.Account(
            Path,
            page.Say("Set up your app", "Настройка приложения"),
            page.Say("Two steps, about a minute.", "Два шага, около минуты."),
            Html.Of(
                $"""
                {Parts.Problem(problem)}
                {Parts.Section("scan", page.Say("1. Scan the picture", "1. Отсканируйте картинку"), page.Say("With an authenticator app: Aegis, Google Authenticator, 1Password, or any other for one-time codes.", "Приложением-аутентификатором: Aegis, Google Authenticator, 1Password или любым другим для одноразовых кодов."), Html.Of($"""
                <div class="split">
                {QrCode.Draw(begun.Uri, page.Say("QR code for the authenticator app. The same secret stands beside it as text.", "QR-код для приложения-аутентификатора. Тот же секрет рядом текстом."))}
                <div class="grow"><p class="soft">{page.Say("Without a camera, type this secret into the app:", "Без камеры введите в приложение этот секрет:")}</p>
                {Parts.Secret(page, "totp-secret", page.Say("Secret", "Секрет"), Grouped(begun.Secret))}</div>
                </div>
                """))}
                {Parts.Section("check", page.Say("2. Type the six digits", "2. Введите шесть цифр"), null, Html.Of($"""
                <form class="form" method="post" action="{Authenticator}">{page.Token()}
                {new Field("code", page.Say("Code", "Код")) { IsCode = true, Autocomplete = "one-time-code", MaxLength = 8, Pattern = "[0-9 ]{6,8}", Hint = page.Say("The app shows a new one every 30 seconds.", "Приложение показывает новый каждые 30 секунд.") }.Show(page)}
                <div class="buttons"><button type="submit">{page.Say("Turn on", "Включить")}</button><a class="button second" href="{Path}">{page.Say("Cancel", "Отмена")}</a></div>
                </form>
                """))}
                """
            ),
            problem is null ? StatusCodes.Status200OK : StatusCodes.Status400BadRequest
        );
    }

    private static async Task<IResult> ConfirmAsync(HttpContext http, [FromForm] string? code, SecondFactors factors)
    {
        var page = PageContext.Of(http);
        var codes = await factors.ConfirmAsync(page.User!.UserId, code ?? "", http.RequestAborted);
        return codes is null
            ? await EnrolAsync(
                http,
                factors,
                page.Say(
                    "This code is not right. Check that your phone shows the right time, and type the newest code.",
                    "Код неверен. Проверьте, верно ли время на телефоне, и введите самый новый код."
                )
            )
            : ShowCodes(page, codes, page.Say("The authenticator app is on.", "Приложение-аутентификатор включено."));
    }

    private static async Task<IResult> TurnOffAsync(HttpContext http, SecondFactors factors)
    {
        await factors.TurnOffAsync(PageContext.Of(http).User!.UserId, http.RequestAborted);
        return new SeeOther(Path + "?done=off");
    }

    private static async Task<IResult> RenewAsync(HttpContext http, SecondFactors factors)
    {
        var page = PageContext.Of(http);
        return await factors.RenewCodesAsync(page.User!.UserId, http.RequestAborted) is { } codes
            ? ShowCodes(page, codes, page.Say("The old codes no longer work.", "Старые коды больше не работают."))
            : new SeeOther(Path);
    }

    private static IResult ShowCodes(PageContext page, IReadOnlyList<string> codes, string done) =>
        page.Account(
            Path,
            page.Say("Save your recovery codes", "Сохраните коды восстановления"),
            page.Say(
                "Each of them lets you in once when your phone is lost. They are shown now and never again: print them, or keep them in a password manager.",
                "Каждый из них впустит вас один раз, если телефон потерян. Они показаны только сейчас: распечатайте их или сохраните в менеджере паролей."
            ),
            Html.Of(
                $"""
                {Parts.Done(done)}
                {Parts.Section("codes", page.Say("Recovery codes", "Коды восстановления"), null, Html.Of($"""
                <ul class="codes">{codes.Select(c => Html.Of($"<li>{c}</li>"))}</ul>
                <a class="button" href="{Path}">{page.Say("I have saved them", "Я их сохранил(а)")}</a>
                """))}
                """
            )
        );

    private static async Task<IResult> PasskeyOptionsAsync(HttpContext http, PasskeyCeremonies passkeys)
    {
        var user = PageContext.Of(http).User!;
        return Results.Json(await passkeys.BeginCreationAsync(http, user.UserId, user.UserName), PasskeyJson.Default.PasskeyChallenge);
    }

    private static async Task<IResult> AddPasskeyAsync(
        HttpContext http,
        NewPasskeyForm form,
        PasskeyCeremonies passkeys,
        SecurityOverview overview
    )
    {
        var page = PageContext.Of(http);
        var name = (form.Name ?? "").Trim();
        name = name.Length == 0 ? page.Say("Passkey", "Ключ доступа") : name[..Math.Min(name.Length, LongestName)];
        if (await passkeys.CreateAsync(http, page.User!.UserId, name, form.Credential ?? "", form.State ?? ""))
            return new SeeOther(Path + "?done=passkey");
        var problem = page.Say(
            $"The passkey was not accepted. Try again; you may have up to {PasskeyCeremonies.MostPerUser}.",
            $"Ключ доступа не принят. Попробуйте снова; их может быть не больше {PasskeyCeremonies.MostPerUser}."
        );
        return await overview.ShowAsync(http, done: null, problem);
    }

    private static async Task<IResult> RemovePasskeyAsync(HttpContext http, [FromForm] string? id, PasskeyCeremonies passkeys)
    {
        await passkeys.RemoveAsync(PageContext.Of(http).User!.UserId, id ?? "", http.RequestAborted);
        return new SeeOther(Path + "?done=removed");
    }

    private static string? DoneText(PageContext page, string? done) =>
        done switch
        {
            "password" => page.Say(
                "Your password was changed. All other devices were signed out.",
                "Пароль изменён. Все остальные устройства вышли из системы."
            ),
            "off" => page.Say("The authenticator app is off.", "Приложение-аутентификатор выключено."),
            "passkey" => page.Say(
                "The passkey was added. You can sign in with it from now on.",
                "Ключ доступа добавлен. Теперь вы можете входить с ним."
            ),
            "removed" => page.Say(
                "The passkey was removed. Delete it on your device too.",
                "Ключ доступа удалён. Удалите его и на самом устройстве."
            ),
            "linked" => page.Say(
                "The provider was linked. You can sign in with it from now on.",
                "Способ входа связан. Теперь вы можете им пользоваться."
            ),
            "unlinked" => page.Say("The provider was unlinked.", "Способ входа отвязан."),
            _ => null,
        };

    private static string? ProblemText(PageContext page, string? problem) =>
        problem == "only-way"
            ? page.Say(
                "It is your only way to sign in. Set a password or add a passkey first.",
                "Это ваш единственный способ входа. Сначала задайте пароль или добавьте ключ доступа."
            )
            : null;

    private static string Grouped(string secret) => string.Join(' ', secret.Chunk(4).Select(c => new string(c)));
}

internal sealed record NewPasskeyForm(string? Name = null, string? Credential = null, string? State = null)
{
    public static async ValueTask<NewPasskeyForm> BindAsync(HttpContext http)
    {
        var form = await PageForm.ReadAsync(http);
        return new(form.Text("name"), form.Text("credential"), form.Text("state"));
    }
}
