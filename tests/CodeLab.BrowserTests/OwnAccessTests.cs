using System.Text.Json.Nodes;
using CodeLab.BrowserTests.Browser;
using Microsoft.Playwright;
using Xunit;

namespace CodeLab.BrowserTests;

/// <summary>Joining by invitation, a forgotten password, one's devices and keys.</summary>
public sealed class OwnAccessTests(Chromium chromium, AccountTests.Server server) : IClassFixture<AccountTests.Server>
{
    private const string NewPassword = "A-Better-Password-2026";

    [Theory, MemberData(nameof(Look.All), MemberType = typeof(Look))]
    public async Task An_invited_person_chooses_a_password_and_a_reset_link_replaces_it(string look)
    {
        var name = $"new-{look}";
        var invited = await server.PostAsync(
            "/api/v1/admin/users",
            new()
            {
                ["username"] = name,
                ["email"] = $"{name}@example.org",
                ["roles"] = new JsonArray("developer"),
            }
        );
        await using var eve = await Visitor.ComeAsync(chromium, server.Address, Look.Parse(look), "links");

        await eve.GoAsync(Local(invited["invitation_url"]!));
        await eve.SeesAsync(eve.Say("Welcome to CodeLab", "Добро пожаловать в CodeLab"));
        Assert.DoesNotContain("#", eve.Page.Url, StringComparison.Ordinal);
        await eve.LookAsync("invitation");
        await eve.TypeAsync(eve.Say("New password", "Новый пароль"), "password1");
        await eve.PressAsync(eve.Say("Begin", "Начать"));
        await eve.LookAsync("weak-password");
        await eve.TypeAsync(eve.Say("New password", "Новый пароль"), AccountTests.Server.Password);
        await eve.PressAsync(eve.Say("Begin", "Начать"));
        await eve.SeesAsync(eve.Say("Profile", "Профиль"));
        await eve.GoAsync(Local(invited["invitation_url"]!));
        await eve.TypeAsync(eve.Say("New password", "Новый пароль"), AccountTests.Server.Password);
        await eve.PressAsync(eve.Say("Begin", "Начать"));
        await eve.SeesAsync(eve.Say("This link no longer works", "Ссылка больше не работает"));
        await eve.LookAsync("used-link");

        var reset = await server.PostAsync($"/api/v1/admin/users/{invited["id"]}/reset-password", []);
        await eve.GoAsync(Local(reset["url"]!));
        await eve.SeesAsync(eve.Say("Choose a new password", "Новый пароль"));
        await eve.LookAsync("reset");
        await eve.TypeAsync(eve.Say("New password", "Новый пароль"), NewPassword);
        await eve.PressAsync(eve.Say("Save password", "Сохранить пароль"));
        await eve.SeesAsync(eve.Say("Profile", "Профиль"));
        eve.IsContent();
    }

    [Theory, MemberData(nameof(Look.All), MemberType = typeof(Look))]
    public async Task A_person_changes_the_password_and_ends_a_device(string look)
    {
        var name = await server.AddUserAsync("pwd", look);
        await using var phone = await Visitor.ComeAsync(chromium, server.Address, Look.Parse(look), "phone");
        await using var eve = await Visitor.ComeAsync(chromium, server.Address, Look.Parse(look), "devices");
        await phone.SignInAsync(name, AccountTests.Server.Password);
        await phone.SeesAsync(phone.Say("Profile", "Профиль"));

        await eve.SignInAsync(name, AccountTests.Server.Password, "/account/devices");
        await eve.SeesAsync(eve.Say("Devices", "Устройства"));
        await eve.LookAsync("devices");
        await eve.PressAsync(eve.Say("Sign out all others", "Выйти на всех остальных"));
        await eve.LookAsync("others-ended");
        await phone.GoAsync("/account");
        await phone.SeesAsync(phone.Say("Sign in", "Вход"));

        await eve.GoAsync("/account/security/password");
        await eve.TypeAsync(eve.Say("Present password", "Нынешний пароль"), "wrong");
        await eve.TypeAsync(eve.Say("New password", "Новый пароль"), NewPassword);
        await eve.PressAsync(eve.Say("Change password", "Сменить пароль"));
        await eve.LookAsync("wrong-password");
        await eve.TypeAsync(eve.Say("Present password", "Нынешний пароль"), AccountTests.Server.Password);
        await eve.TypeAsync(eve.Say("New password", "Новый пароль"), NewPassword);
        await eve.PressAsync(eve.Say("Change password", "Сменить пароль"));
        await eve.SeesAsync(eve.Say("Security", "Безопасность"));
        await eve.LookAsync("password-changed");
        eve.IsContent();
    }

    [Theory, MemberData(nameof(Look.All), MemberType = typeof(Look))]
    public async Task A_key_is_made_shown_once_renewed_and_revoked(string look)
    {
        var name = await server.AddUserAsync("clk", look);
        await using var eve = await Visitor.ComeAsync(chromium, server.Address, Look.Parse(look), "keys");

        await eve.SignInAsync(name, AccountTests.Server.Password, "/account/keys");
        await eve.SeesAsync(eve.Say("Keys", "Ключи"));
        await eve.LookAsync("none");
        await eve.TypeAsync(eve.Say("Name", "Название"), "CI");
        await eve.PressAsync(eve.Say("Create key", "Создать ключ"));
        var first = await eve.Page.Locator("#key-secret").InputValueAsync();
        await eve.LookAsync("created");
        await eve.GoAsync("/account/keys");
        Assert.DoesNotContain(first, await eve.Page.ContentAsync(), StringComparison.Ordinal);
        await eve.PressAsync(eve.Say("Renew key CI", "Обновить ключ CI"));
        var second = await eve.Page.Locator("#key-secret").InputValueAsync();
        await eve.LookAsync("renewed");
        await eve.PressAsync(eve.Say("Revoke key CI", "Отозвать ключ CI"));
        await Assertions.Expect(eve.Page.GetByText(eve.Say("The key was revoked.", "Ключ отозван."))).ToBeVisibleAsync();

        Assert.StartsWith("clk_", first, StringComparison.Ordinal);
        Assert.NotEqual(first, second);
        eve.IsContent();
    }

    [Theory, MemberData(nameof(Look.All), MemberType = typeof(Look))]
    public async Task An_address_that_is_not_there_is_answered_by_a_page(string look)
    {
        var name = await server.AddUserAsync("lost", look);
        await using var eve = await Visitor.ComeAsync(chromium, server.Address, Look.Parse(look), "errors");

        await eve.SignInAsync(name, AccountTests.Server.Password);
        await eve.GoAsync("/external/nobody/callback");
        await eve.SeesAsync(eve.Say("There is nothing here", "Здесь ничего нет"));
        await eve.LookAsync("not-found");
        eve.IsContent();
    }

    /// <summary>The path and secret of a link, whatever the address in it.</summary>
    private static string Local(JsonNode link)
    {
        var url = new Uri((string)link!);
        return url.AbsolutePath + url.Fragment;
    }
}
