using System.Net;
using CodeLab.Modules.Auth.Grants.DeviceCode;
using CodeLab.Modules.Auth.Persistence;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace CodeLab.UnitTests.Auth.Http;

/// <summary>Device code grant (RFC 8628).</summary>
public sealed class DeviceCodeTests : IAsyncLifetime
{
    private const string Grant = "urn:ietf:params:oauth:grant-type:device_code";
    private readonly FakeTimeProvider _time = new(DateTimeOffset.Parse("2026-03-02T08:00:00Z"));
    private AuthHost _host = null!;
    private BrowserPerson _ada = null!;

    private DeviceConfirmations Confirmations => _host.App.Services.GetRequiredService<DeviceConfirmations>();

    public async ValueTask InitializeAsync()
    {
        _host = await AuthHost.StartAsync(null, _time, AuthHost.Ready());
        _ada = await BrowserPerson.SignInAsync(_host);
    }

    public ValueTask DisposeAsync()
    {
        _ada.Dispose();
        return _host.DisposeAsync();
    }

    [Fact]
    public async Task A_device_gets_its_tokens_once_somebody_approved_its_code()
    {
        var started = await StartAsync();

        var pending = await PollAsync(started);
        var found = await Confirmations.FindAsync(started.Text("user_code").ToLowerInvariant(), Context());
        Assert.True(await Confirmations.ApproveAsync(started.Text("user_code"), _ada.User, Context()));
        _time.Advance(TimeSpan.FromSeconds(5));
        var tokens = await PollAsync(started);
        var again = await PollAsync(started);

        Assert.Matches("^[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}$", started.Text("user_code"));
        Assert.EndsWith("/device", started.Text("verification_uri"));
        Assert.EndsWith("/device?user_code=" + started.Text("user_code"), started.Text("verification_uri_complete"));
        Assert.Equal(600, (int)started.Json["expires_in"]!);
        Assert.Equal(5, (int)started.Json["interval"]!);
        Assert.Equal(HttpStatusCode.BadRequest, pending.Status);
        Assert.Equal("authorization_pending", pending.Text("error"));
        var device = Assert.IsType<DeviceLookup.Found>(found).Device;
        Assert.Equal("codelab", device.ClientName);
        Assert.Equal("127.0.0.1", device.Ip);
        Assert.Equal(HttpStatusCode.OK, tokens.Status);
        string[] expected = ["access_token", "refresh_token", "token_type", "expires_in", "scope"];
        Assert.Equal(expected, tokens.Json.Select(m => m.Key));
        Assert.Equal("ada", (await _host.GetAsync("/api/v1/me", tokens.Text("access_token"))).Text("username"));
        Assert.Equal("invalid_grant", again.Text("error"));
    }

    [Fact]
    public async Task A_device_that_asks_too_fast_is_slowed_down()
    {
        var started = await StartAsync();

        await PollAsync(started);
        _time.Advance(TimeSpan.FromSeconds(4));
        var tooFast = await PollAsync(started);
        _time.Advance(TimeSpan.FromSeconds(9));
        var stillTooFast = await PollAsync(started);
        _time.Advance(TimeSpan.FromSeconds(16));
        var patient = await PollAsync(started);

        Assert.Equal("slow_down", tooFast.Text("error"));
        Assert.Equal("slow_down", stillTooFast.Text("error"));
        Assert.Equal("authorization_pending", patient.Text("error"));
    }

    [Fact]
    public async Task A_refused_device_is_told_so()
    {
        var started = await StartAsync();
        Assert.True(await Confirmations.DenyAsync(started.Text("user_code"), _ada.User, Context()));

        var answer = await PollAsync(started);

        Assert.Equal(HttpStatusCode.BadRequest, answer.Status);
        Assert.Equal("access_denied", answer.Text("error"));
        Assert.False(await Confirmations.ApproveAsync(started.Text("user_code"), _ada.User, Context()));
    }

    [Fact]
    public async Task A_code_ends_after_ten_minutes()
    {
        var started = await StartAsync();
        _time.Advance(TimeSpan.FromMinutes(10));

        Assert.Equal("expired_token", (await PollAsync(started)).Text("error"));
        Assert.False(await Confirmations.ApproveAsync(started.Text("user_code"), _ada.User, Context()));
        Assert.IsType<DeviceLookup.NotFound>(await Confirmations.FindAsync(started.Text("user_code"), Context()));
    }

    [Fact]
    public async Task Twenty_polls_at_once_get_one_sign_in()
    {
        var started = await StartAsync();
        await Confirmations.ApproveAsync(started.Text("user_code"), _ada.User, Context());

        var answers = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => PollAsync(started)));

        Assert.Single(answers, a => a.Status == HttpStatusCode.OK);
    }

    [Fact]
    public async Task An_approval_dies_with_the_sign_in_of_whoever_gave_it()
    {
        var started = await StartAsync();
        await Confirmations.ApproveAsync(started.Text("user_code"), _ada.User, Context());
        await _host.Database.ExecuteAsync(
            "UPDATE auth_sign_ins SET revoked_at = 1 WHERE id = @id",
            [("@id", _ada.User.SignInId)],
            TestContext.Current.CancellationToken
        );

        Assert.Equal("access_denied", (await PollAsync(started)).Text("error"));
    }

    [Theory]
    [InlineData("codelab-ide", 401, "invalid_grant")]
    [InlineData("codelab-flutter-app", 401, "unauthorized_client")]
    public async Task A_device_code_is_of_no_use_to_another_client(string client, int status, string error)
    {
        var started = await StartAsync();

        var answer = await _host.TokenAsync(("grant_type", Grant), ("client_id", client), ("device_code", started.Text("device_code")));

        Assert.Equal(status, (int)answer.Status);
        Assert.Equal(error, answer.Text("error"));
    }

    [Fact]
    public async Task Codes_are_entered_five_times_a_minute_and_devices_ask_ten_times()
    {
        await using var host = await AuthHost.StartAsync(null, _time, AuthHost.Ready(("CodeLab:RateLimits:Enabled", "true")));
        var confirmations = host.App.Services.GetRequiredService<DeviceConfirmations>();

        for (var i = 0; i < 5; i++)
            Assert.IsType<DeviceLookup.NotFound>(await confirmations.FindAsync("BCDF-GHJK", Context()));
        Assert.IsType<DeviceLookup.Limited>(await confirmations.FindAsync("BCDF-GHJK", Context()));
        for (var i = 0; i < 10; i++)
            Assert.Equal(HttpStatusCode.OK, (await StartAsync(host)).Status);
        var limited = await StartAsync(host);

        Assert.Equal(HttpStatusCode.TooManyRequests, limited.Status);
        Assert.NotNull(limited.Header("Retry-After"));
    }

    [Fact]
    public async Task Waiting_for_a_person_uses_up_no_patience()
    {
        await using var host = await AuthHost.StartAsync(null, _time, AuthHost.Ready(("CodeLab:RateLimits:Enabled", "true")));
        var started = await StartAsync(host);

        for (var i = 0; i < 20; i++)
            Assert.Equal(HttpStatusCode.BadRequest, (await PollAsync(started, host)).Status);
    }

    [Theory]
    [InlineData("bcdf ghjk", "BCDFGHJK")]
    [InlineData(" BCDF-GHJK ", "BCDFGHJK")]
    [InlineData("BCDFGHJ", null)]
    [InlineData("BCDFGHJKL", null)]
    [InlineData("ABCDEFGH", null)]
    [InlineData("", null)]
    public void A_code_is_read_as_people_type_it(string typed, string? code) => Assert.Equal(code, UserCodes.Normalize(typed));

    private Task<Answer> StartAsync(AuthHost? host = null) =>
        PostAsync(host ?? _host, "/oauth/device", ("client_id", "codelab-cli"), ("scope", "api:read api:write"));

    private Task<Answer> PollAsync(Answer started, AuthHost? host = null) =>
        PostAsync(
            host ?? _host,
            "/oauth/token",
            ("grant_type", Grant),
            ("client_id", "codelab-cli"),
            ("device_code", started.Text("device_code"))
        );

    private static async Task<Answer> PostAsync(AuthHost host, string path, params (string Name, string Value)[] form)
    {
        using var content = new FormUrlEncodedContent(form.Select(f => KeyValuePair.Create(f.Name, f.Value)));
        return await Answer.ReadAsync(await host.Client.PostAsync(path, content));
    }

    private static DefaultHttpContext Context() => new();
}
