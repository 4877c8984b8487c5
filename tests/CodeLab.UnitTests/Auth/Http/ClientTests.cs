using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using CodeLab.Modules.Auth.Clients;
using Xunit;

namespace CodeLab.UnitTests.Auth.Http;

/// <summary>Clients that administrators register (design.md §14).</summary>
public sealed class ClientTests : IAsyncLifetime
{
    private const string Path = "/api/v1/admin/clients";
    private AuthHost _host = null!;
    private string _admin = "";

    public async ValueTask InitializeAsync()
    {
        _host = await AuthHost.StartReadyAsync();
        _admin = (await _host.ServiceAsync()).Text("access_token");
    }

    public ValueTask DisposeAsync() => _host.DisposeAsync();

    [Fact]
    public async Task A_service_that_is_registered_gets_tokens_at_once_and_none_after_it_was_disabled()
    {
        var created = await _host.PostAsync(Path, _admin, Service("reports"));
        var secret = created.Text("client_secret");

        var granted = await GrantAsync("reports", secret);
        var listed = await _host.GetAsync(Path, _admin);
        var disabled = await PatchAsync("reports", new JsonObject { ["enabled"] = false });
        var refused = await GrantAsync("reports", secret);
        var tokenAfter = await _host.GetAsync("/api/v1/any", granted.Text("access_token"));

        Assert.Equal(HttpStatusCode.Created, created.Status);
        Assert.Equal($"{Path}/reports", created.Header("Location"));
        Assert.Equal(HttpStatusCode.OK, granted.Status);
        Assert.Equal("api:read", granted.Text("scope"));
        Assert.DoesNotContain(secret, listed.Body);
        Assert.Contains(
            listed.Json["clients"]!.AsArray(),
            c => (string)c!["client_id"]! == "codelab-cli" && (string)c["origin"]! == "built_in"
        );
        Assert.Equal(HttpStatusCode.OK, disabled.Status);
        Assert.Equal("invalid_client", refused.Text("error"));
        Assert.Equal(HttpStatusCode.Unauthorized, tokenAfter.Status);
    }

    [Fact]
    public async Task A_new_secret_voids_the_old_one()
    {
        var old = (await _host.PostAsync(Path, _admin, Service("reports"))).Text("client_secret");

        var renewed = (await PatchAsync("reports", new JsonObject { ["rotate_secret"] = true })).Text("client_secret");

        Assert.Equal(HttpStatusCode.Unauthorized, (await GrantAsync("reports", old)).Status);
        Assert.Equal(HttpStatusCode.OK, (await GrantAsync("reports", renewed)).Status);
    }

    [Fact]
    public async Task A_client_that_is_taken_away_takes_its_sign_ins_along()
    {
        await _host.PostAsync(Path, _admin, Native("editor"));
        using var ada = await BrowserPerson.SignInAsync(_host);
        var request = new CodeRequest { Parameters = { ["client_id"] = "editor", ["scope"] = "api:read offline_access" } };
        var asked = await ada.GetAsync(request.Path);
        Assert.StartsWith("/consent?request=", asked.Header("Location"));
        var decisions = (Modules.Auth.Grants.AuthorizationCode.ConsentDecisions)
            _host.App.Services.GetService(typeof(Modules.Auth.Grants.AuthorizationCode.ConsentDecisions))!;
        var path = await decisions.AllowAsync(
            Uri.UnescapeDataString(asked.Header("Location")!.Split("request=")[1]),
            ada.User,
            TestContext.Current.CancellationToken
        );
        var code = (await ada.GetAsync(path!)).Body.Split("code=")[1].Split("&amp;")[0];
        var tokens = await _host.TokenAsync(request.Redemption(code));
        Assert.Equal(HttpStatusCode.OK, (await _host.GetAsync("/api/v1/any", tokens.Text("access_token"))).Status);

        var deleted = await SendAsync(HttpMethod.Delete, $"{Path}/editor", null);

        Assert.Equal(HttpStatusCode.NoContent, deleted.Status);
        Assert.Equal(HttpStatusCode.Unauthorized, (await _host.GetAsync("/api/v1/any", tokens.Text("access_token"))).Status);
        Assert.Equal("invalid_client", (await _host.RefreshAsync(tokens.Text("refresh_token"), "editor")).Text("error"));
        Assert.Equal(HttpStatusCode.NotFound, (await SendAsync(HttpMethod.Delete, $"{Path}/editor", null)).Status);
    }

    [Theory]
    [InlineData("codelab-cli")]
    [InlineData("codelab-browser")]
    [InlineData("codelab-internal")]
    [InlineData("taken")]
    public async Task An_id_that_is_taken_is_refused(string id)
    {
        await _host.PostAsync(Path, _admin, Service("taken"));

        var answer = await _host.PostAsync(Path, _admin, Service(id));

        Assert.Equal(HttpStatusCode.Conflict, answer.Status);
        Assert.Equal("CLIENT_EXISTS", answer.Text("error_code"));
    }

    [Theory]
    [InlineData("redirect_uris", "http://example.org/back")]
    [InlineData("redirect_uris", "https://example.org/back#x")]
    [InlineData("redirect_uris", "https://*.example.org/back")]
    [InlineData("redirect_uris", "https://a@example.org/back")]
    [InlineData("redirect_uris", "https://example.org/back?iss=x")]
    [InlineData("redirect_uris", "javascript:alert(1)")]
    [InlineData("redirect_uris", "myapp:/back")]
    [InlineData("redirect_uris", "/back")]
    [InlineData("grants", "password")]
    [InlineData("grants", "client_credentials")]
    [InlineData("scopes", "everything")]
    public async Task A_client_that_asks_too_much_is_refused(string member, string value)
    {
        var body = Native("editor");
        body[member] = new JsonArray(value);

        var answer = await _host.PostAsync(Path, _admin, body);

        Assert.Equal(HttpStatusCode.BadRequest, answer.Status);
        Assert.Equal("INVALID_REQUEST", answer.Text("error_code"));
    }

    [Theory]
    [InlineData("com.example.app:/back")]
    [InlineData("http://127.0.0.1/back")]
    [InlineData("http://[::1]:8123/back")]
    [InlineData("https://example.org/back?from=codelab")]
    public void Addresses_of_applications_may_be_registered(string address) => Assert.Null(RedirectUris.Fault(address));

    [Fact]
    public async Task Only_administrators_see_clients()
    {
        var user = (await _host.SignInAsync()).Text("access_token");

        Assert.Equal(HttpStatusCode.Forbidden, (await _host.GetAsync(Path, user)).Status);
        Assert.Equal(HttpStatusCode.Unauthorized, (await _host.GetAsync(Path)).Status);
    }

    private static JsonObject Service(string id) =>
        new()
        {
            ["client_id"] = id,
            ["name"] = "Reports",
            ["confidential"] = true,
            ["grants"] = new JsonArray("client_credentials"),
            ["scopes"] = new JsonArray("api:read"),
        };

    private static JsonObject Native(string id) =>
        new()
        {
            ["client_id"] = id,
            ["name"] = "Editor",
            ["grants"] = new JsonArray("authorization_code", "refresh_token"),
            ["scopes"] = new JsonArray("api:read", "offline_access"),
            ["redirect_uris"] = new JsonArray("http://127.0.0.1/callback"),
        };

    private Task<Answer> GrantAsync(string id, string secret) =>
        _host.TokenAsync(("grant_type", "client_credentials"), ("client_id", id), ("client_secret", secret));

    private Task<Answer> PatchAsync(string id, JsonObject body) => SendAsync(HttpMethod.Patch, $"{Path}/{id}", body);

    private async Task<Answer> SendAsync(HttpMethod method, string path, JsonObject? body)
    {
        using var request = new HttpRequestMessage(method, path);
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", _admin);
        if (body is not null)
            request.Content = new StringContent(body.ToJsonString(), Encoding.UTF8, "application/json");
        return await Answer.ReadAsync(await _host.Client.SendAsync(request));
    }
}
