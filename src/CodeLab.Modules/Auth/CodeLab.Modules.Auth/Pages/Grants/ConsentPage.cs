using CodeLab.Modules.Auth.Browser;
using CodeLab.Modules.Auth.Grants;
using CodeLab.Modules.Auth.Grants.AuthorizationCode;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;

namespace CodeLab.Modules.Auth.Pages.Grants;

/// <summary>Allowing an application that is not ours what it asks for.</summary>
internal static class ConsentPage
{
    public static void Map(RouteGroupBuilder pages)
    {
        var consent = pages.MapGroup(ConsentDecisions.Page).RequireAuthorization(BrowserSession.Policy);
        consent.MapGet("", Show);
        consent.MapPost("/allow", AllowAsync);
        consent.MapPost("/deny", Deny);
    }

    private static IResult Show(HttpContext http, [FromQuery] string? request, ConsentDecisions decisions)
    {
        var page = PageContext.Of(http);
        if (decisions.Read(request, BrowserUser.From(http.User)!) is not { } question)
            return Expired(page);
        var title = page.Say($"Allow {question.ClientName}?", $"Разрешить «{question.ClientName}»?");
        return page.Card(
            title,
            Html.Of(
                $"""
                <div><h1>{title}</h1>
                <p class="lead">{page.Say(
                    "This application asks for access to the account",
                    "Приложение просит доступ к учётной записи"
                )} <strong>{question.UserName}</strong>.</p></div>
                <div><h2>{page.Say("It will be able to", "Оно сможет")}</h2>{ScopeTexts.List(page, question.Scopes)}</div>
                <dl class="facts"><dt>{page.Say("Leads to", "Ведёт на")}</dt><dd>{question.Destination}</dd></dl>
                <div class="buttons">
                {Parts.Action(
                    page,
                    ConsentDecisions.Page + "/deny",
                    page.Say("Do not allow", "Не разрешать"),
                    ("request", request!),
                    "second"
                )}
                {Parts.Action(page, ConsentDecisions.Page + "/allow", page.Say("Allow", "Разрешить"), ("request", request!), "")}
                </div>
                <p class="hint">{page.Say(
                    "You can end its access at any time under Devices.",
                    "Доступ можно прекратить в любой момент в разделе «Устройства»."
                )}</p>
                """
            )
        );
    }

    private static async Task<IResult> AllowAsync(HttpContext http, [FromForm] string? request, ConsentDecisions decisions)
    {
        var path = await decisions.AllowAsync(request, BrowserUser.From(http.User)!, http.RequestAborted);
        return path is null ? Expired(PageContext.Of(http)) : new SeeOther(path);
    }

    private static IResult Deny(HttpContext http, [FromForm] string? request, ConsentDecisions decisions)
    {
        var path = decisions.Deny(request, BrowserUser.From(http.User)!);
        return path is null ? Expired(PageContext.Of(http)) : new SeeOther(path);
    }

    private static IResult Expired(PageContext page) =>
        page.Message(
            page.Say("This question has expired", "Этот вопрос устарел"),
            page.Say(
                "Nothing was allowed. Go back to the application and start again.",
                "Ничего не разрешено. Вернитесь в приложение и начните снова."
            ),
            next: null,
            StatusCodes.Status400BadRequest
        );
}
