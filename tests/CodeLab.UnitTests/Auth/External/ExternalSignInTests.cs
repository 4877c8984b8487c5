using System.Net;
using System.Security.Cryptography;
using System.Text.RegularExpressions;
using CodeLab.Modules.Auth;
using CodeLab.Modules.Auth.Persistence;
using CodeLab.UnitTests.Auth.Browser;
using CodeLab.UnitTests.Auth.Http;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.Tokens;
using Xunit;

namespace CodeLab.UnitTests.Auth.External;

/// <summary>Signing in by an OpenID Connect provider, and what a hostile one or a hostile page can not do.</summary>
public sealed partial class ExternalSignInTests
{
    [Fact]
    public async Task A_stranger_gets_an_account_where_allowed_and_the_same_one_the_next_time()
    {
        await using var provider = await TestProvider.StartAsync();
        await using var host = await StartAsync(provider, ("CreateUsers", "true"));
        using var first = new TestBrowser(host);
        using var second = new TestBrowser(host);

        await SignInAsync(first, provider);
        await SignInAsync(second, provider);

        await first.GetAsync("/account");
        await second.GetAsync("/account");
        Assert.Contains("grace@example.com", first.Page.Body);
        Assert.Contains("grace@example.com", second.Page.Body);
        Assert.Equal(2, provider.Verifiers.Count);
        Assert.Equal(2, await CountAsync(host, "auth_users"));
    }

    [Fact]
    public async Task A_stranger_is_refused_by_default()
    {
        await using var provider = await TestProvider.StartAsync();
        await using var host = await StartAsync(provider);
        using var browser = new TestBrowser(host);

        await SignInAsync(browser, provider);

        AssertRefused(browser);
        Assert.Equal(1, await CountAsync(host, "auth_users"));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task An_email_address_never_opens_an_account_that_exists(bool verified)
    {
        await using var provider = await TestProvider.StartAsync();
        await using var host = await StartAsync(provider, ("CreateUsers", "true"), ("TrustEmail", "true"));
        await host.CreateUserAsync("bob", "developer");
        provider.Person["email"] = "BOB@example.org";
        provider.Person["email_verified"] = verified;
        using var browser = new TestBrowser(host);

        await SignInAsync(browser, provider);

        AssertRefused(browser);
        Assert.Equal(0, await CountAsync(host, "auth_user_logins"));
    }

    [Fact]
    public async Task A_user_links_the_provider_and_signs_in_with_it_and_nobody_else_can_link_the_same_person()
    {
        await using var provider = await TestProvider.StartAsync();
        await using var host = await StartAsync(provider);
        await host.CreateUserAsync("bob", "developer");
        await host.CreateUserAsync("eve", "developer");
        using var bob = new TestBrowser(host);
        using var eve = new TestBrowser(host);
        await bob.SignInAsync("bob");
        await eve.SignInAsync("eve");

        await bob.GetAsync("/account/security");
        await bob.SubmitAsync("/external/hq/link");
        await ComeBackAsync(bob, provider);
        var linked = bob.Page.Status;
        await eve.GetAsync("/account/security");
        await eve.SubmitAsync("/external/hq/link");
        await ComeBackAsync(eve, provider);
        var stolen = eve.Page.Status;
        using var later = new TestBrowser(host);
        await SignInAsync(later, provider);
        await later.GetAsync("/account");

        Assert.Equal(HttpStatusCode.OK, linked);
        Assert.Equal(HttpStatusCode.Forbidden, stolen);
        Assert.Contains("bob@example.org", later.Page.Body);
    }

    [Fact]
    public async Task Groups_give_roles_and_whoever_has_none_is_refused()
    {
        await using var provider = await TestProvider.StartAsync();
        await using var host = await StartAsync(
            provider,
            ("CreateUsers", "true"),
            ("DefaultRole", ""),
            ("GroupRoles:eng-leads", "lead"),
            ("GroupRoles:eng", "developer")
        );
        using var stranger = new TestBrowser(host);
        using var lead = new TestBrowser(host);
        using var developer = new TestBrowser(host);

        provider.Person["groups"] = new[] { "sales" };
        await SignInAsync(stranger, provider);
        AssertRefused(stranger);
        provider.Person["groups"] = new[] { "sales", "eng-leads" };
        await SignInAsync(lead, provider);
        Assert.Equal("lead", await RolesAsync(host));
        provider.Person["groups"] = new[] { "eng" };
        await SignInAsync(developer, provider);

        Assert.Equal("developer", await RolesAsync(host));
    }

    [Fact]
    public async Task Only_verified_addresses_of_the_named_domains_come_in()
    {
        await using var provider = await TestProvider.StartAsync();
        await using var host = await StartAsync(provider, ("CreateUsers", "true"), ("EmailDomains:0", "example.com"));
        foreach (
            var (email, verified) in new[]
            {
                ("grace@evil.example", true),
                ("grace@example.com", false),
                ("grace@sub.example.com", true),
                ("x@example.com@evil.example", true),
            }
        )
        {
            using var browser = new TestBrowser(host);
            provider.Person["email"] = email;
            provider.Person["email_verified"] = verified;
            await SignInAsync(browser, provider);
            AssertRefused(browser);
        }
        using var good = new TestBrowser(host);
        provider.Person["email"] = "grace@example.com";
        provider.Person["email_verified"] = true;

        await SignInAsync(good, provider);

        Assert.NotNull(good.Session);
    }

    [Theory]
    [InlineData("nonce")]
    [InlineData("issuer")]
    [InlineData("audience")]
    [InlineData("expired")]
    [InlineData("unsigned")]
    [InlineData("other key")]
    [InlineData("shared secret")]
    public async Task A_token_that_is_not_for_this_sign_in_is_refused(string what)
    {
        await using var provider = await TestProvider.StartAsync();
        await using var host = await StartAsync(provider, ("CreateUsers", "true"));
        using var browser = new TestBrowser(host);
        using var other = RSA.Create(2048);
        provider.Lie = token =>
        {
            switch (what)
            {
                case "nonce":
                    token.Claims["nonce"] = "another";
                    break;
                case "issuer":
                    token.Issuer = "https://evil.example";
                    break;
                case "audience":
                    token.Audience = "another-client";
                    break;
                case "expired":
                    token.NotBefore = token.IssuedAt = TimeProvider.System.GetUtcNow().UtcDateTime.AddHours(-2);
                    token.Expires = TimeProvider.System.GetUtcNow().UtcDateTime.AddHours(-1);
                    break;
                case "unsigned":
                    token.SigningCredentials = null;
                    break;
                case "other key":
                    token.SigningCredentials = new(new RsaSecurityKey(other) { KeyId = "k1" }, SecurityAlgorithms.RsaSha256);
                    break;
                case "shared secret":
                    token.SigningCredentials = new(
                        new SymmetricSecurityKey("a-secret-of-the-tests-only-32-bytes!"u8.ToArray()),
                        SecurityAlgorithms.HmacSha256
                    );
                    break;
            }
        };

        await SignInAsync(browser, provider);

        AssertRefused(browser);
    }

    [Fact]
    public async Task An_answer_without_our_state_or_for_another_browser_or_of_another_issuer_is_refused()
    {
        await using var provider = await TestProvider.StartAsync();
        await using var host = await StartAsync(provider, ("CreateUsers", "true"));
        using var victim = new TestBrowser(host);
        using var attacker = new TestBrowser(host);
        var (code, state) = provider.Authorize(await StartSignInAsync(attacker));

        await victim.GetAsync($"/external/hq/callback?code={code}&state={Uri.EscapeDataString(state)}");
        AssertRefused(victim);
        await victim.GetAsync($"/external/hq/callback?code={code}");
        AssertRefused(victim);
        await victim.GetAsync($"/external/hq/callback?code={code}&state=AAAA");
        AssertRefused(victim);
        await attacker.GetAsync($"/external/hq/callback?code={code}&state={Uri.EscapeDataString(state)}&iss=https%3A%2F%2Fevil.example");
        AssertRefused(attacker);
    }

    [Fact]
    public async Task An_answer_is_good_once()
    {
        await using var provider = await TestProvider.StartAsync();
        await using var host = await StartAsync(provider, ("CreateUsers", "true"));
        using var browser = new TestBrowser(host);
        var (code, state) = provider.Authorize(await StartSignInAsync(browser));
        var callback = $"/external/hq/callback?code={code}&state={Uri.EscapeDataString(state)}";
        await browser.GetAsync(callback);
        Assert.Equal(HttpStatusCode.OK, browser.Page.Status);

        await browser.GetAsync(callback);

        Assert.Equal(HttpStatusCode.Forbidden, browser.Page.Status);
    }

    [Fact]
    public async Task Faults_of_the_configuration_stop_the_start_and_are_told_at_once()
    {
        var fault = await Assert.ThrowsAsync<OptionsValidationException>(() =>
            AuthHost.StartReadyAsync(
                ("CodeLab:Auth:External:0:Name", "No Good"),
                ("CodeLab:Auth:External:0:Issuer", "http://example.org"),
                ("CodeLab:Auth:External:0:DefaultRole", "king")
            )
        );

        Assert.Contains("Name must be", fault.Message);
        Assert.Contains("https", fault.Message);
        Assert.Contains("ClientId is missing", fault.Message);
        Assert.Contains("king", fault.Message);
    }

    private static Task<AuthHost> StartAsync(TestProvider provider, params (string Name, string Value)[] settings) =>
        AuthHost.StartReadyAsync([
            ("CodeLab:Auth:External:0:Name", "hq"),
            ("CodeLab:Auth:External:0:DisplayName", "Headquarters"),
            ("CodeLab:Auth:External:0:Issuer", provider.Issuer),
            ("CodeLab:Auth:External:0:ClientId", TestProvider.ClientId),
            ("CodeLab:Auth:External:0:ClientSecret", "a-secret-of-the-tests-only-32-bytes!"),
            .. settings.Select(s => ("CodeLab:Auth:External:0:" + s.Name, s.Value)),
        ]);

    private static async Task<Uri> StartSignInAsync(TestBrowser browser)
    {
        await browser.GetAsync("/sign-in");
        await browser.SubmitAsync("/external/hq");
        return Destination(browser);
    }

    private static async Task SignInAsync(TestBrowser browser, TestProvider provider)
    {
        await StartSignInAsync(browser);
        await ComeBackAsync(browser, provider);
    }

    private static async Task ComeBackAsync(TestBrowser browser, TestProvider provider)
    {
        var (code, state) = provider.Authorize(Destination(browser));
        await browser.GetAsync($"/external/hq/callback?code={code}&state={Uri.EscapeDataString(state)}");
    }

    /// <summary>Where the page that goes on by itself leads.</summary>
    private static Uri Destination(TestBrowser browser)
    {
        var address = Link().Match(browser.Page.Body).Groups["address"].Value;
        Assert.True(address.Length > 0, browser.Page.Body);
        return new(WebUtility.HtmlDecode(address));
    }

    private static void AssertRefused(TestBrowser browser)
    {
        Assert.Equal(HttpStatusCode.Forbidden, browser.Page.Status);
        Assert.Null(browser.Session);
    }

    private static async Task<long> CountAsync(AuthHost host, string table)
    {
        await using var connection = await host.Database.OpenAsync(TestContext.Current.CancellationToken);
        return (long)(await connection.ScalarAsync($"SELECT COUNT(*) FROM {table}", null, [], TestContext.Current.CancellationToken))!;
    }

    private static async Task<string> RolesAsync(AuthHost host)
    {
        await using var connection = await host.Database.OpenAsync(TestContext.Current.CancellationToken);
        return (string)
            (
                await connection.ScalarAsync(
                    "SELECT roles FROM auth_users WHERE user_name = 'grace'",
                    null,
                    [],
                    TestContext.Current.CancellationToken
                )
            )!;
    }

    [GeneratedRegex("<a class=\"button\" href=\"(?<address>http[^\"]+)\"", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Link();
}
