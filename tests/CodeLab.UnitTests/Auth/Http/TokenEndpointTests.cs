using System.Net;
using System.Net.Http.Headers;
using System.Text;
using Xunit;

namespace CodeLab.UnitTests.Auth.Http;

/// <summary>The table of protocol.md §2.1.</summary>
public sealed class TokenEndpointTests : IAsyncLifetime
{
    private AuthHost _host = null!;

    public async ValueTask InitializeAsync() => _host = await AuthHost.StartReadyAsync();

    public ValueTask DisposeAsync() => _host.DisposeAsync();

    [Theory]
    [InlineData("ada")]
    [InlineData("ADA")]
    [InlineData("ada@codelab.local")]
    public async Task A_password_grant_answers_with_the_published_members(string username)
    {
        var answer = await _host.SignInAsync(username, client: "codelab-flutter-app");

        Assert.Equal(HttpStatusCode.OK, answer.Status);
        string[] expected = ["access_token", "refresh_token", "token_type", "expires_in", "scope"];
        Assert.Equal(expected, answer.Json.Select(m => m.Key));
        Assert.Equal("bearer", answer.Text("token_type"));
        Assert.Equal(900, (int)answer.Json["expires_in"]!);
        Assert.Equal("api:read api:write", answer.Text("scope"));
        Assert.Equal("no-store", answer.Header("Cache-Control"));
        Assert.DoesNotContain('.', answer.Text("refresh_token"));
    }

    [Fact]
    public async Task A_refresh_answers_in_the_same_shape_with_a_new_refresh_token()
    {
        var first = await _host.SignInAsync();

        var second = await _host.RefreshAsync(first.Text("refresh_token"));

        Assert.Equal(HttpStatusCode.OK, second.Status);
        Assert.Equal(first.Json.Select(m => m.Key), second.Json.Select(m => m.Key));
        Assert.NotEqual(first.Text("refresh_token"), second.Text("refresh_token"));
        Assert.NotEqual(first.Text("access_token"), second.Text("access_token"));
    }

    [Fact]
    public async Task A_service_gets_no_refresh_token_and_all_its_scopes()
    {
        var answer = await _host.ServiceAsync();

        Assert.Equal(HttpStatusCode.OK, answer.Status);
        Assert.False(answer.Json.ContainsKey("refresh_token"));
        Assert.Equal("api:admin api:read api:write", answer.Text("scope"));
    }

    [Theory]
    [InlineData("grant_type=magic&client_id=codelab-cli", 400, "unsupported_grant_type", "Grant type 'magic' is not supported")]
    [InlineData("client_id=codelab-cli", 400, "invalid_request", "Missing required parameter: grant_type")]
    [InlineData("grant_type=password&username=ada&password=x", 400, "invalid_request", "Missing required parameter: client_id")]
    [InlineData("grant_type=password&client_id=codelab-cli", 400, "invalid_request", "Missing required parameters: username and password")]
    [InlineData("grant_type=refresh_token&client_id=codelab-cli", 400, "invalid_request", "Missing required parameter: refresh_token")]
    [InlineData(
        "grant_type=password&client_id=codelab-cli&username=ada&password=wrong",
        401,
        "invalid_grant",
        "Invalid username or password"
    )]
    [InlineData(
        "grant_type=password&client_id=codelab-cli&username=nobody&password=wrong",
        401,
        "invalid_grant",
        "Invalid username or password"
    )]
    [InlineData(
        "grant_type=password&client_id=stranger&username=ada&password=x",
        401,
        "invalid_client",
        "Unknown client or wrong client secret"
    )]
    [InlineData(
        "grant_type=client_credentials&client_id=codelab-internal&client_secret=no",
        401,
        "invalid_client",
        "Unknown client or wrong client secret"
    )]
    [InlineData("grant_type=client_credentials&client_id=codelab-internal", 401, "invalid_client", "Unknown client or wrong client secret")]
    [InlineData(
        "grant_type=client_credentials&client_id=codelab-cli",
        401,
        "unauthorized_client",
        "The client may not use grant type 'client_credentials'"
    )]
    [InlineData(
        "grant_type=refresh_token&client_id=codelab-cli&refresh_token=nonsense",
        401,
        "invalid_grant",
        "Invalid or expired refresh token"
    )]
    [InlineData(
        "grant_type=password&client_id=codelab-cli&client_id=codelab-cli&username=a&password=b",
        400,
        "invalid_request",
        "A parameter is given twice"
    )]
    public async Task A_refusal_has_the_published_status_and_body(string form, int status, string error, string description)
    {
        using var content = new StringContent(form, Encoding.UTF8, "application/x-www-form-urlencoded");

        var answer = await Answer.ReadAsync(await _host.Client.PostAsync("/oauth/token", content, TestContext.Current.CancellationToken));

        Assert.Equal(status, (int)answer.Status);
        Assert.Equal($$"""{"error":"{{error}}","error_description":"{{description.Replace("'", "\\u0027")}}"}""", answer.Body);
        Assert.Equal("no-store", answer.Header("Cache-Control"));
    }

    [Theory]
    [InlineData("codelab-flutter-app", "api:admin")]
    [InlineData("codelab-flutter-app", "llm:invoke")]
    [InlineData("codelab-cli", "api:read something:else")]
    public async Task A_scope_that_the_client_may_not_have_is_refused(string client, string scope)
    {
        var answer = await _host.TokenAsync(
            ("grant_type", "password"),
            ("client_id", client),
            ("username", "ada"),
            ("password", AuthHost.Password),
            ("scope", scope)
        );

        Assert.Equal(HttpStatusCode.BadRequest, answer.Status);
        Assert.Equal("invalid_scope", answer.Text("error"));
    }

    [Fact]
    public async Task The_command_line_gets_the_model_scope_when_it_asks_for_it()
    {
        var answer = await _host.TokenAsync(
            ("grant_type", "password"),
            ("client_id", "codelab-cli"),
            ("username", "ada"),
            ("password", AuthHost.Password),
            ("scope", "llm:invoke api:read offline_access")
        );

        Assert.Equal("api:read llm:invoke", answer.Text("scope"));
    }

    [Fact]
    public async Task A_refresh_may_narrow_scopes_but_not_widen_them()
    {
        var token = (await _host.SignInAsync()).Text("refresh_token");

        var wider = await RefreshWithScopeAsync(token, "api:read llm:invoke");
        var narrower = await RefreshWithScopeAsync(token, "api:read");
        var again = await _host.RefreshAsync(narrower.Text("refresh_token"));

        Assert.Equal("invalid_scope", wider.Text("error"));
        Assert.Equal("api:read", narrower.Text("scope"));
        Assert.Equal("api:read api:write", again.Text("scope"));
    }

    [Fact]
    public async Task A_multipart_form_is_read_as_well()
    {
        using var content = new MultipartFormDataContent
        {
            { new StringContent("password"), "grant_type" },
            { new StringContent("codelab-cli"), "client_id" },
            { new StringContent("ada"), "username" },
            { new StringContent(AuthHost.Password), "password" },
        };

        var answer = await Answer.ReadAsync(await _host.Client.PostAsync("/oauth/token", content, TestContext.Current.CancellationToken));

        Assert.Equal(HttpStatusCode.OK, answer.Status);
    }

    [Fact]
    public async Task A_service_may_send_its_secret_by_http_basic_and_is_challenged_when_it_is_wrong()
    {
        var right = await BasicAsync("a-secret-of-the-tests-only");
        var wrong = await BasicAsync("wrong");

        Assert.Equal(HttpStatusCode.OK, right.Status);
        Assert.Equal(HttpStatusCode.Unauthorized, wrong.Status);
        Assert.StartsWith("Basic", wrong.Header("WWW-Authenticate"));
    }

    [Fact]
    public async Task A_secret_from_a_public_client_is_not_looked_at()
    {
        var answer = await _host.TokenAsync(
            ("grant_type", "password"),
            ("client_id", "codelab-flutter-app"),
            ("client_secret", "whatever"),
            ("username", "ada"),
            ("password", AuthHost.Password)
        );

        Assert.Equal(HttpStatusCode.OK, answer.Status);
    }

    [Fact]
    public async Task A_password_longer_than_any_may_be_is_not_hashed()
    {
        var answer = await _host.SignInAsync(password: new string('x', 129));

        Assert.Equal(HttpStatusCode.BadRequest, answer.Status);
        Assert.Equal("invalid_request", answer.Text("error"));
    }

    [Fact]
    public async Task A_password_grant_that_is_switched_off_is_an_unknown_grant()
    {
        await using var host = await AuthHost.StartReadyAsync(("CodeLab:Auth:PasswordGrant", "false"));

        var answer = await host.SignInAsync();

        Assert.Equal(HttpStatusCode.BadRequest, answer.Status);
        Assert.Equal("unsupported_grant_type", answer.Text("error"));
    }

    [Fact]
    public async Task A_refresh_token_of_another_client_is_refused_and_stays_good()
    {
        var token = (await _host.SignInAsync(client: "codelab-flutter-app")).Text("refresh_token");

        var stolen = await _host.RefreshAsync(token, "codelab-cli");
        var own = await _host.RefreshAsync(token, "codelab-flutter-app");

        Assert.Equal(HttpStatusCode.Unauthorized, stolen.Status);
        Assert.Equal(HttpStatusCode.OK, own.Status);
    }

    [Fact]
    public async Task Discovery_names_the_configured_issuer_and_the_endpoints_that_are_there()
    {
        var answer = await _host.GetAsync("/.well-known/openid-configuration");

        Assert.Equal(HttpStatusCode.OK, answer.Status);
        Assert.Equal("https://auth.codelab.local", answer.Text("issuer").TrimEnd('/'));
        Assert.EndsWith("/oauth/token", answer.Text("token_endpoint"));
        Assert.EndsWith("/oauth/revoke", answer.Text("revocation_endpoint"));
        Assert.EndsWith("/.well-known/jwks.json", answer.Text("jwks_uri"));
    }

    [Fact]
    public async Task Revoking_a_refresh_token_ends_its_sign_in_and_an_unknown_token_is_answered_alike()
    {
        var signIn = await _host.SignInAsync();

        var revoked = await RevokeAsync(signIn.Text("refresh_token"));
        var unknown = await RevokeAsync("nonsense");

        Assert.Equal(HttpStatusCode.OK, revoked.Status);
        Assert.Equal(HttpStatusCode.OK, unknown.Status);
        Assert.Equal(HttpStatusCode.Unauthorized, (await _host.RefreshAsync(signIn.Text("refresh_token"))).Status);
        Assert.Equal(HttpStatusCode.Unauthorized, (await _host.GetAsync("/api/v1/any", signIn.Text("access_token"))).Status);
    }

    private async Task<Answer> RevokeAsync(string token)
    {
        using var form = new FormUrlEncodedContent([new("client_id", "codelab-cli"), new("token", token)]);
        return await Answer.ReadAsync(await _host.Client.PostAsync("/oauth/revoke", form));
    }

    private Task<Answer> RefreshWithScopeAsync(string token, string scope) =>
        _host.TokenAsync(("grant_type", "refresh_token"), ("client_id", "codelab-cli"), ("refresh_token", token), ("scope", scope));

    private async Task<Answer> BasicAsync(string secret)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/oauth/token")
        {
            Content = new FormUrlEncodedContent([new("grant_type", "client_credentials")]),
        };
        var pair = Convert.ToBase64String(Encoding.UTF8.GetBytes($"codelab-internal:{secret}"));
        request.Headers.Authorization = new AuthenticationHeaderValue("Basic", pair);
        return await Answer.ReadAsync(await _host.Client.SendAsync(request));
    }
}
