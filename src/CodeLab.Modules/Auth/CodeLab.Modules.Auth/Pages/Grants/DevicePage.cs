using CodeLab.Modules.Auth.Browser;
using CodeLab.Modules.Auth.Grants;
using CodeLab.Modules.Auth.Grants.DeviceCode;
using CodeLab.Modules.Auth.Pages.SignIn;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;

namespace CodeLab.Modules.Auth.Pages.Grants;

/// <summary>Letting a terminal or another device in (RFC 8628 §3.3): type its code, look at who asks, decide.</summary>
internal static class DevicePage
{
    public static void Map(RouteGroupBuilder pages)
    {
        var device = pages.MapGroup(DeviceConfirmations.Page).RequireAuthorization(BrowserSession.Policy);
        device.MapGet("", Show);
        device.MapPost("", FindAsync);
        device.MapPost("/approve", ApproveAsync);
        device.MapPost("/deny", DenyAsync);
    }

    // A code in the address is only typed for the person: it decides nothing, and they still see who asks.
    private static IResult Show(HttpContext http, [FromQuery(Name = "user_code")] string? code) =>
        Ask(PageContext.Of(http), code, problem: null, 200);

    private static async Task<IResult> FindAsync(HttpContext http, [FromForm(Name = "user_code")] string? code, DeviceConfirmations devices)
    {
        var page = PageContext.Of(http);
        return await devices.FindAsync(code, http) switch
        {
            DeviceLookup.Found found => Decide(page, found.Device),
            DeviceLookup.Limited limited => Ask(
                page,
                code,
                SignInEndpoints.Wait(page, limited.RetryAfter),
                StatusCodes.Status429TooManyRequests
            ),
            _ => Ask(page, code, Unknown(page), StatusCodes.Status404NotFound),
        };
    }

    private static async Task<IResult> ApproveAsync(
        HttpContext http,
        [FromForm(Name = "user_code")] string? code,
        DeviceConfirmations devices
    )
    {
        var page = PageContext.Of(http);
        return await devices.ApproveAsync(code, BrowserUser.From(http.User)!, http)
            ? page.Message(
                page.Say("The device is signed in", "Устройство вошло"),
                page.Say(
                    "It goes on by itself within a few seconds. You can close this page.",
                    "Оно продолжит само через несколько секунд. Эту страницу можно закрыть."
                ),
                (BrowserSession.AccountPath + "/devices", page.Say("See your devices", "Ваши устройства"))
            )
            : Ask(page, code: null, Unknown(page), StatusCodes.Status404NotFound);
    }

    private static async Task<IResult> DenyAsync(HttpContext http, [FromForm(Name = "user_code")] string? code, DeviceConfirmations devices)
    {
        var page = PageContext.Of(http);
        return await devices.DenyAsync(code, BrowserUser.From(http.User)!, http)
            ? page.Message(
                page.Say("The device was refused", "Устройству отказано"),
                page.Say(
                    "It has no access. If you did not expect it, somebody may have tried to trick you: never type a code that you were sent.",
                    "У него нет доступа. Если вы этого не ждали, вас могли пытаться обмануть: никогда не вводите присланный код."
                ),
                (BrowserSession.AccountPath, page.Say("To your account", "К учётной записи"))
            )
            : Ask(page, code: null, Unknown(page), StatusCodes.Status404NotFound);
    }

    private static IResult Ask(PageContext page, string? code, string? problem, int status)
    {
        var title = page.Say("Connect a device", "Подключение устройства");
        return page.Card(
            title,
            Html.Of(
                $"""
                <div><h1>{title}</h1>
                <p class="lead">{page.Say(
                    "Type the code that your terminal or device shows.",
                    "Введите код, который показывает терминал или устройство."
                )}</p></div>
                {Parts.Problem(problem)}
                <form class="form" method="post" action="{DeviceConfirmations.Page}">{page.Token()}
                {Code(page, code)}
                <button type="submit">{page.Say("Continue", "Продолжить")}</button>
                </form>
                <p class="hint">{page.Say(
                    "Only a code that you started yourself, just now. CodeLab never sends you one.",
                    "Только код, который вы сами только что запросили. CodeLab никогда не присылает коды."
                )}</p>
                """
            ),
            status
        );
    }

    private static Html Code(PageContext page, string? code) =>
        Html.Of(
            $"""
            <div class="field"><label for="user-code">{page.Say("Code", "Код")}</label>
            <input id="user-code" class="code" name="user_code" value="{code}" required maxlength="20" autofocus autocomplete="off" autocapitalize="characters" spellcheck="false" placeholder="XXXX-XXXX"></div>
            """
        );

    private static IResult Decide(PageContext page, WaitingDevice device)
    {
        var title = page.Say("Let this device in?", "Впустить это устройство?");
        return page.Card(
            title,
            Html.Of(
                $"""
                <div><h1>{title}</h1>
                <p class="lead">{page.Say(
                    "It will act in your name. Check that the device shows this very code:",
                    "Оно будет действовать от вашего имени. Проверьте, что устройство показывает именно этот код:"
                )}</p></div>
                <p class="bigcode">{device.UserCode}</p>
                <dl class="facts">
                <dt>{page.Say("Application", "Приложение")}</dt><dd>{device.ClientName}</dd>
                <dt>{page.Say("Address", "Адрес")}</dt><dd>{device.Ip ?? page.Say("unknown", "неизвестен")}</dd>
                <dt>{page.Say("Program", "Программа")}</dt><dd>{device.UserAgent ?? page.Say("unknown", "неизвестна")}</dd>
                <dt>{page.Say("Asked at", "Запрошено")}</dt><dd>{page.Language.Moment(device.AskedAt)}</dd>
                </dl>
                {ScopeTexts.List(page, device.Scopes)}
                <div class="buttons">
                {Parts.Action(
                    page,
                    DeviceConfirmations.Page + "/deny",
                    page.Say("Refuse", "Отказать"),
                    ("user_code", device.UserCode),
                    "second"
                )}
                {Parts.Action(
                    page,
                    DeviceConfirmations.Page + "/approve",
                    page.Say("Let in", "Впустить"),
                    ("user_code", device.UserCode),
                    ""
                )}
                </div>
                """
            )
        );
    }

    private static string Unknown(PageContext page) =>
        page.Say(
            "No device waits for this code. Check it, or start again on the device: codes live ten minutes.",
            "Ни одно устройство не ждёт этого кода. Проверьте его или начните на устройстве заново: коды живут десять минут."
        );
}
