using System.Text.RegularExpressions;
using CodeLab.BrowserTests.Browser;
using CodeLab.Testing.Servers;
using Microsoft.Playwright;
using OtpNet;
using Xunit;

namespace CodeLab.BrowserTests;

/// <summary>Managing one's own account, and signing in with what was set up there.</summary>
public sealed partial class AccountTests(Chromium chromium, AccountTests.Server server) : IClassFixture<AccountTests.Server>
{
    [Theory, MemberData(nameof(Look.All), MemberType = typeof(Look))]
    public async Task An_authenticator_app_is_set_up_and_asked_for_and_a_recovery_code_replaces_it(string look)
    {
        var name = await server.AddUserAsync("otp", look);
        await using var eve = await Visitor.ComeAsync(chromium, server.Address, Look.Parse(look), "authenticator");

        await eve.SignInAsync(name, Server.Password, "/account/security");
        await eve.SeesAsync(eve.Say("Security", "Безопасность"));
        await eve.LookAsync("security");
        await eve.Page.GetByRole(AriaRole.Link, new() { Name = eve.Say("Set up", "Настроить") }).ClickAsync();
        await eve.SeesAsync(eve.Say("Set up your app", "Настройка приложения"));
        await eve.LookAsync("set-up");
        var secret = await eve.Page.Locator("#totp-secret").InputValueAsync();
        await eve.TypeAsync(eve.Say("Code", "Код"), "123456");
        await eve.PressAsync(eve.Say("Turn on", "Включить"));
        await eve.LookAsync("wrong-code");
        await eve.TypeAsync(eve.Say("Code", "Код"), Code(secret, 0));
        await eve.PressAsync(eve.Say("Turn on", "Включить"));
        await eve.SeesAsync(eve.Say("Save your recovery codes", "Сохраните коды восстановления"));
        await eve.LookAsync("recovery-codes");
        var recovery = await eve.Page.Locator(".codes li").First.InnerTextAsync();
        await eve.Page.GetByRole(AriaRole.Link, new() { Name = eve.Say("I have saved them", "Я их сохранил(а)") }).ClickAsync();
        await eve.LookAsync("security-on");
        await eve.PressAsync(eve.Say("Sign out", "Выйти"));
        await eve.SeesAsync(eve.Say("You are signed out", "Вы вышли"));
        await eve.LookAsync("signed-out");

        await eve.SignInAsync(name, Server.Password);
        await eve.SeesAsync(eve.Say("One more step", "Ещё один шаг"));
        await eve.LookAsync("code");
        // The step after the one that confirmed: a code is good once.
        await eve.TypeAsync(eve.Say("Code", "Код"), Code(secret, 1));
        await eve.PressAsync(eve.Say("Continue", "Продолжить"));
        await eve.SeesAsync(eve.Say("Profile", "Профиль"));
        await eve.PressAsync(eve.Say("Sign out", "Выйти"));

        await eve.SignInAsync(name, Server.Password);
        await eve.Page.GetByText(eve.Say("I do not have my phone", "У меня нет телефона")).ClickAsync();
        await eve.TypeAsync(eve.Say("Recovery code", "Код восстановления"), recovery);
        await eve.LookAsync("recovery-code");
        await eve.PressAsync(eve.Say("Use recovery code", "Использовать код"));
        await eve.SeesAsync(eve.Say("Profile", "Профиль"));
        eve.IsContent();
    }

    [Theory, MemberData(nameof(Look.All), MemberType = typeof(Look))]
    public async Task A_passkey_is_added_signs_in_without_a_password_and_is_removed(string look)
    {
        var name = await server.AddUserAsync("key", look);
        await using var eve = await Visitor.ComeAsync(chromium, server.Address, Look.Parse(look), "passkey");
        await eve.AddAuthenticatorAsync();

        await eve.SignInAsync(name, Server.Password, "/account/security");
        await eve.TypeAsync(eve.Say("Name of the passkey", "Название ключа"), eve.Say("Work laptop", "Рабочий ноутбук"));
        await eve.PressAsync(eve.Say("Add passkey", "Добавить ключ доступа"));
        await Assertions.Expect(eve.Page.GetByText(eve.Say("The passkey was added.", "Ключ доступа добавлен."))).ToBeVisibleAsync();
        await eve.LookAsync("added");
        await eve.PressAsync(eve.Say("Sign out", "Выйти"));

        await eve.GoAsync("/sign-in?return=/account/security");
        await eve.PressPasskeyAsync();
        await eve.SeesAsync(eve.Say("Security", "Безопасность"));
        await eve.LookAsync("signed-in");
        await eve.GoAsync("/confirm?return=/account/security");
        await eve.LookAsync("confirm");
        await eve.PressAsync(eve.Say("Use a passkey", "Ключ доступа"));
        await eve.SeesAsync(eve.Say("Security", "Безопасность"));
        await eve.PressAsync(eve.Say("Remove passkey Work laptop", "Удалить ключ доступа Рабочий ноутбук"));
        await Assertions.Expect(eve.Page.GetByText(eve.Say("The passkey was removed.", "Ключ доступа удалён."))).ToBeVisibleAsync();
        eve.IsContent();
    }

    [Theory, MemberData(nameof(Look.All), MemberType = typeof(Look))]
    public async Task The_profile_shows_who_i_am_and_changes_the_language(string look)
    {
        var name = await server.AddUserAsync("who", look);
        await using var eve = await Visitor.ComeAsync(chromium, server.Address, Look.Parse(look), "profile");

        await eve.SignInAsync(name, Server.Password);
        await eve.SeesAsync(eve.Say("Profile", "Профиль"));
        await eve.LookAsync("profile");
        await eve.Page.GetByLabel(eve.Say("Language of pages", "Язык страниц")).SelectOptionAsync(eve.Say("ru", "en"));
        await eve.PressAsync(eve.Say("Save", "Сохранить"));
        await eve.SeesAsync(eve.Say("Профиль", "Profile"));
        await eve.LookAsync("other-language");
        eve.IsContent();
    }

    [Fact]
    public async Task Everything_but_passkeys_works_without_javascript()
    {
        var name = await server.AddUserAsync("nojs", "plain");
        await using var eve = await Visitor.ComeAsync(
            chromium,
            server.Address,
            Look.Parse("en-light-1440"),
            "without-javascript",
            javaScript: false
        );

        await eve.SignInAsync(name, Server.Password, "/account/security");
        await eve.SeesAsync("Security");
        await eve.PressAsync("Sign out");
        await eve.SeesAsync("You are signed out");
        await eve.GoAsync("/account");

        await eve.SeesAsync("Sign in");
    }

    private static string Code(string secret, int steps) =>
        new Totp(Base32Encoding.ToBytes(Spaces().Replace(secret, ""))).ComputeTotp(
            TimeProvider.System.GetUtcNow().UtcDateTime + TimeSpan.FromSeconds(30 * steps)
        );

    [GeneratedRegex(@"\s", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Spaces();

    /// <summary>The host all tests of this class visit.</summary>
    public sealed class Server : IAsyncLifetime
    {
        /// <summary>Password of everybody.</summary>
        public const string Password = CodeLabServer.AdminPassword;

        private const string ServiceSecret = "a-secret-of-the-tests-only";
        private CodeLabServer? _host;

        /// <summary>Where it listens. Browsers allow passkeys on localhost, not on 127.0.0.1.</summary>
        public Uri Address => new UriBuilder(Host.BaseAddress) { Host = "localhost" }.Uri;

        /// <summary>The server.</summary>
        public CodeLabServer Host => _host!;

        /// <inheritdoc/>
        public async ValueTask InitializeAsync() =>
            _host = await CodeLabServer.StartAsync(
                new CodeLabServerOptions().With(
                    ("CodeLab__Auth__Clients__0__ClientId", "tests"),
                    ("CodeLab__Auth__Clients__0__ClientSecret", ServiceSecret),
                    ("CodeLab__Auth__Clients__0__Scopes__0", "api:admin"),
                    ("CodeLab__Auth__Clients__1__ClientId", "planner"),
                    ("CodeLab__Auth__Clients__1__Name", "Sprint Planner"),
                    ("CodeLab__Auth__Clients__1__Grants__0", "authorization_code"),
                    ("CodeLab__Auth__Clients__1__Scopes__0", "api:read"),
                    ("CodeLab__Auth__Clients__1__Scopes__1", "llm:invoke"),
                    ("CodeLab__Auth__Clients__1__RedirectUris__0", "http://127.0.0.1/callback")
                )
            );

        /// <summary>Makes a user of a test's own and returns its name.</summary>
        public async Task<string> AddUserAsync(string prefix, string look)
        {
            var name = $"{prefix}-{look}";
            await PostAsync(
                "/api/v1/admin/users",
                new()
                {
                    ["username"] = name,
                    ["email"] = $"{name}@example.org",
                    ["password"] = Password,
                    ["roles"] = new System.Text.Json.Nodes.JsonArray("developer"),
                }
            );
            return name;
        }

        /// <summary>Posts JSON with the rights of an administrator.</summary>
        public async Task<System.Text.Json.Nodes.JsonObject> PostAsync(string path, System.Text.Json.Nodes.JsonObject body)
        {
            using var client = new HttpClient { BaseAddress = Host.BaseAddress };
            using var form = new FormUrlEncodedContent(
                new Dictionary<string, string>(StringComparer.Ordinal)
                {
                    ["grant_type"] = "client_credentials",
                    ["client_id"] = "tests",
                    ["client_secret"] = ServiceSecret,
                }
            );
            var token = await ReadAsync(await client.PostAsync("/oauth/token", form));
            client.DefaultRequestHeaders.Authorization = new("Bearer", (string)token["access_token"]!);
            using var content = new StringContent(body.ToJsonString(), System.Text.Encoding.UTF8, "application/json");
            return await ReadAsync(await client.PostAsync(path, content));
        }

        /// <inheritdoc/>
        public async ValueTask DisposeAsync()
        {
            if (_host is not null)
                await _host.DisposeAsync();
        }

        private static async Task<System.Text.Json.Nodes.JsonObject> ReadAsync(HttpResponseMessage answer)
        {
            var text = await answer.Content.ReadAsStringAsync();
            Assert.True(answer.IsSuccessStatusCode, text);
            return System.Text.Json.Nodes.JsonNode.Parse(text)!.AsObject();
        }
    }
}
