using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Web;
using CodeLab.Modules.Auth.Browser;
using CodeLab.Modules.Auth.Grants;
using CodeLab.Modules.Auth.Users;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace CodeLab.UnitTests.Auth.Http;

/// <summary>Somebody at a browser that is signed in: a client with the session's cookie that follows no redirect by itself.</summary>
internal sealed class BrowserPerson : IDisposable
{
    private BrowserPerson(AuthHost host, BrowserUser user, string cookie)
    {
        (User, Cookie) = (user, cookie);
        Client = new HttpClient(new HttpClientHandler { AllowAutoRedirect = false, UseCookies = false })
        {
            BaseAddress = host.Client.BaseAddress,
        };
        Client.DefaultRequestHeaders.Add("Cookie", cookie);
    }

    public BrowserUser User { get; }

    public string Cookie { get; }

    public HttpClient Client { get; }

    /// <summary>Starts a session as the sign-in page does once a password was right.</summary>
    public static async Task<BrowserPerson> SignInAsync(AuthHost host, string username = "ada")
    {
        var services = host.App.Services;
        var outcome = await services
            .GetRequiredService<PasswordSignIn>()
            .TryAsync(username, AuthHost.Password, TestContext.Current.CancellationToken);
        var user = Assert.IsType<SignInOutcome.Succeeded>(outcome).User;
        var http = new DefaultHttpContext { RequestServices = services };
        http.Request.Scheme = "http";
        var id = await services.GetRequiredService<BrowserSessions>().StartAsync(http, user, "pwd");
        var cookie = http.Response.Headers.SetCookie.ToString().Split(';')[0];
        var now = services.GetRequiredService<TimeProvider>().GetUtcNow().ToUnixTimeMilliseconds();
        return new(host, new(user.Id, user.UserName, id, now), cookie);
    }

    public async Task<Answer> GetAsync(string path) => await Answer.ReadAsync(await Client.GetAsync(path));

    public void Dispose() => Client.Dispose();
}

/// <summary>An authorization request with PKCE.</summary>
internal sealed class CodeRequest
{
    public Dictionary<string, string> Parameters { get; } =
        new(StringComparer.Ordinal)
        {
            ["response_type"] = "code",
            ["client_id"] = "codelab-cli",
            ["redirect_uri"] = "http://127.0.0.1:4567/callback",
            ["scope"] = "api:read api:write",
            ["state"] = "state-1",
            ["code_challenge_method"] = "S256",
        };

    public string Verifier { get; } = WebEncoders.Base64UrlEncode(RandomNumberGenerator.GetBytes(32));

    public string Path
    {
        get
        {
            Parameters.TryAdd("code_challenge", WebEncoders.Base64UrlEncode(SHA256.HashData(Encoding.ASCII.GetBytes(Verifier))));
            return "/oauth/authorize?" + string.Join('&', Parameters.Select(p => $"{p.Key}={Uri.EscapeDataString(p.Value)}"));
        }
    }

    /// <summary>The parameters of the redirect to the client.</summary>
    public static Dictionary<string, string> Redirect(Answer answer, string redirectUri = "http://127.0.0.1:4567/callback")
    {
        Assert.Equal(HttpStatusCode.Found, answer.Status);
        var location = answer.Header("Location")!;
        Assert.StartsWith(redirectUri + "?", location);
        var query = HttpUtility.ParseQueryString(new Uri(location).Query);
        return query.AllKeys.ToDictionary(k => k!, k => query[k]!, StringComparer.Ordinal);
    }

    public async Task<string> CodeAsync(BrowserPerson person) => Redirect(await person.GetAsync(Path), Parameters["redirect_uri"])["code"];

    public (string, string)[] Redemption(string code, params (string Name, string Value)[] other)
    {
        var form = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["grant_type"] = "authorization_code",
            ["client_id"] = Parameters["client_id"],
            ["code"] = code,
            ["redirect_uri"] = Parameters["redirect_uri"],
            ["code_verifier"] = Verifier,
        };
        foreach (var (name, value) in other)
            form[name] = value;
        return [.. form.Where(f => f.Value.Length > 0).Select(f => (f.Key, f.Value))];
    }
}
