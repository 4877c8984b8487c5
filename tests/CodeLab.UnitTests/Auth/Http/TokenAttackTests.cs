using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using CodeLab.Modules.Auth.Keys;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.IdentityModel.Tokens;
using Xunit;

namespace CodeLab.UnitTests.Auth.Http;

/// <summary>Tokens that must open nothing (issue: token attacks). Each is the good token with one thing changed.</summary>
public sealed class TokenAttackTests : IAsyncLifetime
{
    private AuthHost _host = null!;
    private Answer _signIn = null!;

    public async ValueTask InitializeAsync()
    {
        _host = await AuthHost.StartReadyAsync();
        _signIn = await _host.SignInAsync();
    }

    public ValueTask DisposeAsync() => _host.DisposeAsync();

    [Fact]
    public async Task The_token_put_together_again_by_hand_is_good()
    {
        var (header, claims) = Parts();

        Assert.Equal(HttpStatusCode.OK, (await _host.GetAsync("/api/v1/any", Sign(header, claims))).Status);
    }

    [Theory]
    [InlineData("none")]
    [InlineData("None")]
    [InlineData("")]
    public async Task An_unsigned_token_is_refused(string algorithm)
    {
        var (header, claims) = Parts();
        header["alg"] = algorithm;

        await RefusedAsync($"{Encode(header)}.{Encode(claims)}.");
        await RefusedAsync($"{Encode(header)}.{Encode(claims)}.{_signIn.Text("access_token").Split('.')[2]}");
    }

    [Fact]
    public async Task A_mac_keyed_with_the_public_key_is_refused()
    {
        var (header, claims) = Parts();
        header["alg"] = "HS256";
        using var rsa = RSA.Create(PublicKey());
        byte[][] keys =
        [
            rsa.ExportSubjectPublicKeyInfo(),
            rsa.ExportRSAPublicKey(),
            Encoding.ASCII.GetBytes(rsa.ExportSubjectPublicKeyInfoPem()),
            PublicKey().Modulus!,
        ];

        foreach (var key in keys)
        {
            var text = $"{Encode(header)}.{Encode(claims)}";
            await RefusedAsync($"{text}.{WebEncoders.Base64UrlEncode(HMACSHA256.HashData(key, Encoding.ASCII.GetBytes(text)))}");
        }
    }

    [Theory]
    [InlineData("aud", "another-api")]
    [InlineData("iss", "https://auth.codelab.local/")]
    [InlineData("iss", "https://evil.example")]
    [InlineData("type", "refresh")]
    [InlineData("sid", "00000000-0000-0000-0000-000000000000")]
    [InlineData("client_id", "gone")]
    public async Task A_token_that_says_something_else_is_refused_though_it_is_signed(string claim, string value)
    {
        var (header, claims) = Parts();
        claims[claim] = value;

        await RefusedAsync(Sign(header, claims));
    }

    [Theory]
    [InlineData("aud")]
    [InlineData("iss")]
    [InlineData("exp")]
    [InlineData("type")]
    public async Task A_token_that_leaves_something_out_is_refused(string claim)
    {
        var (header, claims) = Parts();
        claims.Remove(claim);

        await RefusedAsync(Sign(header, claims));
    }

    [Theory]
    [InlineData("exp", -60, "Token has expired")]
    [InlineData("nbf", 60, "Invalid token")]
    public async Task A_token_is_good_in_its_time_only(string claim, int seconds, string text)
    {
        var (header, claims) = Parts();
        claims[claim] = TimeProvider.System.GetUtcNow().AddSeconds(seconds).ToUnixTimeSeconds();

        var answer = await _host.GetAsync("/api/v1/any", Sign(header, claims));

        Assert.Equal(HttpStatusCode.Unauthorized, answer.Status);
        Assert.Equal(text, answer.Text("message"));
    }

    [Theory]
    [InlineData("kid", "unknown")]
    [InlineData("typ", "at+jwt")]
    [InlineData("alg", "RS384")]
    [InlineData("alg", "PS256")]
    public async Task A_token_with_another_header_is_refused(string name, string value)
    {
        var (header, claims) = Parts();
        header[name] = value;

        await RefusedAsync(Sign(header, claims));
    }

    [Fact]
    public async Task A_token_signed_by_somebody_else_is_refused_also_when_it_brings_its_key()
    {
        var (header, claims) = Parts();
        using var own = RSA.Create(2048);
        var parameters = own.ExportParameters(false);
        header["jwk"] = new JsonObject
        {
            ["kty"] = "RSA",
            ["n"] = WebEncoders.Base64UrlEncode(parameters.Modulus!),
            ["e"] = WebEncoders.Base64UrlEncode(parameters.Exponent!),
        };

        await RefusedAsync(Sign(header, claims, own));
        header.Remove("kid");
        await RefusedAsync(Sign(header, claims, own));
    }

    [Fact]
    public async Task Refresh_and_identity_tokens_open_no_api()
    {
        using var ada = await BrowserPerson.SignInAsync(_host);
        var request = new CodeRequest { Parameters = { ["scope"] = "openid api:read" } };
        var tokens = await _host.TokenAsync(request.Redemption(await request.CodeAsync(ada)));

        await RefusedAsync(_signIn.Text("refresh_token"));
        await RefusedAsync(tokens.Text("id_token"));
        Assert.Equal(HttpStatusCode.OK, (await _host.GetAsync("/api/v1/any", tokens.Text("access_token"))).Status);
    }

    private async Task RefusedAsync(string token)
    {
        var answer = await _host.GetAsync("/api/v1/any", token);

        Assert.Equal(HttpStatusCode.Unauthorized, answer.Status);
        Assert.Equal("Bearer", answer.Header("WWW-Authenticate"));
        Assert.Equal("invalid_token", answer.Text("error"));
    }

    private (JsonObject Header, JsonObject Claims) Parts()
    {
        var parts = _signIn.Text("access_token").Split('.');
        return (Decode(parts[0]), Decode(parts[1]));
    }

    private string Sign(JsonObject header, JsonObject claims, RSA? key = null)
    {
        var text = $"{Encode(header)}.{Encode(claims)}";
        var ring = _host.App.Services.GetRequiredService<KeyRing>();
        key ??= ((RsaSecurityKey)ring.Signer.Key).Rsa;
        var signature = key.SignData(Encoding.ASCII.GetBytes(text), HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        return $"{text}.{WebEncoders.Base64UrlEncode(signature)}";
    }

    private RSAParameters PublicKey()
    {
        var key = _host.App.Services.GetRequiredService<KeyRing>().Published.First();
        return new() { Modulus = WebEncoders.Base64UrlDecode(key.Modulus), Exponent = WebEncoders.Base64UrlDecode(key.Exponent) };
    }

    private static JsonObject Decode(string part) => JsonNode.Parse(WebEncoders.Base64UrlDecode(part))!.AsObject();

    private static string Encode(JsonObject part) => WebEncoders.Base64UrlEncode(Encoding.UTF8.GetBytes(part.ToJsonString()));
}
