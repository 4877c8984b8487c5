namespace CodeLab.Modules.Auth.Pages.Grants;

/// <summary>What scopes let an application do, in words.</summary>
internal static class ScopeTexts
{
    public static Html List(PageContext page, IReadOnlyList<string> scopes)
    {
        var texts = scopes.Select(s => Text(page, s)).Where(t => t is not null).Distinct(StringComparer.Ordinal);
        return Html.Of($"""<ul class="scopes">{texts.Select(t => Html.Of($"<li>{t}</li>"))}</ul>""");
    }

    public static string? Text(PageContext page, string scope) =>
        scope switch
        {
            "openid" => page.Say("Know who you are", "Знать, кто вы"),
            "profile" => page.Say("See your name", "Видеть ваше имя"),
            "email" => page.Say("See your e-mail address", "Видеть адрес вашей почты"),
            "api:read" => page.Say("Read your sessions and settings", "Читать ваши сессии и настройки"),
            "api:write" => page.Say("Work with agents in your name", "Работать с агентами от вашего имени"),
            "api:admin" => page.Say("Manage this installation", "Управлять этой установкой"),
            "llm:invoke" => page.Say("Use models at your budget", "Использовать модели за счёт вашего бюджета"),
            "offline_access" => page.Say("Stay signed in", "Оставаться в системе"),
            _ => scope,
        };
}
