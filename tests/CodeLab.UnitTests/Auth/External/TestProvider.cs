using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace CodeLab.UnitTests.Auth.External;

/// <summary>
/// An OpenID provider that a test can make lie: what it says of the person, and how it signs it. An honest one runs in
/// <c>ExternalSignInTests</c> of the browser tests.
/// </summary>
internal sealed class TestProvider : IAsyncDisposable
{
    public const string ClientId = "codelab";
    private readonly WebApplication _app;
    private readonly RsaSecurityKey _key = new(RSA.Create(2048)) { KeyId = "k1" };
    private readonly Dictionary<string, (string Challenge, string Nonce)> _codes = new(StringComparer.Ordinal);

    private TestProvider(WebApplication app) => _app = app;

    public string Issuer => _app.Urls.First();

    /// <summary>Claims about the person.</summary>
    public Dictionary<string, object> Person { get; } =
        new(StringComparer.Ordinal)
        {
            ["sub"] = "person-1",
            ["email"] = "grace@example.com",
            ["email_verified"] = true,
            ["preferred_username"] = "grace",
        };

    /// <summary>Changes the identity token before it is signed.</summary>
    public Action<SecurityTokenDescriptor>? Lie { get; set; }

    /// <summary>The verifiers that came, to see that PKCE was used.</summary>
    public List<string> Verifiers { get; } = [];

    public static async Task<TestProvider> StartAsync()
    {
        var builder = WebApplication.CreateEmptyBuilder(new());
        builder.WebHost.UseKestrelCore().UseUrls("http://127.0.0.1:0");
        builder.Services.AddRoutingCore();
        builder.Logging.ClearProviders();
        var app = builder.Build();
        var provider = new TestProvider(app);
        app.UseRouting();
        app.MapGet("/.well-known/openid-configuration", provider.Discovery);
        app.MapGet("/jwks", provider.Keys);
        app.MapPost("/token", provider.TokenAsync);
        app.MapGet("/userinfo", (HttpContext http) => Write(http, JsonSerializer.SerializeToNode(provider.Person)!.AsObject()));
        await app.StartAsync();
        return provider;
    }

    /// <summary>What the person's click on "allow" would do: a code for the request in an address.</summary>
    public (string Code, string State) Authorize(Uri request, string? nonce = null)
    {
        var query = System.Web.HttpUtility.ParseQueryString(request.Query);
        if (query["client_id"] != ClientId || query["response_type"] != "code" || query["code_challenge_method"] != "S256")
            throw new InvalidOperationException($"Not a request for a code with PKCE: {request}");
        var code = Guid.NewGuid().ToString("N");
        _codes[code] = (query["code_challenge"]!, nonce ?? query["nonce"]!);
        return (code, query["state"]!);
    }

    public async ValueTask DisposeAsync() => await _app.DisposeAsync();

    private Task Discovery(HttpContext http) =>
        Write(
            http,
            new()
            {
                ["issuer"] = Issuer,
                ["authorization_endpoint"] = Issuer + "/authorize",
                ["token_endpoint"] = Issuer + "/token",
                ["userinfo_endpoint"] = Issuer + "/userinfo",
                ["jwks_uri"] = Issuer + "/jwks",
            }
        );

    private Task Keys(HttpContext http)
    {
        var key = JsonWebKeyConverter.ConvertFromRSASecurityKey(_key);
        return Write(
            http,
            new()
            {
                ["keys"] = new JsonArray(
                    new JsonObject
                    {
                        ["kty"] = "RSA",
                        ["kid"] = key.Kid,
                        ["use"] = "sig",
                        ["alg"] = "RS256",
                        ["n"] = key.N,
                        ["e"] = key.E,
                    }
                ),
            }
        );
    }

    private async Task TokenAsync(HttpContext http)
    {
        var form = await http.Request.ReadFormAsync();
        var verifier = form["code_verifier"].ToString();
        if (!_codes.Remove(form["code"].ToString(), out var issued) || Challenge(verifier) != issued.Challenge)
        {
            http.Response.StatusCode = (int)HttpStatusCode.BadRequest;
            await Write(http, new() { ["error"] = "invalid_grant" });
            return;
        }
        Verifiers.Add(verifier);
        var now = TimeProvider.System.GetUtcNow().UtcDateTime;
        var token = new SecurityTokenDescriptor
        {
            Issuer = Issuer,
            Audience = ClientId,
            IssuedAt = now,
            NotBefore = now.AddMinutes(-1),
            Expires = now.AddMinutes(5),
            Claims = new Dictionary<string, object>(Person, StringComparer.Ordinal) { ["nonce"] = issued.Nonce },
            SigningCredentials = new(_key, SecurityAlgorithms.RsaSha256),
        };
        Lie?.Invoke(token);
        await Write(
            http,
            new()
            {
                ["access_token"] = "opaque",
                ["token_type"] = "Bearer",
                ["id_token"] = new JsonWebTokenHandler { SetDefaultTimesOnTokenCreation = false }.CreateToken(token),
            }
        );
    }

    private static string Challenge(string verifier) => Base64UrlEncoder.Encode(SHA256.HashData(Encoding.ASCII.GetBytes(verifier)));

    private static Task Write(HttpContext http, JsonObject body)
    {
        http.Response.ContentType = "application/json";
        return http.Response.WriteAsync(body.ToJsonString());
    }
}
