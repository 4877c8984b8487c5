using CodeLab.Modules.Auth.Browser;
using Microsoft.AspNetCore.Antiforgery;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace CodeLab.Modules.Auth.Pages;

/// <summary>The request a page is made for: who looks at it, in which language, and the token of its forms.</summary>
internal sealed class PageContext
{
    private readonly HttpContext _http;
    private string? _formToken;

    private PageContext(HttpContext http)
    {
        _http = http;
        User = http.Features.Get<BrowserState>();
        Language = Language.Of(http.Request, User?.Language);
    }

    /// <summary>Who is signed in; null on pages for everybody.</summary>
    public BrowserState? User { get; }

    public Language Language { get; set; }

    public string CorrelationId => _http.TraceIdentifier;

    /// <summary>Token that proves to the server that a form is its own (antiforgery).</summary>
    public string FormToken =>
        _formToken ??= _http.RequestServices.GetRequiredService<IAntiforgery>().GetAndStoreTokens(_http).RequestToken!;

    public static PageContext Of(HttpContext http)
    {
        if (http.Features.Get<PageContext>() is { } known && known.User == http.Features.Get<BrowserState>())
            return known;
        var page = new PageContext(http);
        http.Features.Set(page);
        return page;
    }

    /// <summary>A text in the language of the page.</summary>
    public string Say(string english, string russian) => Language.Say(english, russian);
}
