using System.Net;
using CodeLab.Modules.Auth.Browser;
using CodeLab.Modules.Auth.Persistence;
using CodeLab.UnitTests.Auth.Http;
using MediatR;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace CodeLab.UnitTests.Auth.Browser;

/// <summary>Cookie sessions of browsers (security.md §4, §10).</summary>
public sealed class BrowserSessionTests
{
    [Fact]
    public async Task Signing_in_sets_a_cookie_that_scripts_and_other_sites_cannot_use()
    {
        await using var host = await AuthHost.StartReadyAsync();
        using var browser = new TestBrowser(host);

        var answer = await browser.SignInAsync();

        Assert.Equal(HttpStatusCode.SeeOther, answer.Status);
        Assert.Equal("/account", browser.Location);
        var cookie = answer.Header("Set-Cookie")!;
        Assert.Contains("codelab=", cookie);
        Assert.Contains("path=/", cookie);
        Assert.Contains("samesite=strict", cookie);
        Assert.Contains("httponly", cookie);
        Assert.DoesNotContain("expires", cookie);
        Assert.Equal(HttpStatusCode.OK, (await browser.GetAsync("/account")).Status);
    }

    [Fact]
    public async Task A_page_of_the_account_sends_strangers_to_sign_in_and_back()
    {
        await using var host = await AuthHost.StartReadyAsync();
        using var browser = new TestBrowser(host);

        await browser.GetAsync("/account/security");

        Assert.Equal(HttpStatusCode.SeeOther, browser.Page.Status);
        Assert.Equal("/sign-in?return=%2Faccount%2Fsecurity", browser.Location);
    }

    [Theory]
    [InlineData("https://evil.example/")]
    [InlineData("//evil.example/")]
    [InlineData("/\\evil.example/")]
    public async Task Signing_in_never_leads_to_another_host(string back)
    {
        await using var host = await AuthHost.StartReadyAsync();
        using var browser = new TestBrowser(host);

        await browser.SignInAsync(back: back);

        Assert.Equal("/account", browser.Location);
    }

    [Fact]
    public async Task A_form_without_its_token_is_refused_and_changes_nothing()
    {
        await using var host = await AuthHost.StartReadyAsync();
        using var browser = new TestBrowser(host);

        await browser.GetAsync("/sign-in");
        var signIn = await browser.PostAsync("/sign-in", ("username", "ada"), ("password", AuthHost.Password));
        await browser.SignInAsync();
        var signOut = await browser.PostAsync("/sign-out");

        Assert.Equal(HttpStatusCode.BadRequest, signIn.Status);
        Assert.Equal(HttpStatusCode.BadRequest, signOut.Status);
        Assert.Equal(HttpStatusCode.OK, (await browser.GetAsync("/account")).Status);
    }

    [Fact]
    public async Task A_token_of_one_person_is_no_good_for_the_session_of_another()
    {
        await using var host = await AuthHost.StartReadyAsync();
        await host.CreateUserAsync("bob", "developer");
        using var ada = new TestBrowser(host);
        using var bob = new TestBrowser(host);
        await ada.SignInAsync();
        await bob.SignInAsync("bob");
        await bob.GetAsync("/account");
        var token = bob.Page.Body.Split("name=\"form_token\" value=\"")[1].Split('"')[0];

        var answer = await ada.PostAsync("/sign-out", ("form_token", token));

        Assert.Equal(HttpStatusCode.BadRequest, answer.Status);
    }

    [Fact]
    public async Task Signing_out_ends_the_session_itself_not_just_the_cookie()
    {
        await using var host = await AuthHost.StartReadyAsync();
        using var browser = new TestBrowser(host);
        await browser.SignInAsync();
        var stolen = browser.Session!.Value;
        await browser.GetAsync("/account");

        await browser.SubmitAsync("/sign-out");
        browser.Cookies.Add(host.Client.BaseAddress!, new Cookie("codelab", stolen));

        Assert.Equal("/signed-out", browser.Location);
        Assert.Equal(HttpStatusCode.SeeOther, (await browser.GetAsync("/account")).Status);
    }

    [Fact]
    public async Task Disabling_the_user_ends_the_session_at_once()
    {
        await using var host = await AuthHost.StartReadyAsync();
        var id = await host.CreateUserAsync("bob", "developer");
        using var browser = new TestBrowser(host);
        await browser.SignInAsync("bob");
        Assert.Equal(HttpStatusCode.OK, (await browser.GetAsync("/account")).Status);

        await host.PostAsync($"/api/v1/admin/users/{id}/disable", (await host.ServiceAsync()).Text("access_token"));

        Assert.Equal(HttpStatusCode.SeeOther, (await browser.GetAsync("/account")).Status);
    }

    [Fact]
    public async Task A_cookie_that_was_not_made_here_is_no_session()
    {
        await using var host = await AuthHost.StartReadyAsync();
        using var browser = new TestBrowser(host);
        await browser.SignInAsync();
        var real = browser.Session!.Value;

        foreach (var forged in new[] { real[..^4] + "AAAA", Guid.NewGuid().ToString(), "", new string('A', 2000) })
        {
            browser.Session!.Value = forged;
            Assert.Equal(HttpStatusCode.SeeOther, (await browser.GetAsync("/account")).Status);
        }
    }

    [Fact]
    public async Task A_session_ends_when_it_is_not_used_and_after_twelve_hours_in_any_case()
    {
        var time = new FakeTimeProvider(TimeProvider.System.GetUtcNow());
        await using var host = await AuthHost.StartAsync(null, time, AuthHost.Ready());
        using var idle = new TestBrowser(host);
        using var busy = new TestBrowser(host);
        await idle.SignInAsync();
        await busy.SignInAsync();

        for (var minutes = 0; minutes < 12 * 60; minutes += 20)
        {
            Assert.Equal(HttpStatusCode.OK, (await busy.GetAsync("/account")).Status);
            time.Advance(TimeSpan.FromMinutes(20));
            if (minutes == 20)
                Assert.Equal(HttpStatusCode.SeeOther, (await idle.GetAsync("/account")).Status);
        }

        Assert.Equal(HttpStatusCode.SeeOther, (await busy.GetAsync("/account")).Status);
    }

    [Fact]
    public async Task Circuits_ask_about_a_session_and_keep_it_alive_only_when_the_person_is_active()
    {
        var time = new FakeTimeProvider(TimeProvider.System.GetUtcNow());
        await using var host = await AuthHost.StartAsync(null, time, AuthHost.Ready());
        using var browser = new TestBrowser(host);
        await browser.SignInAsync();
        var sender = host.App.Services.GetRequiredService<ISender>();
        await using var connection = await host.Database.OpenAsync(TestContext.Current.CancellationToken);
        var id = (string)
            (
                await connection.ScalarAsync(
                    "SELECT id FROM auth_sign_ins WHERE client_id = 'codelab-browser'",
                    null,
                    [],
                    TestContext.Current.CancellationToken
                )
            )!;

        time.Advance(TimeSpan.FromMinutes(20));
        var active = await sender.Send(new CheckBrowserSessionCommand(id, IsActive: true), TestContext.Current.CancellationToken);
        time.Advance(TimeSpan.FromMinutes(20));
        var watched = await sender.Send(new CheckBrowserSessionCommand(id, IsActive: false), TestContext.Current.CancellationToken);
        time.Advance(TimeSpan.FromMinutes(11));
        var ended = await sender.Send(new CheckBrowserSessionCommand(id, IsActive: true), TestContext.Current.CancellationToken);

        Assert.Equal("ada", active!.Username);
        Assert.Contains("admin", watched!.Roles);
        Assert.Null(ended);
    }

    [Fact]
    public async Task Names_and_messages_never_become_markup()
    {
        await using var host = await AuthHost.StartReadyAsync();
        using var browser = new TestBrowser(host);

        var answer = await browser.SignInAsync("\"><script>alert(1)</script>", "x");

        Assert.Equal(HttpStatusCode.Unauthorized, answer.Status);
        Assert.DoesNotContain("<script>alert", answer.Body);
        Assert.Contains("&lt;script&gt;alert", answer.Body);
        Assert.Contains("script-src 'self'", answer.Header("Content-Security-Policy"));
        Assert.DoesNotContain("unsafe", answer.Header("Content-Security-Policy"));
        Assert.Equal("no-store", answer.Header("Cache-Control"));
    }

    [Fact]
    public async Task The_language_follows_the_browser()
    {
        await using var host = await AuthHost.StartReadyAsync();
        using var client = new HttpClient { BaseAddress = host.Client.BaseAddress };
        client.DefaultRequestHeaders.AcceptLanguage.ParseAdd("de, ru;q=0.8, en;q=0.5");

        var page = await client.GetStringAsync("/sign-in", TestContext.Current.CancellationToken);

        Assert.Contains("<html lang=\"ru\">", page);
        Assert.Contains("Войти", page);
    }
}
