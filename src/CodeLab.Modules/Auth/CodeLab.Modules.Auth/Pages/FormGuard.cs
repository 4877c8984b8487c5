using CodeLab.BuildingBlocks.Http;
using Microsoft.AspNetCore.Antiforgery;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace CodeLab.Modules.Auth.Pages;

/// <summary>
/// What every post to a page must pass: a private transport, and the token that only a form of our own has (antiforgery). On the whole
/// group of pages, so that no new form can be without it.
/// </summary>
internal static class FormGuard
{
    public static RouteGroupBuilder MapPages(this IEndpointRouteBuilder app) =>
        // The framework's own check is a middleware of the whole host, and answers with a bare status.
        app.MapGroup("").AddEndpointFilter(CheckAsync).DisableAntiforgery().ExcludeFromDescription();

    private static async ValueTask<object?> CheckAsync(EndpointFilterInvocationContext invocation, EndpointFilterDelegate next)
    {
        var http = invocation.HttpContext;
        if (HttpMethods.IsGet(http.Request.Method) || HttpMethods.IsHead(http.Request.Method))
            return await next(invocation);
        var services = http.RequestServices;
        var page = PageContext.Of(http);
        if (
            !services.GetRequiredService<IOptions<AuthOptions>>().Value.AllowPlainHttp
            && !services.GetRequiredService<ClientAddress>().IsPrivateTransport(http)
        )
        {
            return page.Message(
                page.Say("Use HTTPS", "Нужен HTTPS"),
                page.Say(
                    "Passwords do not travel in clear text. Open this address with https:// and try again.",
                    "Пароли не передаются открытым текстом. Откройте этот адрес с https:// и попробуйте снова."
                ),
                next: null,
                StatusCodes.Status400BadRequest
            );
        }
        // Other sites cannot send JSON without asking first (CORS), and are never allowed to.
        var isJson = http.GetEndpoint()?.Metadata.GetMetadata<AlsoAnswersJson>() is not null && http.Request.HasJsonContentType();
        if (isJson || await services.GetRequiredService<IAntiforgery>().IsRequestValidAsync(http))
            return await next(invocation);
        return page.Message(
            page.Say("This form has expired", "Форма устарела"),
            page.Say(
                "It was open for too long, or you signed in or out in another tab. Nothing was changed. Open the page again and repeat what you did.",
                "Она была открыта слишком долго, или вы вошли или вышли в другой вкладке. Ничего не изменилось. Откройте страницу снова и повторите."
            ),
            (Back(http.Request.Path), page.Say("Open it again", "Открыть снова")),
            StatusCodes.Status400BadRequest
        );
    }

    // Only the first part of the path: what was posted to is no page, and ids in it are nobody's business here.
    private static string Back(PathString path)
    {
        var value = path.Value ?? "/";
        var end = value.IndexOf('/', 1);
        return end < 0 ? value : value[..end];
    }
}

/// <summary>Marks a page that programs also post JSON to.</summary>
internal sealed class AlsoAnswersJson;
