using System.Net;
using CodeLab.Client.SignIn;
using CodeLab.Modules.Auth.Grants.DeviceCode;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace CodeLab.UnitTests.Auth.Http;

/// <summary>The client's own ways to sign in, against the real server.</summary>
public sealed class SignInProgramTests : IAsyncLifetime
{
    private const string Scope = "api:read api:write llm:invoke";
    private AuthHost _host = null!;
    private BrowserPerson _ada = null!;

    public async ValueTask InitializeAsync()
    {
        _host = await AuthHost.StartReadyAsync();
        _ada = await BrowserPerson.SignInAsync(_host);
    }

    public ValueTask DisposeAsync()
    {
        _ada.Dispose();
        return _host.DisposeAsync();
    }

    [Fact]
    public async Task A_terminal_signs_in_by_a_code_that_is_approved_elsewhere()
    {
        var confirmations = _host.App.Services.GetRequiredService<DeviceConfirmations>();

        var tokens = await new DeviceSignIn(OAuth(), TimeProvider.System).SignInAsync(
            Scope,
            shown => confirmations.ApproveAsync(shown.UserCode, _ada.User, new DefaultHttpContext()),
            TestContext.Current.CancellationToken
        );

        Assert.Equal(Scope, tokens.Scope);
        Assert.NotNull(tokens.RefreshToken);
        Assert.Equal("ada", await OAuth().WhoAsync(tokens, TestContext.Current.CancellationToken));
        Assert.Equal(HttpStatusCode.OK, (await _host.GetAsync("/api/v1/invoke", tokens.AccessToken)).Status);
    }

    [Fact]
    public async Task A_terminal_is_told_when_the_person_refuses_its_code()
    {
        var confirmations = _host.App.Services.GetRequiredService<DeviceConfirmations>();

        var refusal = await Assert.ThrowsAsync<SignInRefusedException>(() =>
            new DeviceSignIn(OAuth(), TimeProvider.System).SignInAsync(
                Scope,
                shown => confirmations.DenyAsync(shown.UserCode, _ada.User, new DefaultHttpContext()),
                TestContext.Current.CancellationToken
            )
        );

        Assert.Equal("access_denied", refusal.Error);
    }

    [Fact]
    public async Task A_terminal_signs_in_by_the_browser_of_its_machine_and_heeds_no_stranger()
    {
        Task? browsing = null;

        var tokens = await new BrowserSignIn(OAuth(), ServerAddress.Parse(_host.Client.BaseAddress!.ToString())).SignInAsync(
            Scope,
            address =>
            {
                browsing = BrowseAsync(address);
                return Task.CompletedTask;
            },
            TestContext.Current.CancellationToken
        );
        await browsing!;

        Assert.Equal(Scope, tokens.Scope);
        Assert.Equal("ada", await OAuth().WhoAsync(tokens, TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task A_terminal_is_told_when_the_server_refuses_the_browser()
    {
        var refusal = await Assert.ThrowsAsync<SignInRefusedException>(() =>
            new BrowserSignIn(OAuth(), ServerAddress.Parse(_host.Client.BaseAddress!.ToString())).SignInAsync(
                "api:everything",
                address =>
                {
                    _ = BrowseAsync(address);
                    return Task.CompletedTask;
                },
                TestContext.Current.CancellationToken
            )
        );

        Assert.Equal("invalid_scope", refusal.Error);
    }

    private async Task BrowseAsync(Uri address)
    {
        var answer = await _ada.GetAsync(address.PathAndQuery);
        var back = new Uri(answer.Header("Location")!);
        using var http = new HttpClient();
        // What a page on this machine could send to the port.
        var stranger = await http.GetAsync(new Uri(back, "/callback?code=clc_stolen&state=guessed"));
        Assert.Equal(HttpStatusCode.NotFound, stranger.StatusCode);
        var page = await http.GetAsync(back);
        Assert.Equal(HttpStatusCode.OK, page.StatusCode);
    }

    private OAuthClient OAuth() => new(new HttpClient(), ServerAddress.Parse(_host.Client.BaseAddress!.ToString()), TimeProvider.System);
}
