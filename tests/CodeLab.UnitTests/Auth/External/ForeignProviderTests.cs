using System.Net;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using CodeLab.Modules.Auth.Persistence;
using CodeLab.UnitTests.Auth.Browser;
using CodeLab.UnitTests.Auth.Http;
using Xunit;

namespace CodeLab.UnitTests.Auth.External;

/// <summary>Signing in by a provider that nobody here wrote (npm <c>oidc-provider</c>, pinned in the folder <c>OidcProvider</c>).</summary>
public sealed partial class ForeignProviderTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task People_of_a_foreign_provider_sign_in_with_the_roles_of_their_groups()
    {
        var (hostPort, providerPort) = (NodeProgram.FreePort(), NodeProgram.FreePort());
        const string secret = "a-secret-of-the-tests-only-32-bytes!";
        using var provider = await NodeProgram.InstallAsync("OidcProvider");
        await provider.StartAsync(
            "provider.mjs",
            new JsonObject
            {
                ["port"] = providerPort,
                ["clientId"] = "codelab",
                ["clientSecret"] = secret,
                ["redirectUri"] = $"http://127.0.0.1:{hostPort}/external/hq/callback",
            }.ToJsonString()
        );
        await using var host = await AuthHost.StartReadyAsync([
            (AuthHost.Urls, $"http://127.0.0.1:{hostPort}"),
            ("CodeLab:Auth:External:0:Name", "hq"),
            ("CodeLab:Auth:External:0:Issuer", $"http://127.0.0.1:{providerPort}"),
            ("CodeLab:Auth:External:0:ClientId", "codelab"),
            ("CodeLab:Auth:External:0:ClientSecret", secret),
            ("CodeLab:Auth:External:0:Scopes:0", "openid"),
            ("CodeLab:Auth:External:0:Scopes:1", "profile"),
            ("CodeLab:Auth:External:0:Scopes:2", "email"),
            ("CodeLab:Auth:External:0:Scopes:3", "groups"),
            ("CodeLab:Auth:External:0:CreateUsers", "true"),
            ("CodeLab:Auth:External:0:DefaultRole", ""),
            ("CodeLab:Auth:External:0:GroupRoles:eng-leads", "lead"),
            ("CodeLab:Auth:External:0:GroupRoles:eng", "developer"),
        ]);

        var lead = await SignInAsync(host, "grace+sales+eng-leads");
        var developer = await SignInAsync(host, "linus+eng");
        var stranger = await SignInAsync(host, "mallory+sales");

        Assert.Equal((HttpStatusCode.OK, HttpStatusCode.OK, HttpStatusCode.Forbidden), (lead, developer, stranger));
        Assert.Equal("lead", await RolesAsync(host, "grace"));
        Assert.Equal("developer", await RolesAsync(host, "linus"));
        Assert.Null(await RolesAsync(host, "mallory"));
        // The one who is known signs in again, to the same account.
        Assert.Equal(HttpStatusCode.OK, await SignInAsync(host, "linus+eng"));
        Assert.Equal(
            3L,
            await ScalarAsync(host, "SELECT COUNT(*) FROM auth_audit WHERE type = 'login_success' AND metadata LIKE '%external%'")
        );
    }

    /// <summary>Walks from our sign-in page through the provider's pages and back, as a person does.</summary>
    private static async Task<HttpStatusCode> SignInAsync(AuthHost host, string who)
    {
        using var browser = new TestBrowser(host);
        using var elsewhere = new HttpClient(new HttpClientHandler { AllowAutoRedirect = false });
        await browser.GetAsync("/sign-in");
        await browser.SubmitAsync("/external/hq");
        var at = new Uri(WebUtility.HtmlDecode(Link().Match(browser.Page.Body).Groups["address"].Value));
        var response = await elsewhere.GetAsync(at, Cancel);
        while (true)
        {
            if (response.Headers.Location is { } next)
            {
                at = new Uri(at, next);
                response.Dispose();
                if (at.AbsolutePath == "/external/hq/callback")
                    break;
                response = await elsewhere.GetAsync(at, Cancel);
                continue;
            }
            var page = await response.Content.ReadAsStringAsync(Cancel);
            Assert.True(response.IsSuccessStatusCode, page);
            response.Dispose();
            var form = Form().Match(page);
            Assert.True(form.Success, page);
            var fields = Hidden().Matches(form.Value).ToDictionary(h => h.Groups["name"].Value, h => h.Groups["value"].Value);
            if (form.Value.Contains("name=\"login\"", StringComparison.Ordinal))
                (fields["login"], fields["password"]) = (who, "any");
            at = new Uri(at, form.Groups["action"].Value);
            using var content = new FormUrlEncodedContent(fields);
            response = await elsewhere.PostAsync(at, content, Cancel);
        }
        await browser.GetAsync(at.PathAndQuery);
        return browser.Page.Status;
    }

    private static async Task<string?> RolesAsync(AuthHost host, string name) =>
        (string?)await ScalarAsync(host, $"SELECT roles FROM auth_users WHERE user_name = '{name}'");

    private static async Task<object?> ScalarAsync(AuthHost host, string sql)
    {
        await using var connection = await host.Database.OpenAsync(Cancel);
        return await connection.ScalarAsync(sql, null, [], Cancel);
    }

    [GeneratedRegex("<a class=\"button\" href=\"(?<address>http[^\"]+)\"", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Link();

    [GeneratedRegex("<form[^>]*action=\"(?<action>[^\"]*)\".*?</form>", RegexOptions.Singleline | RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Form();

    [GeneratedRegex(
        "<input[^>]*type=\"hidden\"[^>]*name=\"(?<name>[^\"]*)\"[^>]*value=\"(?<value>[^\"]*)\"",
        RegexOptions.ExplicitCapture,
        1000
    )]
    private static partial Regex Hidden();
}
