using CodeLab.Modules.Auth.Browser;
using CodeLab.Modules.Auth.Clients;
using CodeLab.Modules.Auth.Users;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;

namespace CodeLab.Modules.Auth.Pages.Account;

/// <summary>Where I am signed in, and how to end it. Ending is always allowed: whoever finds a stranger here must not be held up.</summary>
internal static class DevicesPage
{
    private const string Path = BrowserSession.AccountPath + "/devices";

    public static void Map(RouteGroupBuilder account)
    {
        account.MapGet("/devices", ShowAsync);
        account.MapPost("/devices/end", EndAsync);
        account.MapPost("/devices/end-others", EndOthersAsync);
    }

    private static async Task<IResult> ShowAsync(
        HttpContext http,
        OwnSignIns signIns,
        ClientRegistry clients,
        TimeProvider time,
        string? done
    )
    {
        var page = PageContext.Of(http);
        var user = page.User!;
        var all = await signIns.ListAsync(user.UserId, user.SignInId, http.RequestAborted);
        var now = time.GetUtcNow();
        var others = all.Count(s => !s.Current);
        return page.Account(
            Path,
            page.Say("Devices", "Устройства"),
            page.Say(
                "Browsers, terminals and applications that are signed in as you.",
                "Браузеры, терминалы и приложения, которые вошли от вашего имени."
            ),
            Html.Of(
                $"""
                {Parts.Done(done switch
                {
                    "ended" => page.Say("The device was signed out.", "Устройство вышло из системы."),
                    "others" => page.Say("All other devices were signed out.", "Все остальные устройства вышли из системы."),
                    _ => null,
                })}
                {Parts.Section("signed-in", page.Say("Signed in now", "Сейчас в системе"), page.Say("End what you do not recognise, and change your password.", "Завершите то, чего не узнаёте, и смените пароль."), Html.Of($"""
                <ul class="rows">{all.Select(s => Row(page, s, clients, now))}</ul>
                {(others == 0 ? Html.Empty : Parts.Action(page, Path + "/end-others", page.Say("Sign out all others", "Выйти на всех остальных"), style: "danger"))}
                """))}
                """
            )
        );
    }

    private static async Task<IResult> EndAsync(HttpContext http, [FromForm] string? id, OwnSignIns signIns, BrowserSessions sessions)
    {
        var user = PageContext.Of(http).User!;
        if (id == user.SignInId)
        {
            await sessions.SignOutAsync(http);
            return new SeeOther("/signed-out");
        }
        await signIns.EndAsync(user.UserId, id ?? "", "token.revoked", http.RequestAborted);
        return new SeeOther(Path + "?done=ended");
    }

    private static async Task<IResult> EndOthersAsync(HttpContext http, OwnSignIns signIns)
    {
        var user = PageContext.Of(http).User!;
        await signIns.EndAllAsync(user.UserId, user.SignInId, "token.revoked", http.RequestAborted);
        return new SeeOther(Path + "?done=others");
    }

    private static Html Row(PageContext page, SignInInfo signIn, ClientRegistry clients, DateTimeOffset now)
    {
        var what = Programs.Name(page, signIn.UserAgent);
        var name = signIn.ClientId == BrowserSession.ClientId ? what : clients.Find(signIn.ClientId)?.Name ?? signIn.ClientId;
        var end = signIn.Current ? page.Say("Sign out", "Выйти") : page.Say("End", "Завершить");
        var details = new[]
        {
            signIn.ClientId == BrowserSession.ClientId ? null : what,
            signIn.IpAddress,
            page.Say("used ", "использовано ") + page.Language.Ago(signIn.LastUsed, now),
        };
        return Html.Of(
            $"""
            <li><div class="what"><strong>{name}{(
                signIn.Current ? Html.Of($"""<span class="tag on">{page.Say("this browser", "этот браузер")}</span>""") : Html.Empty
            )}</strong>
            <p>{string.Join(" · ", details.Where(d => !string.IsNullOrEmpty(d)))}</p></div>
            <div class="do">{Parts.Action(
                page,
                Path + "/end",
                end,
                ("id", signIn.SessionId),
                "quiet danger",
                $"{end} {name}"
            )}</div></li>
            """
        );
    }
}

/// <summary>Programs by the name they give themselves, in words people know.</summary>
internal static class Programs
{
    // Order matters: most browsers also claim to be those that follow here.
    private static readonly (string Mark, string Name)[] _browsers =
    [
        ("Edg/", "Edge"),
        ("OPR/", "Opera"),
        ("YaBrowser/", "Yandex Browser"),
        ("Firefox/", "Firefox"),
        ("HeadlessChrome/", "Chrome"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
    ];

    private static readonly (string Mark, string Name)[] _systems =
    [
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Android", "Android"),
        ("Windows", "Windows"),
        ("Mac OS X", "macOS"),
        ("CrOS", "ChromeOS"),
        ("Linux", "Linux"),
    ];

    public static string Name(PageContext page, string? userAgent)
    {
        if (string.IsNullOrEmpty(userAgent))
            return page.Say("Unknown program", "Неизвестная программа");
        var browser = _browsers.FirstOrDefault(b => userAgent.Contains(b.Mark, StringComparison.Ordinal)).Name;
        if (browser is null)
            return userAgent.Split(' ')[0];
        var system = _systems.FirstOrDefault(s => userAgent.Contains(s.Mark, StringComparison.Ordinal)).Name;
        return system is null ? browser : page.Say($"{browser} on {system}", $"{browser}, {system}");
    }
}
