using System.Net;
using CodeLab.Modules.Auth.Grants.AuthorizationCode;
using CodeLab.Modules.Auth.Persistence;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace CodeLab.UnitTests.Auth.Http;

/// <summary>Authorization code with PKCE (security.md §4, RFC 9700).</summary>
public sealed class AuthorizationCodeTests : IAsyncLifetime
{
    private AuthHost _host = null!;
    private BrowserPerson _ada = null!;

    public async ValueTask InitializeAsync()
    {
        _host = await AuthHost.StartReadyAsync(
            ("CodeLab:Auth:Clients:1:ClientId", "wiki"),
            ("CodeLab:Auth:Clients:1:Name", "The wiki"),
            ("CodeLab:Auth:Clients:1:ClientSecret", "another-secret-of-the-tests"),
            ("CodeLab:Auth:Clients:1:Grants:0", "authorization_code"),
            ("CodeLab:Auth:Clients:1:Grants:1", "refresh_token"),
            ("CodeLab:Auth:Clients:1:Scopes:0", "openid"),
            ("CodeLab:Auth:Clients:1:Scopes:1", "profile"),
            ("CodeLab:Auth:Clients:1:Scopes:2", "api:read"),
            ("CodeLab:Auth:Clients:1:RedirectUris:0", "https://wiki.example.org/back?from=codelab")
        );
        _ada = await BrowserPerson.SignInAsync(_host);
    }

    public ValueTask DisposeAsync()
    {
        _ada.Dispose();
        return _host.DisposeAsync();
    }

    [Fact]
    public async Task A_code_is_traded_for_tokens_of_the_person_at_the_browser()
    {
        var request = new CodeRequest();

        var redirect = CodeRequest.Redirect(await _ada.GetAsync(request.Path));
        var tokens = await _host.TokenAsync(request.Redemption(redirect["code"]));

        Assert.Equal("state-1", redirect["state"]);
        Assert.Equal("https://auth.codelab.local", redirect["iss"]);
        Assert.Equal(HttpStatusCode.OK, tokens.Status);
        string[] expected = ["access_token", "refresh_token", "token_type", "expires_in", "scope"];
        Assert.Equal(expected, tokens.Json.Select(m => m.Key));
        Assert.Equal("api:read api:write", tokens.Text("scope"));
        var me = await _host.GetAsync("/api/v1/me", tokens.Text("access_token"));
        Assert.Equal("ada", me.Text("username"));
        Assert.Equal(HttpStatusCode.OK, (await _host.RefreshAsync(tokens.Text("refresh_token"))).Status);
    }

    [Fact]
    public async Task Administration_is_given_to_administrators_who_ask_for_it_and_to_nobody_else()
    {
        await _host.CreateUserAsync("dana", "developer");
        using var dana = await BrowserPerson.SignInAsync(_host, "dana");
        var request = new CodeRequest { Parameters = { ["scope"] = "api:admin api:read" } };

        var admins = await _host.TokenAsync(request.Redemption(await request.CodeAsync(_ada)));
        var developers = await _host.TokenAsync(request.Redemption(await request.CodeAsync(dana)));

        Assert.Equal("api:admin api:read", admins.Text("scope"));
        Assert.Equal(HttpStatusCode.OK, (await _host.GetAsync("/api/v1/admin/users", admins.Text("access_token"))).Status);
        Assert.Equal("api:read", developers.Text("scope"));
        Assert.Equal(HttpStatusCode.Forbidden, (await _host.GetAsync("/api/v1/admin/users", developers.Text("access_token"))).Status);
    }

    [Fact]
    public async Task A_code_used_again_ends_what_it_gave()
    {
        var request = new CodeRequest();
        var code = await request.CodeAsync(_ada);
        var first = await _host.TokenAsync(request.Redemption(code));
        Assert.Equal(HttpStatusCode.OK, (await _host.GetAsync("/api/v1/any", first.Text("access_token"))).Status);

        var second = await _host.TokenAsync(request.Redemption(code));

        Assert.Equal(HttpStatusCode.Unauthorized, second.Status);
        Assert.Equal("invalid_grant", second.Text("error"));
        Assert.Equal(HttpStatusCode.Unauthorized, (await _host.GetAsync("/api/v1/any", first.Text("access_token"))).Status);
        Assert.Equal(HttpStatusCode.Unauthorized, (await _host.RefreshAsync(first.Text("refresh_token"))).Status);
        Assert.Equal(1, await CountAsync("SELECT COUNT(*) FROM auth_audit WHERE type = 'code.reuse_detected'"));
    }

    [Fact]
    public async Task Twenty_uses_of_one_code_at_once_leave_no_living_sign_in()
    {
        var request = new CodeRequest();
        var code = await request.CodeAsync(_ada);

        var answers = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => _host.TokenAsync(request.Redemption(code))));

        Assert.Single(answers, a => a.Status == HttpStatusCode.OK);
        Assert.Equal(0, await CountAsync("SELECT COUNT(*) FROM auth_sign_ins WHERE client_id = 'codelab-cli' AND revoked_at IS NULL"));
    }

    [Theory]
    [InlineData("code_verifier", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")]
    [InlineData("code_verifier", "short")]
    [InlineData("redirect_uri", "http://127.0.0.1:4568/callback")]
    [InlineData("client_id", "codelab-ide")]
    [InlineData("code", "clc_0000000000000000000000000000000000000000000000000000000000000000")]
    public async Task A_code_is_bound_to_verifier_address_and_client_and_a_wrong_one_does_not_spend_it(string name, string value)
    {
        var request = new CodeRequest();
        var code = await request.CodeAsync(_ada);

        var wrong = await _host.TokenAsync(request.Redemption(code, (name, value)));
        var right = await _host.TokenAsync(request.Redemption(code));

        Assert.Equal(HttpStatusCode.Unauthorized, wrong.Status);
        Assert.Equal("""{"error":"invalid_grant","error_description":"Invalid or expired authorization code"}""", wrong.Body);
        Assert.Equal(HttpStatusCode.OK, right.Status);
    }

    [Theory]
    [InlineData("code")]
    [InlineData("redirect_uri")]
    [InlineData("code_verifier")]
    public async Task A_redemption_without_a_part_is_malformed(string name)
    {
        var request = new CodeRequest();

        var answer = await _host.TokenAsync(request.Redemption("clc_x", (name, "")));

        Assert.Equal(HttpStatusCode.BadRequest, answer.Status);
        Assert.Equal($"Missing required parameter: {name}", answer.Text("error_description"));
    }

    [Theory]
    [InlineData("code_challenge_method", "plain", "invalid_request")]
    [InlineData("code_challenge_method", "", "invalid_request")]
    [InlineData("code_challenge", "", "invalid_request")]
    [InlineData("code_challenge", "tooshort", "invalid_request")]
    [InlineData("state", "", "invalid_request")]
    [InlineData("scope", "api:read everything", "invalid_scope")]
    [InlineData("response_type", "token", "unsupported_response_type")]
    [InlineData("response_type", "code id_token", "unsupported_response_type")]
    [InlineData("response_mode", "fragment", "invalid_request")]
    [InlineData("response_mode", "form_post", "invalid_request")]
    [InlineData("request", "eyJhbGciOiJub25lIn0.e30.", "request_not_supported")]
    public async Task A_wrong_request_of_a_known_client_is_told_to_the_client(string name, string value, string error)
    {
        var request = new CodeRequest();
        _ = request.Path;
        if (value.Length == 0)
            request.Parameters.Remove(name);
        else
            request.Parameters[name] = value;
        var path = "/oauth/authorize?" + string.Join('&', request.Parameters.Select(p => $"{p.Key}={Uri.EscapeDataString(p.Value)}"));

        var redirect = CodeRequest.Redirect(await _ada.GetAsync(path));

        Assert.Equal(error, redirect["error"]);
        Assert.Equal("https://auth.codelab.local", redirect["iss"]);
        Assert.False(redirect.ContainsKey("code"));
        Assert.Equal(request.Parameters.GetValueOrDefault("state"), redirect.GetValueOrDefault("state"));
    }

    [Theory]
    [InlineData("codelab-cli", "http://127.0.0.1:4567/other")]
    [InlineData("codelab-cli", "http://127.0.0.1:4567/callback?x=1")]
    [InlineData("codelab-cli", "http://127.0.0.1:4567/callback#x")]
    [InlineData("codelab-cli", "http://127.0.0.1.evil.example/callback")]
    [InlineData("codelab-cli", "http://localhost:4567/callback")]
    [InlineData("codelab-cli", "https://127.0.0.1:4567/callback")]
    [InlineData("codelab-cli", "http://127.0.0.1:4567/CALLBACK")]
    [InlineData("codelab-cli", "http://user@127.0.0.1:4567/callback")]
    [InlineData("codelab-cli", "http://127.0.0.1:4567/x/../callback")]
    [InlineData("codelab-cli", "")]
    [InlineData("wiki", "https://wiki.example.org/back")]
    [InlineData("wiki", "https://wiki.example.org:8443/back?from=codelab")]
    [InlineData("wiki", "https://evil.example/back?from=codelab")]
    [InlineData("nobody", "https://wiki.example.org/back?from=codelab")]
    [InlineData("codelab-flutter-app", "http://127.0.0.1:4567/callback")]
    public async Task A_browser_is_sent_to_no_address_that_is_not_registered(string client, string address)
    {
        var request = new CodeRequest { Parameters = { ["client_id"] = client, ["redirect_uri"] = address } };
        if (address.Length == 0)
            request.Parameters.Remove("redirect_uri");

        var answer = await _ada.GetAsync(request.Path);

        Assert.Equal(HttpStatusCode.BadRequest, answer.Status);
        Assert.Null(answer.Header("Location"));
        Assert.StartsWith("text/html", answer.Header("Content-Type"));
    }

    [Fact]
    public async Task Whoever_is_not_signed_in_is_sent_to_sign_in_and_back()
    {
        using var nobody = new HttpClient(new HttpClientHandler { AllowAutoRedirect = false }) { BaseAddress = _host.Client.BaseAddress };
        var request = new CodeRequest();

        var answer = await Answer.ReadAsync(await nobody.GetAsync(request.Path, TestContext.Current.CancellationToken));

        Assert.Equal(HttpStatusCode.Found, answer.Status);
        var location = answer.Header("Location")!;
        Assert.StartsWith("/sign-in?return=%2Foauth%2Fauthorize%3F", location);
        var back = Uri.UnescapeDataString(location[(location.IndexOf('=') + 1)..]);
        // From a form of ours the last step is a page: the form's policy would stop a redirect to the client.
        var page = await _ada.GetAsync(back);
        Assert.Equal(HttpStatusCode.OK, page.Status);
        Assert.Contains("http-equiv=\"refresh\" content=\"0;url=http://127.0.0.1:4567/callback?code=clc_", page.Body);
    }

    [Fact]
    public async Task A_request_that_another_site_began_is_asked_again_so_that_the_strict_cookie_comes()
    {
        using var nobody = new HttpClient(new HttpClientHandler { AllowAutoRedirect = false }) { BaseAddress = _host.Client.BaseAddress };
        nobody.DefaultRequestHeaders.Add("Sec-Fetch-Site", "cross-site");

        var answer = await Answer.ReadAsync(await nobody.GetAsync(new CodeRequest().Path, TestContext.Current.CancellationToken));

        Assert.Equal(HttpStatusCode.OK, answer.Status);
        Assert.Contains("http-equiv=\"refresh\" content=\"0;url=/oauth/authorize?", answer.Body);
    }

    [Fact]
    public async Task Prompt_none_asks_nobody()
    {
        using var nobody = new HttpClient(new HttpClientHandler { AllowAutoRedirect = false }) { BaseAddress = _host.Client.BaseAddress };
        var first = new CodeRequest { Parameters = { ["prompt"] = "none" } };
        var wiki = Wiki();
        wiki.Parameters["prompt"] = "none";

        var signedOut = CodeRequest.Redirect(
            await Answer.ReadAsync(await nobody.GetAsync(first.Path, TestContext.Current.CancellationToken))
        );
        var withoutConsent = await _ada.GetAsync(wiki.Path);
        var signedIn = CodeRequest.Redirect(await _ada.GetAsync(new CodeRequest { Parameters = { ["prompt"] = "none" } }.Path));

        Assert.Equal("login_required", signedOut["error"]);
        Assert.Contains("error=consent_required", withoutConsent.Header("Location"));
        Assert.True(signedIn.ContainsKey("code"));
    }

    [Theory]
    [InlineData("prompt", "login")]
    [InlineData("max_age", "0")]
    public async Task A_client_may_want_the_person_to_prove_it_again(string name, string value)
    {
        var time = new FakeTimeProvider(DateTimeOffset.Parse("2026-03-02T08:00:00Z"));
        await using var host = await AuthHost.StartAsync(null, time, AuthHost.Ready());
        using var before = await BrowserPerson.SignInAsync(host);
        time.Advance(TimeSpan.FromSeconds(5));
        var request = new CodeRequest { Parameters = { [name] = value } };

        var asked = await before.GetAsync(request.Path);
        var back = Uri.UnescapeDataString(asked.Header("Location")!.Split("return=")[1]);
        var unchanged = await before.GetAsync(back);
        time.Advance(TimeSpan.FromSeconds(5));
        using var after = await BrowserPerson.SignInAsync(host);
        var proved = await after.GetAsync(back);

        Assert.StartsWith("/confirm?return=", asked.Header("Location"));
        Assert.StartsWith("/confirm?return=", unchanged.Header("Location"));
        Assert.Contains("code=clc_", proved.Body);
    }

    [Fact]
    public async Task A_third_party_gets_a_code_only_after_consent_which_is_remembered()
    {
        var decisions = _host.App.Services.GetRequiredService<ConsentDecisions>();
        var request = Wiki();

        var asked = await _ada.GetAsync(request.Path);
        var sealedRequest = Uri.UnescapeDataString(asked.Header("Location")!.Split("request=")[1]);
        var question = decisions.Read(sealedRequest, _ada.User)!;
        var path = await decisions.AllowAsync(sealedRequest, _ada.User, TestContext.Current.CancellationToken);
        var first = await _ada.GetAsync(path!);
        var second = await _ada.GetAsync(request.Path);

        Assert.StartsWith("/consent?request=", asked.Header("Location"));
        Assert.Equal("The wiki", question.ClientName);
        Assert.Equal("wiki.example.org", question.Destination);
        Assert.Equal(["api:read", "openid"], question.Scopes.Order());
        Assert.Contains("https://wiki.example.org/back?from=codelab&amp;code=clc_", first.Body);
        Assert.Equal(HttpStatusCode.Found, second.Status);
        Assert.StartsWith("https://wiki.example.org/back?from=codelab&code=clc_", second.Header("Location"));
    }

    [Fact]
    public async Task More_scopes_than_were_allowed_are_asked_for_again()
    {
        var decisions = _host.App.Services.GetRequiredService<ConsentDecisions>();
        var narrow = Wiki();
        var asked = await _ada.GetAsync(narrow.Path);
        await decisions.AllowAsync(
            Uri.UnescapeDataString(asked.Header("Location")!.Split("request=")[1]),
            _ada.User,
            TestContext.Current.CancellationToken
        );
        var wide = Wiki();
        wide.Parameters["scope"] = "openid api:read profile";

        var answer = await _ada.GetAsync(wide.Path);

        Assert.StartsWith("/consent?request=", answer.Header("Location"));
    }

    [Fact]
    public async Task A_refused_third_party_is_told_so()
    {
        var decisions = _host.App.Services.GetRequiredService<ConsentDecisions>();
        var asked = await _ada.GetAsync(Wiki().Path);
        var sealedRequest = Uri.UnescapeDataString(asked.Header("Location")!.Split("request=")[1]);

        var page = await _ada.GetAsync(decisions.Deny(sealedRequest, _ada.User)!);

        Assert.Contains("https://wiki.example.org/back?from=codelab&amp;error=access_denied", page.Body);
        Assert.Contains("state=state-1", page.Body);
    }

    [Fact]
    public async Task A_consent_request_is_good_for_its_person_only_and_not_when_forged()
    {
        await _host.CreateUserAsync("dana", "developer");
        using var dana = await BrowserPerson.SignInAsync(_host, "dana");
        var decisions = _host.App.Services.GetRequiredService<ConsentDecisions>();
        var asked = await _ada.GetAsync(Wiki().Path);
        var sealedRequest = Uri.UnescapeDataString(asked.Header("Location")!.Split("request=")[1]);

        Assert.Null(decisions.Read(sealedRequest, dana.User));
        Assert.Null(await decisions.AllowAsync(sealedRequest, dana.User, TestContext.Current.CancellationToken));
        Assert.Null(decisions.Read("nonsense", _ada.User));
        Assert.Null(decisions.Deny(sealedRequest + "x", _ada.User));
    }

    [Fact]
    public async Task A_third_party_stays_signed_in_only_if_it_asked_to()
    {
        var decisions = _host.App.Services.GetRequiredService<ConsentDecisions>();
        async Task<Answer> TradeAsync(string scope)
        {
            var request = Wiki();
            request.Parameters["scope"] = scope;
            var asked = await _ada.GetAsync(request.Path);
            var sealedRequest = Uri.UnescapeDataString(asked.Header("Location")!.Split("request=")[1]);
            var path = await decisions.AllowAsync(sealedRequest, _ada.User, TestContext.Current.CancellationToken);
            var code = (await _ada.GetAsync(path!)).Body.Split("code=")[1].Split("&amp;")[0];
            return await _host.TokenAsync(request.Redemption(code, ("client_secret", "another-secret-of-the-tests")));
        }

        var once = await TradeAsync("openid api:read");
        var kept = await TradeAsync("openid api:read offline_access");

        Assert.Equal(HttpStatusCode.OK, once.Status);
        Assert.False(once.Json.ContainsKey("refresh_token"));
        Assert.True(kept.Json.ContainsKey("refresh_token"));
        Assert.Equal("api:read openid", kept.Text("scope"));
    }

    [Fact]
    public async Task A_code_lives_a_minute_and_dies_with_the_browser_session()
    {
        var time = new FakeTimeProvider(DateTimeOffset.Parse("2026-03-02T08:00:00Z"));
        await using var host = await AuthHost.StartAsync(null, time, AuthHost.Ready());
        using var ada = await BrowserPerson.SignInAsync(host);
        var late = new CodeRequest();
        var orphan = new CodeRequest();
        var lateCode = await late.CodeAsync(ada);
        time.Advance(TimeSpan.FromSeconds(61));
        var orphanCode = await orphan.CodeAsync(ada);
        await host.Database.ExecuteAsync(
            "UPDATE auth_sign_ins SET revoked_at = 1 WHERE id = @id",
            [("@id", ada.User.SignInId)],
            TestContext.Current.CancellationToken
        );

        Assert.Equal("invalid_grant", (await host.TokenAsync(late.Redemption(lateCode))).Text("error"));
        Assert.Equal("invalid_grant", (await host.TokenAsync(orphan.Redemption(orphanCode))).Text("error"));
    }

    private static CodeRequest Wiki() =>
        new()
        {
            Parameters =
            {
                ["client_id"] = "wiki",
                ["redirect_uri"] = "https://wiki.example.org/back?from=codelab",
                ["scope"] = "openid api:read",
            },
        };

    private async Task<long> CountAsync(string sql)
    {
        await using var connection = await _host.Database.OpenAsync(TestContext.Current.CancellationToken);
        return (long)(await connection.ScalarAsync(sql, null, [], TestContext.Current.CancellationToken))!;
    }
}
