using CodeLab.BuildingBlocks.Http;
using CodeLab.BuildingBlocks.Results;
using CodeLab.Modules.Auth.Browser;
using Microsoft.AspNetCore.Http;

namespace CodeLab.Modules.Auth.Pages;

/// <summary>What people see when something does not work: what to do next, and the id to name when they ask for help.</summary>
internal sealed class ErrorPages : IErrorPages
{
    public Task WriteAsync(HttpContext context, Error error)
    {
        var page = PageContext.Of(context);
        var (title, text) = Texts(page, error);
        var isServers = error.Status >= 500 && error.Code is not ("SETUP_REQUIRED" or "STARTING");
        return page.Card(
                title,
                Html.Of(
                    $"""
                    <div><h1>{title}</h1>
                    <p class="lead">{text}</p></div>
                    {(
                        isServers
                            ? Html.Of(
                                $"""<dl class="facts"><dt>{page.Say("Number", "Номер")}</dt><dd><code>{page.CorrelationId}</code></dd></dl>"""
                            )
                            : Html.Empty
                    )}
                    {(
                        error.Code is "SETUP_REQUIRED" or "STARTING"
                            ? Html.Empty
                            : Html.Of(
                                $"""<a class="button" href="{BrowserSession.AccountPath}">{page.Say("To your account", "К учётной записи")}</a>"""
                            )
                    )}
                    """
                ),
                error.Status
            )
            .ExecuteAsync(context);
    }

    private static (string Title, string Text) Texts(PageContext page, Error error) =>
        error.Code switch
        {
            "SETUP_REQUIRED" => (
                page.Say("Almost ready", "Почти готово"),
                page.Say(
                    "This CodeLab has no administrator yet. Whoever installed it opens the set-up link that the service printed on its console.",
                    "У этого CodeLab ещё нет администратора. Тот, кто его установил, открывает ссылку настройки, которую служба напечатала в консоли."
                )
            ),
            "STARTING" => (
                page.Say("Starting", "Запускается"),
                page.Say(
                    "CodeLab is starting. Reload this page in a few seconds.",
                    "CodeLab запускается. Обновите страницу через несколько секунд."
                )
            ),
            _ => error.Status switch
            {
                403 => (
                    page.Say("This is not open to you", "У вас нет доступа"),
                    page.Say(
                        "Your role does not permit it. Ask an administrator if you need it.",
                        "Ваша роль этого не позволяет. Если доступ нужен, попросите администратора."
                    )
                ),
                404 => (
                    page.Say("There is nothing here", "Здесь ничего нет"),
                    page.Say("Check the address, or start from your account.", "Проверьте адрес или начните с учётной записи.")
                ),
                429 => (
                    page.Say("Too many tries", "Слишком много попыток"),
                    page.Say("Wait a minute and try again.", "Подождите минуту и попробуйте снова.")
                ),
                >= 500 => (
                    page.Say("Something went wrong", "Что-то сломалось"),
                    page.Say(
                        "It is not your fault, and it was written down. Try again; if it happens again, give this number to an administrator:",
                        "Это не ваша вина, и это записано. Попробуйте снова; если повторится, сообщите этот номер администратору:"
                    )
                ),
                _ => (
                    page.Say("That did not work", "Не получилось"),
                    page.Say(
                        "The request was not complete. Go back, reload the page and try again.",
                        "Запрос неполон. Вернитесь, обновите страницу и попробуйте снова."
                    )
                ),
            },
        };
}
