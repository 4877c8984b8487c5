using System.Net;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace CodeLab.UnitTests.Auth.Http;

/// <summary>Lock-out and request limits (security.md §3).</summary>
public sealed class LimitTests
{
    private static readonly (string, string) _limits = ("CodeLab:RateLimits:Enabled", "true");

    [Theory]
    [InlineData("ada")]
    [InlineData("nobody")]
    public async Task Five_failures_lock_a_name_whether_or_not_it_exists(string name)
    {
        var time = new FakeTimeProvider(DateTimeOffset.Parse("2026-03-02T08:00:00Z"));
        await using var host = await AuthHost.StartAsync(null, time, AuthHost.Ready());
        for (var i = 0; i < 5; i++)
            Assert.Equal(HttpStatusCode.Unauthorized, (await host.SignInAsync(name, "wrong")).Status);

        var locked = await host.SignInAsync(name.ToUpperInvariant());

        Assert.Equal(HttpStatusCode.TooManyRequests, locked.Status);
        Assert.Equal("account_locked", locked.Text("error"));
        Assert.Equal("2026-03-02T08:15:00.000Z", locked.Text("locked_until"));
        Assert.Equal(900, (int)locked.Json["retry_after"]!);
        Assert.Equal("900", locked.Header("Retry-After"));
        Assert.Equal("Too many failed attempts. Try again in 900 seconds.", locked.Text("error_description"));
    }

    [Fact]
    public async Task A_lock_ends_by_itself_and_spares_refreshes_meanwhile()
    {
        var time = new FakeTimeProvider(DateTimeOffset.Parse("2026-03-02T08:00:00Z"));
        await using var host = await AuthHost.StartAsync(null, time, AuthHost.Ready(("CodeLab:Auth:Lockout:Threshold", "2")));
        var refresh = (await host.SignInAsync()).Text("refresh_token");
        await host.SignInAsync(password: "wrong");
        await host.SignInAsync(password: "wrong");

        Assert.Equal("account_locked", (await host.SignInAsync()).Text("error"));
        Assert.Equal(HttpStatusCode.OK, (await host.RefreshAsync(refresh)).Status);
        time.Advance(TimeSpan.FromMinutes(15) + TimeSpan.FromSeconds(1));

        Assert.Equal(HttpStatusCode.Unauthorized, (await host.SignInAsync(password: "wrong")).Status);
        Assert.Equal(HttpStatusCode.OK, (await host.SignInAsync()).Status);
    }

    [Fact]
    public async Task A_success_forgets_the_failures_before_it()
    {
        await using var host = await AuthHost.StartReadyAsync(("CodeLab:Auth:Lockout:Threshold", "2"));

        await host.SignInAsync(password: "wrong");
        await host.SignInAsync();
        await host.SignInAsync(password: "wrong");

        Assert.Equal(HttpStatusCode.OK, (await host.SignInAsync()).Status);
    }

    [Fact]
    public async Task The_sixth_password_grant_in_a_minute_is_refused_whatever_the_header_claims()
    {
        await using var host = await AuthHost.StartReadyAsync(_limits);
        for (var i = 0; i < 5; i++)
        {
            host.Client.DefaultRequestHeaders.Remove("X-Forwarded-For");
            host.Client.DefaultRequestHeaders.Add("X-Forwarded-For", "203.0.113." + i);
            Assert.Equal(HttpStatusCode.OK, (await host.SignInAsync()).Status);
        }

        var answer = await host.SignInAsync();

        Assert.Equal(HttpStatusCode.TooManyRequests, answer.Status);
        Assert.Equal("rate_limit_exceeded", answer.Text("error"));
        Assert.Equal("Too many requests. Please try again later.", answer.Text("error_description"));
        Assert.Equal(answer.Header("Retry-After"), answer.Text("retry_after"));
        Assert.Equal("5", answer.Header("X-RateLimit-Limit"));
        Assert.Equal("0", answer.Header("X-RateLimit-Remaining"));
    }

    [Fact]
    public async Task Behind_a_listed_proxy_every_client_has_its_own_window()
    {
        await using var host = await AuthHost.StartReadyAsync(_limits, ("CodeLab:TrustedProxies:0", "127.0.0.0/8"));

        for (var i = 0; i < 7; i++)
        {
            host.Client.DefaultRequestHeaders.Remove("X-Forwarded-For");
            host.Client.DefaultRequestHeaders.Add("X-Forwarded-For", "6.6.6.6, 203.0.113." + i);
            Assert.Equal(HttpStatusCode.OK, (await host.SignInAsync()).Status);
        }
    }

    [Fact]
    public async Task Failed_refreshes_use_up_the_window_and_honest_ones_do_not()
    {
        await using var host = await AuthHost.StartReadyAsync(_limits);
        var token = (await host.SignInAsync()).Text("refresh_token");
        for (var i = 0; i < 6; i++)
        {
            var answer = await host.RefreshAsync(token);
            Assert.Equal(HttpStatusCode.OK, answer.Status);
            token = answer.Text("refresh_token");
        }
        for (var i = 0; i < 4; i++)
            Assert.Equal(HttpStatusCode.Unauthorized, (await host.RefreshAsync("nonsense")).Status);

        Assert.Equal(HttpStatusCode.TooManyRequests, (await host.RefreshAsync("nonsense")).Status);
    }

    [Fact]
    public async Task A_sign_in_is_rotated_at_most_ten_times_a_minute()
    {
        await using var host = await AuthHost.StartReadyAsync(_limits);
        var token = (await host.SignInAsync()).Text("refresh_token");
        for (var i = 0; i < 10; i++)
            token = (await host.RefreshAsync(token)).Text("refresh_token");

        Assert.Equal(HttpStatusCode.TooManyRequests, (await host.RefreshAsync(token)).Status);
    }

    [Fact]
    public async Task Refusals_are_in_the_audit_once_a_minute_and_key()
    {
        await using var host = await AuthHost.StartReadyAsync(_limits);
        var admin = (await host.ServiceAsync()).Text("access_token");
        var user = (await host.SignInAsync()).Text("access_token");
        for (var i = 0; i < 8; i++)
            await host.SignInAsync();
        for (var i = 0; i < 3; i++)
            await host.GetAsync("/api/v1/admin/users", user);

        var events = (await host.GetAsync("/api/v1/admin/audit?type=rate_limited,authz.denied", admin)).Json["events"]!.AsArray();

        Assert.Equal(["authz.denied", "rate_limited"], events.Select(e => (string)e!["type"]!));
        Assert.Equal(["GET /api/v1/admin/users/", "password"], events.Select(e => (string)e!["reason"]!));
        Assert.All(events, e => Assert.Equal("denied", (string)e!["outcome"]!));
    }
}
