using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using CodeLab.Modules.Auth.Keys;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;
using Xunit;

namespace CodeLab.UnitTests.Auth.Http;

/// <summary>Which tokens open which doors.</summary>
public sealed class AccessTests : IAsyncLifetime
{
    private AuthHost _host = null!;

    public async ValueTask InitializeAsync() => _host = await AuthHost.StartReadyAsync();

    public ValueTask DisposeAsync() => _host.DisposeAsync();

    [Fact]
    public async Task An_access_token_has_the_published_claims()
    {
        var token = new JsonWebToken((await _host.SignInAsync()).Text("access_token"));

        Assert.Equal("RS256", token.Alg);
        Assert.Equal("JWT", token.Typ);
        Assert.Equal("https://auth.codelab.local", token.Issuer);
        Assert.Equal("codelab-api", Assert.Single(token.Audiences));
        Assert.Equal("codelab-cli", token.GetClaim("client_id").Value);
        Assert.Equal("api:read api:write", token.GetClaim("scope").Value);
        Assert.Equal("access", token.GetClaim("type").Value);
        Assert.Equal("admin", token.GetClaim("role").Value);
        Assert.True(Guid.TryParse(token.GetClaim("jti").Value, out _));
        Assert.True(Guid.TryParse(token.Subject, out _));
        Assert.Equal(TimeSpan.FromMinutes(15), token.ValidTo - token.IssuedAt);
        Assert.Equal(token.IssuedAt, token.ValidFrom);
    }

    [Fact]
    public async Task The_published_key_verifies_a_token_and_may_be_cached_for_an_hour()
    {
        var token = (await _host.SignInAsync()).Text("access_token");

        var answer = await _host.GetAsync("/.well-known/jwks.json");

        Assert.Equal("public, max-age=3600", answer.Header("Cache-Control"));
        Assert.Equal(["kty", "use", "kid", "alg", "n", "e"], answer.Json["keys"]![0]!.AsObject().Select(m => m.Key));
        var result = await new JsonWebTokenHandler().ValidateTokenAsync(
            token,
            new()
            {
                ValidIssuer = "https://auth.codelab.local",
                ValidAudience = "codelab-api",
                IssuerSigningKeys = new JsonWebKeySet(answer.Body).GetSigningKeys(),
            }
        );
        Assert.True(result.IsValid);
    }

    [Fact]
    public async Task Without_a_token_a_route_answers_the_published_401()
    {
        var answer = await _host.GetAsync("/api/v1/any");

        Assert.Equal(HttpStatusCode.Unauthorized, answer.Status);
        Assert.Equal("Bearer", answer.Header("WWW-Authenticate"));
        foreach (var member in (string[])["error", "error_description", "detail", "message"])
            Assert.NotEqual("", answer.Text(member));
    }

    public static TheoryData<string> Forgeries =>
        ["none", "hs256", "issuer", "audience", "expired", "early", "type", "other-key", "no-type", "refresh", "changed", "garbage"];

    [Theory]
    [MemberData(nameof(Forgeries))]
    public async Task A_forged_token_is_refused(string forgery)
    {
        var signIn = await _host.SignInAsync();
        var good = signIn.Text("access_token");
        Assert.Equal(HttpStatusCode.OK, (await _host.GetAsync("/api/v1/any", good)).Status);

        var answer = await _host.GetAsync("/api/v1/any", Forge(forgery, good, signIn.Text("refresh_token")));

        Assert.Equal(HttpStatusCode.Unauthorized, answer.Status);
        Assert.Equal("invalid_token", answer.Text("error"));
        if (forgery == "expired")
            Assert.Equal("Token has expired", answer.Text("detail"));
    }

    [Fact]
    public async Task The_same_claims_signed_by_our_key_pass_so_that_the_forgeries_fail_for_their_own_reason()
    {
        var good = (await _host.SignInAsync()).Text("access_token");

        Assert.Equal(HttpStatusCode.OK, (await _host.GetAsync("/api/v1/any", Sign(good, _ => { }))).Status);
    }

    [Fact]
    public async Task A_token_in_the_query_opens_hub_paths_only()
    {
        var token = (await _host.SignInAsync()).Text("access_token");

        Assert.Equal(HttpStatusCode.OK, (await _host.GetAsync("/hubs/any?access_token=" + token)).Status);
        Assert.Equal(HttpStatusCode.Unauthorized, (await _host.GetAsync("/api/v1/any?access_token=" + token)).Status);
    }

    [Theory]
    [InlineData("viewer", HttpStatusCode.OK, HttpStatusCode.Forbidden)]
    [InlineData("developer", HttpStatusCode.OK, HttpStatusCode.OK)]
    [InlineData("lead", HttpStatusCode.OK, HttpStatusCode.OK)]
    [InlineData("admin", HttpStatusCode.OK, HttpStatusCode.OK)]
    public async Task A_role_decides_who_may_write(string role, HttpStatusCode read, HttpStatusCode write)
    {
        await _host.CreateUserAsync("grace", role);
        var token = (await _host.SignInAsync("grace")).Text("access_token");

        Assert.Equal(read, (await _host.GetAsync("/api/v1/read", token)).Status);
        Assert.Equal(write, (await _host.GetAsync("/api/v1/write", token)).Status);
        Assert.Equal(HttpStatusCode.Forbidden, (await _host.GetAsync("/api/v1/invoke", token)).Status);
    }

    [Fact]
    public async Task A_token_of_the_password_grant_never_reaches_administration()
    {
        var administrator = (await _host.SignInAsync()).Text("access_token");

        var answer = await _host.GetAsync("/api/v1/admin/users", administrator);

        Assert.Equal(HttpStatusCode.Forbidden, answer.Status);
        Assert.Equal("PERMISSION_DENIED", answer.Text("error_code"));
    }

    [Fact]
    public async Task A_disabled_user_is_out_at_once_and_enabling_does_not_revive_old_tokens()
    {
        var id = await _host.CreateUserAsync("grace", "developer");
        var signIn = await _host.SignInAsync("grace");
        var service = (await _host.ServiceAsync()).Text("access_token");
        Assert.Equal(HttpStatusCode.OK, (await _host.GetAsync("/api/v1/any", signIn.Text("access_token"))).Status);

        var disabled = await _host.PostAsync($"/api/v1/admin/users/{id}/disable", service);

        Assert.False((bool)disabled.Json["enabled"]!);
        Assert.Equal(HttpStatusCode.Unauthorized, (await _host.GetAsync("/api/v1/any", signIn.Text("access_token"))).Status);
        Assert.Equal(HttpStatusCode.Unauthorized, (await _host.RefreshAsync(signIn.Text("refresh_token"))).Status);
        var refused = await _host.SignInAsync("grace");
        Assert.Equal("Invalid username or password", refused.Text("error_description"));
        await _host.PostAsync($"/api/v1/admin/users/{id}/enable", service);
        Assert.Equal(HttpStatusCode.OK, (await _host.SignInAsync("grace")).Status);
        Assert.Equal(HttpStatusCode.Unauthorized, (await _host.GetAsync("/api/v1/any", signIn.Text("access_token"))).Status);
    }

    [Fact]
    public async Task The_last_administrator_cannot_be_disabled()
    {
        var me = await _host.GetAsync("/api/v1/me", (await _host.SignInAsync()).Text("access_token"));
        var service = (await _host.ServiceAsync()).Text("access_token");

        var answer = await _host.PostAsync($"/api/v1/admin/users/{me.Text("id")}/disable", service);

        Assert.Equal(HttpStatusCode.Conflict, answer.Status);
        Assert.Equal("LAST_ADMINISTRATOR", answer.Text("error_code"));
    }

    [Fact]
    public async Task Users_are_listed_by_page_and_a_taken_name_is_told()
    {
        await _host.CreateUserAsync("grace", "developer");
        await _host.CreateUserAsync("linus", "viewer", "lead");
        var service = (await _host.ServiceAsync()).Text("access_token");

        var first = await _host.GetAsync("/api/v1/admin/users?limit=2", service);
        var second = await _host.GetAsync($"/api/v1/admin/users?limit=2&cursor={first.Text("next_cursor")}", service);
        var taken = await _host.PostAsync(
            "/api/v1/admin/users",
            service,
            new JsonObject
            {
                ["username"] = "GRACE",
                ["email"] = "g@example.org",
                ["password"] = AuthHost.Password,
            }
        );

        Assert.Equal(["ada", "grace"], first.Json["users"]!.AsArray().Select(u => u!["username"]!.ToString()));
        Assert.Equal(["linus"], second.Json["users"]!.AsArray().Select(u => u!["username"]!.ToString()));
        Assert.False(second.Json.ContainsKey("next_cursor"));
        Assert.Equal(HttpStatusCode.Conflict, taken.Status);
        Assert.DoesNotContain("hash", first.Body, StringComparison.OrdinalIgnoreCase);
    }

    private string Forge(string forgery, string good, string refresh)
    {
        var now = DateTime.SpecifyKind(new JsonWebToken(good).IssuedAt, DateTimeKind.Utc);
        return forgery switch
        {
            "none" => Part("""{"alg":"none","typ":"JWT"}""") + "." + good.Split('.')[1] + ".",
            "hs256" => Sign(good, d => d.SigningCredentials = new(new SymmetricSecurityKey(PublicKey()), SecurityAlgorithms.HmacSha256)),
            "issuer" => Sign(good, d => d.Issuer = "https://evil.example"),
            "audience" => Sign(good, d => d.Audience = "another-api"),
            "expired" => Sign(good, d => (d.NotBefore, d.Expires) = (now.AddHours(-1), now.AddMinutes(-1))),
            "early" => Sign(good, d => d.NotBefore = now.AddMinutes(5)),
            "type" => Sign(good, d => d.Claims["type"] = "refresh"),
            "no-type" => Sign(good, d => d.Claims.Remove("type")),
            "other-key" => Sign(good, d => d.SigningCredentials = new(OtherKey(), SecurityAlgorithms.RsaSha256)),
            "refresh" => refresh,
            "changed" => good[..^10] + (good[^10] == 'A' ? "B" : "A") + good[^9..],
            _ => "a.b.c",
        };
    }

    private RsaSecurityKey OtherKey() => new(RSA.Create(2048)) { KeyId = Key.KeyId };

    private SecurityKey Key => _host.App.Services.GetRequiredService<KeyRing>().Signer.Key;

    private byte[] PublicKey() => Encoding.UTF8.GetBytes(((RsaSecurityKey)Key).Rsa.ExportSubjectPublicKeyInfoPem());

    private static string Part(string json) => Base64UrlEncoder.Encode(json);

    /// <summary>The claims of a good token, changed and signed with our own key unless the change says otherwise.</summary>
    private string Sign(string good, Action<SecurityTokenDescriptor> change)
    {
        var token = new JsonWebToken(good);
        var descriptor = new SecurityTokenDescriptor
        {
            Issuer = token.Issuer,
            Audience = token.Audiences.Single(),
            IssuedAt = token.IssuedAt,
            NotBefore = token.ValidFrom,
            Expires = token.ValidTo,
            Claims = token
                .Claims.Where(c => c.Type is "sub" or "client_id" or "scope" or "type" or "jti" or "sid" or "role")
                .ToDictionary(c => c.Type, c => (object)c.Value),
            SigningCredentials = _host.App.Services.GetRequiredService<KeyRing>().Signer,
        };
        change(descriptor);
        return new JsonWebTokenHandler().CreateToken(descriptor);
    }
}
