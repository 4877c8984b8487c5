using CodeLab.BuildingBlocks.Results;
using CodeLab.Modules.Auth.AccessKeys;
using CodeLab.Modules.Auth.Browser;
using CodeLab.Modules.Auth.Pages.Grants;
using CodeLab.Modules.Auth.Pages.SignIn;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;

namespace CodeLab.Modules.Auth.Pages.Account;

/// <summary>My keys (<c>clk_…</c>) for programs: made, renewed and revoked here; a secret is shown once.</summary>
internal static class KeysPage
{
    public const string Path = BrowserSession.AccountPath + "/keys";
    private static readonly int[] _days = [30, 90, 365];

    public static void Map(RouteGroupBuilder account)
    {
        account.MapGet("/keys", ShowAsync);
        // Whoever finds a stranger's key here must not be held up by a question.
        account.MapPost("/keys/revoke", RevokeAsync);
        var sensitive = account.MapGroup("/keys").RequireRecentSignIn(Path);
        sensitive.MapPost("", CreateAsync);
        sensitive.MapPost("/rotate", RotateAsync);
    }

    private static Task<IResult> ShowAsync(HttpContext http, AccessKeyStore keys, TimeProvider time, string? done)
    {
        var page = PageContext.Of(http);
        var text = done == "revoked" ? page.Say("The key was revoked.", "Ключ отозван.") : null;
        return WriteAsync(http, keys, time, Parts.Done(text), fault: null, new NewKeyForm());
    }

    private static async Task<IResult> CreateAsync(HttpContext http, AccessKeyStore keys, TimeProvider time)
    {
        var page = PageContext.Of(http);
        var form = new NewKeyForm
        {
            Name = http.Request.Form["name"],
            Scopes = [.. http.Request.Form["scope"].OfType<string>()],
            Days = int.TryParse(http.Request.Form["days"], out var days) ? days : 0,
        };
        var now = time.GetUtcNow();
        var grantable = AccessKeyRules.Grantable(http.User);
        var asked = new NewAccessKey(form.Name)
        {
            Scopes = form.Scopes,
            ExpiresAt = _days.Contains(form.Days) ? now.AddDays(form.Days) : null,
        };
        if (AccessKeyRules.Fault(asked, grantable, now) is { } fault)
            return await WriteAsync(http, keys, time, Html.Empty, fault, form);
        var made = await keys.CreateAsync(page.User!.UserId, asked, form.Scopes, http.RequestAborted);
        return made.Error is { } error
            ? await WriteAsync(http, keys, time, Html.Empty, error, form)
            : await WriteAsync(http, keys, time, Secret(page, made.Value!), fault: null, new NewKeyForm());
    }

    private static async Task<IResult> RotateAsync(HttpContext http, [FromForm] string? id, AccessKeyStore keys, TimeProvider time)
    {
        var page = PageContext.Of(http);
        return await keys.RotateAsync(id ?? "", page.User!.UserId, overlap: null, http.RequestAborted) is { } renewed
            ? await WriteAsync(http, keys, time, Secret(page, renewed), fault: null, new NewKeyForm())
            : new SeeOther(Path);
    }

    private static async Task<IResult> RevokeAsync(HttpContext http, [FromForm] string? id, AccessKeyStore keys)
    {
        await keys.RevokeAsync(id ?? "", PageContext.Of(http).User!.UserId, http.RequestAborted);
        return new SeeOther(Path + "?done=revoked");
    }

    private static async Task<IResult> WriteAsync(
        HttpContext http,
        AccessKeyStore keys,
        TimeProvider time,
        Html news,
        Error? fault,
        NewKeyForm form
    )
    {
        var page = PageContext.Of(http);
        var mine = await keys.ListAsync(page.User!.UserId, AccessKeyRules.MostPerUser, cursor: null, http.RequestAborted);
        var now = time.GetUtcNow();
        var list =
            mine.Count == 0
                ? Html.Of($"""<p class="soft">{page.Say("None yet.", "Пока нет.")}</p>""")
                : Html.Of($"""<ul class="rows">{mine.OrderByDescending(k => k.CreatedAt).Select(k => Row(page, k, now))}</ul>""");
        return page.Account(
            Path,
            page.Say("Keys", "Ключи"),
            page.Say(
                "For programs that work in your name: editors, scripts, agents.",
                "Для программ, которые работают от вашего имени: редакторов, скриптов, агентов."
            ),
            Html.Of(
                $"""
                {news}
                {Parts.Section("mine", page.Say("Your keys", "Ваши ключи"), null, list)}
                {Parts.Section(
                    "new",
                    page.Say("New key", "Новый ключ"),
                    null,
                    Form(page, AccessKeyRules.Grantable(http.User), form, fault)
                )}
                """
            ),
            fault?.Status ?? StatusCodes.Status200OK
        );
    }

    private static Html Row(PageContext page, AccessKey key, DateTimeOffset now)
    {
        var details = new[]
        {
            $"{AccessKeyStore.Prefix}…{key.Ending}",
            key.LastUsedAt is { } at
                ? page.Say("used ", "использован ") + page.Language.Ago(at, now)
                : page.Say("never used", "не использовался"),
            key.ExpiresAt is not { } ends ? page.Say("does not expire", "бессрочный")
            : ends > now ? page.Say("until ", "до ") + page.Language.Date(ends)
            : page.Say("expired", "истёк"),
            key.OverlapUntil is { } until
                ? page.Say("older secret works until ", "прежний секрет работает до ") + page.Language.Moment(until)
                : null,
        };
        return Html.Of(
            $"""
            <li><div class="what"><strong>{key.Name}{key.Scopes.Select(Parts.Tag)}</strong>
            <p>{string.Join(" · ", details.Where(d => d is not null))}</p></div>
            <div class="do">{Parts.Action(
                page,
                Path + "/rotate",
                page.Say("Renew", "Обновить"),
                ("id", key.Id),
                label: page.Say("Renew key ", "Обновить ключ ") + key.Name
            )}{Parts.Action(
                page,
                Path + "/revoke",
                page.Say("Revoke", "Отозвать"),
                ("id", key.Id),
                "quiet danger",
                page.Say("Revoke key ", "Отозвать ключ ") + key.Name
            )}</div></li>
            """
        );
    }

    private static Html Form(PageContext page, IReadOnlyList<string> grantable, NewKeyForm form, Error? fault)
    {
        var text = fault is null ? null : page.Say(fault);
        var chosen = form.Scopes.Count > 0 ? form.Scopes : ["llm:invoke"];
        var nameFault = fault?.Field() == "name" ? text : null;
        return Html.Of(
            $"""
            {Parts.Problem(nameFault is null ? text : null)}
            <form class="form" method="post" action="{Path}">{page.Token()}
            {new Field("name", page.Say("Name", "Название"))
            {
                Value = form.Name,
                MaxLength = 100,
                Error = nameFault,
                Hint = page.Say(
                    "What will use it, for example “CI of the web shop”.",
                    "Кто будет им пользоваться, например «CI магазина»."
                ),
            }.Show(page)}
            <fieldset><legend>{page.Say("It may", "Он может")}</legend>
            {grantable.Select(s =>
                Html.Of(
                    $"""<label class="check"><input type="checkbox" name="scope" value="{s}"{(chosen.Contains(s) ? Html.Literal(" checked") : Html.Empty)}><span>{ScopeTexts.Text(page, s)} <code class="soft small">{s}</code></span></label>"""
                )
            )}
            </fieldset>
            <div class="field"><label for="days">{page.Say("Works for", "Срок действия")}</label>
            <select id="days" name="days">{_days.Select(d =>
                Html.Of(
                    $"""<option value="{d}"{(d == form.Days ? Html.Literal(" selected") : Html.Empty)}>{page.Language.Count(d, "day", "days", "день", "дня", "дней")}</option>"""
                )
            )}<option value="0"{(form.Days == 0 ? Html.Literal(" selected") : Html.Empty)}>{page.Say(
                "until revoked",
                "до отзыва"
            )}</option></select></div>
            <button type="submit">{page.Say("Create key", "Создать ключ")}</button>
            </form>
            """
        );
    }

    private static Html Secret(PageContext page, AccessKey key) =>
        Html.Of(
            $"""
            <div class="notice good" role="status">{page.Say(
                "This is the only time the key is shown. Copy it now.",
                "Ключ показан единственный раз. Скопируйте его сейчас."
            )}</div>
            {Parts.Section("secret", key.Name, null, Parts.Secret(page, "key-secret", page.Say("Key", "Ключ"), key.Key!))}
            """
        );

    private sealed record NewKeyForm
    {
        public string? Name { get; init; }

        public IReadOnlyList<string> Scopes { get; init; } = [];

        public int Days { get; init; } = 90;
    }
}
