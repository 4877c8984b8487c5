using CodeLab.Modules.Auth.Browser;
using Microsoft.AspNetCore.Http;

namespace CodeLab.Modules.Auth.Pages;

/// <summary>The frames all pages stand in.</summary>
internal static class Layout
{
    private const string Mark = """
        <svg class="mark" viewBox="0 0 32 32" aria-hidden="true" focusable="false"><rect width="32" height="32" rx="9"/><path d="M12.5 10.5 7 16l5.5 5.5M19.5 10.5 25 16l-5.5 5.5"/></svg>
        """;

    private static readonly Html _mark = Html.Literal(Mark);

    /// <summary>One task in the middle: signing in, confirming, a message.</summary>
    public static IResult Card(this PageContext page, string title, Html body, int status = 200, Html head = default) =>
        new PageResult(
            Document(
                page,
                title,
                Html.Of(
                    $"""
                    <div class="stage">
                    <header class="brand">{_mark}<span>CodeLab</span></header>
                    <main class="card" id="main">
                    {body}
                    </main>
                    <footer class="foot">{page.Say("Self-hosted by your team", "На сервере вашей команды")}</footer>
                    </div>
                    """
                ),
                head
            ),
            status
        );

    /// <summary>A message with one thing to do next.</summary>
    public static IResult Message(this PageContext page, string title, string text, (string Href, string Text)? next, int status = 200) =>
        page.Card(
            title,
            Html.Of(
                $"""
                <h1>{title}</h1>
                <p class="lead">{text}</p>
                {(next is { } link ? Html.Of($"""<a class="button" href="{link.Href}">{link.Text}</a>""") : Html.Empty)}
                """
            ),
            status
        );

    /// <summary>
    /// Goes on to an address by way of a page. A redirect will not do in two places: the policy <c>form-action</c> also judges where a form
    /// is redirected to, and a redirect that began at another site carries no <c>SameSite=Strict</c> cookie.
    /// </summary>
    public static IResult GoOn(this PageContext page, string address, string title, string text) =>
        page.Card(
            title,
            Html.Of(
                $"""
                <h1>{title}</h1>
                <p class="lead">{text}</p>
                <a class="button" href="{Address(address)}">{page.Say("Continue", "Продолжить")}</a>
                """
            ),
            head: Html.Of($"""<meta http-equiv="refresh" content="{"0;url=" + Address(address)}">""")
        );

    /// <summary>A page of the account, with the way to the others.</summary>
    public static IResult Account(this PageContext page, string current, string title, string lead, Html body, int status = 200)
    {
        var name = page.User?.UserName ?? "";
        (string Path, string Text)[] pages =
        [
            (BrowserSession.AccountPath, page.Say("Profile", "Профиль")),
            (BrowserSession.AccountPath + "/security", page.Say("Security", "Безопасность")),
            (BrowserSession.AccountPath + "/devices", page.Say("Devices", "Устройства")),
            (BrowserSession.AccountPath + "/keys", page.Say("Keys", "Ключи")),
        ];
        var links = pages.Select(p =>
            p.Path == current
                ? Html.Of($"""<li><a href="{p.Path}" aria-current="page">{p.Text}</a></li>""")
                : Html.Of($"""<li><a href="{p.Path}">{p.Text}</a></li>""")
        );
        return new PageResult(
            Document(
                page,
                title,
                Html.Of(
                    $"""
                    <a class="skip" href="#main">{page.Say("Skip to content", "К содержанию")}</a>
                    <header class="bar">
                    <a class="brand" href="{BrowserSession.AccountPath}">{_mark}<span>CodeLab</span></a>
                    <form class="who" method="post" action="{BrowserSession.SignOutPath}">{page.Token()}
                    <span class="name">{name}</span>
                    <button class="quiet" type="submit">{page.Say("Sign out", "Выйти")}</button>
                    </form>
                    </header>
                    <div class="shell">
                    <nav class="tabs" aria-label="{page.Say("Account", "Учётная запись")}"><ul>{links}</ul></nav>
                    <main id="main">
                    <h1>{title}</h1>
                    <p class="lead">{lead}</p>
                    {body}
                    </main>
                    </div>
                    """
                )
            ),
            status
        );
    }

    /// <summary>The hidden field every form has.</summary>
    public static Html Token(this PageContext page) => Html.Of($"""<input type="hidden" name="form_token" value="{page.FormToken}">""");

    private static Html Document(PageContext page, string title, Html body, Html head = default) =>
        Html.Of(
            $"""
            <!doctype html>
            <html lang="{page.Language.Code}">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <meta name="color-scheme" content="light dark">
            <meta name="robots" content="noindex">
            {head}<title>{title} · CodeLab</title>
            <link rel="icon" href="{PageAssets.Icon}" type="image/svg+xml">
            <link rel="stylesheet" href="{PageAssets.Stylesheet}">
            <script type="module" src="{PageAssets.Script}"></script>
            </head>
            <body>
            {body}
            </body>
            </html>
            """
        );

    /// <summary>An address that may stand in a link: of this host, or with a scheme that runs no script.</summary>
    private static string Address(string address)
    {
        if (address.StartsWith('/'))
            return address;
        var scheme = Uri.TryCreate(address, UriKind.Absolute, out var uri) ? uri.Scheme : "";
        return scheme.Length > 0 && scheme is not ("javascript" or "data" or "vbscript" or "blob" or "file" or "filesystem" or "about")
            ? address
            : throw new InvalidOperationException($"An address with the scheme '{scheme}' must not be linked to");
    }
}
