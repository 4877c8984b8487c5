using System.Net;
using System.Text.RegularExpressions;
using CodeLab.Modules.Auth.Persistence;
using CodeLab.UnitTests.Auth.Http;
using Microsoft.Extensions.Time.Testing;
using OtpNet;
using Xunit;

namespace CodeLab.UnitTests.Auth.Browser;

/// <summary>Codes of an authenticator app, and the recovery codes beside them (RFC 6238).</summary>
public sealed partial class SecondFactorTests
{
    private readonly FakeTimeProvider _time = new(TimeProvider.System.GetUtcNow());

    [Fact]
    public async Task After_the_password_a_code_is_asked_for_and_good_once()
    {
        await using var host = await AuthHost.StartAsync(null, _time, AuthHost.Ready());
        var (secret, _) = await EnrolAsync(host);
        using var first = new TestBrowser(host);
        using var second = new TestBrowser(host);
        _time.Advance(TimeSpan.FromSeconds(60));
        var code = Code(secret);

        var asked = await first.SignInAsync();
        await second.SignInAsync();
        var accepted = await first.SubmitAsync("/sign-in/code", ("code", code));
        var replayed = await second.SubmitAsync("/sign-in/code", ("code", code));

        Assert.Equal(HttpStatusCode.OK, asked.Status);
        Assert.Null(asked.Header("Set-Cookie")?.Split(';').FirstOrDefault(c => c.StartsWith("codelab=", StringComparison.Ordinal)));
        Assert.True(HttpStatusCode.SeeOther == accepted.Status, accepted.Body);
        Assert.Equal(HttpStatusCode.Unauthorized, replayed.Status);
        Assert.Null(second.Session);
        Assert.Equal(HttpStatusCode.OK, (await first.GetAsync("/account")).Status);
    }

    [Fact]
    public async Task One_code_sent_ten_times_at_once_lets_one_browser_in()
    {
        await using var host = await AuthHost.StartAsync(null, _time, AuthHost.Ready(("CodeLab:Auth:Lockout:Threshold", "100")));
        var (secret, _) = await EnrolAsync(host);
        _time.Advance(TimeSpan.FromSeconds(60));
        var browsers = Enumerable.Range(0, 10).Select(_ => new TestBrowser(host)).ToArray();
        foreach (var browser in browsers)
            await browser.SignInAsync();

        var answers = await Task.WhenAll(browsers.Select(b => b.SubmitAsync("/sign-in/code", ("code", Code(secret)))));

        Assert.Single(answers, a => a.Status == HttpStatusCode.SeeOther);
        foreach (var browser in browsers)
            browser.Dispose();
    }

    [Fact]
    public async Task A_recovery_code_lets_in_once()
    {
        await using var host = await AuthHost.StartAsync(null, _time, AuthHost.Ready());
        var (_, codes) = await EnrolAsync(host);
        using var first = new TestBrowser(host);
        using var second = new TestBrowser(host);

        await first.SignInAsync();
        var accepted = await first.SubmitAsync("/sign-in/recovery", ("recovery", codes[0].ToUpperInvariant()));
        await second.SignInAsync();
        var again = await second.SubmitAsync("/sign-in/recovery", ("recovery", codes[0]));
        var other = await second.SubmitAsync("/sign-in/recovery", ("recovery", codes[1].Replace("-", " ", StringComparison.Ordinal)));

        Assert.Equal(10, codes.Count);
        Assert.True(HttpStatusCode.SeeOther == accepted.Status, accepted.Body);
        Assert.Equal(HttpStatusCode.Unauthorized, again.Status);
        Assert.Equal(HttpStatusCode.SeeOther, other.Status);
        await first.GetAsync("/account/security");
        Assert.Contains("8 recovery codes", first.Page.Body);
    }

    [Fact]
    public async Task Wrong_codes_lock_and_a_right_password_does_not_unlock_them()
    {
        await using var host = await AuthHost.StartAsync(null, _time, AuthHost.Ready());
        var (secret, _) = await EnrolAsync(host);
        _time.Advance(TimeSpan.FromSeconds(60));
        using var browser = new TestBrowser(host);

        for (var i = 0; i < 5; i++)
        {
            await browser.SignInAsync();
            await browser.SubmitAsync("/sign-in/code", ("code", "000000"));
        }
        await browser.SignInAsync();
        var locked = await browser.SubmitAsync("/sign-in/code", ("code", Code(secret)));
        _time.Advance(TimeSpan.FromMinutes(16));
        await browser.SignInAsync();
        var later = await browser.SubmitAsync("/sign-in/code", ("code", Code(secret)));

        Assert.Equal(HttpStatusCode.TooManyRequests, locked.Status);
        Assert.Equal(HttpStatusCode.SeeOther, later.Status);
    }

    [Fact]
    public async Task The_first_step_alone_opens_nothing()
    {
        await using var host = await AuthHost.StartAsync(null, _time, AuthHost.Ready());
        await EnrolAsync(host);
        using var browser = new TestBrowser(host);
        await browser.GetAsync("/sign-in");

        await browser.SignInAsync();
        var account = await browser.GetAsync("/account");
        await browser.GetAsync("/sign-in");
        var token = TokenField().Match(browser.Page.Body).Groups["value"].Value;
        var forged = await browser.PostAsync("/sign-in/code", ("form_token", token), ("pending", "AAAA"), ("code", "123456"));

        Assert.Equal(HttpStatusCode.SeeOther, account.Status);
        Assert.Equal(HttpStatusCode.BadRequest, forged.Status);
    }

    [Fact]
    public async Task The_password_grant_is_refused_for_whoever_has_a_second_factor()
    {
        await using var host = await AuthHost.StartAsync(null, _time, AuthHost.Ready());
        Assert.Equal(HttpStatusCode.OK, (await host.SignInAsync()).Status);
        await EnrolAsync(host);

        var right = await host.SignInAsync();
        var wrong = await host.SignInAsync(password: "Wrong-Password-1");

        Assert.Equal("invalid_grant", right.Text("error"));
        Assert.Contains("browser or a device code", right.Text("error_description"));
        Assert.DoesNotContain("second factor", wrong.Text("error_description"));
    }

    [Fact]
    public async Task Turning_it_on_or_off_asks_who_it_is_again_after_ten_minutes()
    {
        await using var host = await AuthHost.StartAsync(null, _time, AuthHost.Ready());
        using var browser = new TestBrowser(host);
        await browser.SignInAsync();
        _time.Advance(TimeSpan.FromMinutes(11));

        await browser.GetAsync("/account/security/authenticator");
        var sentTo = browser.Location;
        await browser.GetAsync(sentTo!);
        await browser.SubmitAsync("/confirm", ("password", "wrong"));
        var refused = browser.Page.Status;
        await browser.SubmitAsync("/confirm", ("password", AuthHost.Password));
        var back = browser.Location;

        Assert.Equal("/confirm?return=%2Faccount%2Fsecurity", sentTo);
        Assert.Equal(HttpStatusCode.Unauthorized, refused);
        Assert.Equal("/account/security", back);
        Assert.Equal(HttpStatusCode.OK, (await browser.GetAsync("/account/security/authenticator")).Status);
    }

    [Fact]
    public async Task Secret_and_codes_are_not_in_clear_in_the_database()
    {
        await using var host = await AuthHost.StartAsync(null, _time, AuthHost.Ready());
        var (secret, codes) = await EnrolAsync(host);

        await using var connection = await host.Database.OpenAsync(TestContext.Current.CancellationToken);
        await using var command = connection.Command(
            "SELECT a.secret, c.hash FROM auth_authenticators a JOIN auth_recovery_codes c ON c.user_id = a.user_id",
            null
        );
        await using var reader = await command.ExecuteReaderAsync(TestContext.Current.CancellationToken);
        var rows = 0;
        while (await reader.ReadAsync(TestContext.Current.CancellationToken))
        {
            rows++;
            Assert.Equal(-1, reader.GetFieldValue<byte[]>(0).AsSpan().IndexOf(Base32Encoding.ToBytes(secret)));
            Assert.Equal(32, reader.GetFieldValue<byte[]>(1).Length);
        }

        Assert.Equal(codes.Count, rows);
    }

    /// <summary>Turns the second factor of ada on, in a browser.</summary>
    private async Task<(string Secret, IReadOnlyList<string> Codes)> EnrolAsync(AuthHost host)
    {
        using var browser = new TestBrowser(host);
        await browser.SignInAsync();
        await browser.GetAsync("/account/security/authenticator");
        var secret = SecretField().Match(browser.Page.Body).Groups["value"].Value.Replace(" ", "", StringComparison.Ordinal);
        await browser.SubmitAsync("/account/security/authenticator", ("code", Code(secret)));
        Assert.Equal(HttpStatusCode.OK, browser.Page.Status);
        return (secret, [.. CodeItem().Matches(browser.Page.Body).Select(m => m.Groups["value"].Value)]);
    }

    private string Code(string secret) => new Totp(Base32Encoding.ToBytes(secret)).ComputeTotp(_time.GetUtcNow().UtcDateTime);

    [GeneratedRegex("id=\"totp-secret\"[^>]*value=\"(?<value>[A-Z2-7 ]+)\"", RegexOptions.None, 1000)]
    private static partial Regex SecretField();

    [GeneratedRegex("<li>(?<value>[a-z0-9]{4}-[a-z0-9]{4}-[a-z0-9]{4}-[a-z0-9]{4})</li>", RegexOptions.None, 1000)]
    private static partial Regex CodeItem();

    [GeneratedRegex("name=\"form_token\" value=\"(?<value>[^\"]+)\"", RegexOptions.None, 1000)]
    private static partial Regex TokenField();
}
