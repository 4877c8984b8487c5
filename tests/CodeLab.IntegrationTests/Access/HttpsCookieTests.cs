using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.RegularExpressions;
using CodeLab.Testing.Servers;
using Xunit;

namespace CodeLab.IntegrationTests.Access;

/// <summary>The session cookie behind a real TLS listener (security.md §10).</summary>
public sealed class HttpsCookieTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Over_https_the_session_cookie_has_the_host_prefix_and_all_its_flags()
    {
        var folder = Directory.CreateTempSubdirectory("codelab-tls-").FullName;
        try
        {
            using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
            var names = new SubjectAlternativeNameBuilder();
            names.AddIpAddress(IPAddress.Loopback);
            var wish = new CertificateRequest("CN=127.0.0.1", key, HashAlgorithmName.SHA256);
            wish.CertificateExtensions.Add(names.Build());
            var now = TimeProvider.System.GetUtcNow();
            using var certificate = wish.CreateSelfSigned(now.AddDays(-1), now.AddDays(1));
            var file = Path.Combine(folder, "server.pfx");
            await File.WriteAllBytesAsync(file, certificate.Export(X509ContentType.Pfx, "of-this-test"), Cancel);
            await using var server = await CodeLabServer.StartAsync(
                new CodeLabServerOptions().With(
                    ("ASPNETCORE_URLS", "https://127.0.0.1:0"),
                    ("Kestrel__Certificates__Default__Path", file),
                    ("Kestrel__Certificates__Default__Password", "of-this-test")
                ),
                Cancel
            );
            using var browser = Browser(server, certificate, useCookies: true);
            var page = await browser.GetStringAsync(new Uri("/sign-in", UriKind.Relative), Cancel);
            var fields = Regex
                .Matches(
                    Regex.Match(page, """<form[^>]*action="/sign-in".*?</form>""", RegexOptions.Singleline).Value,
                    """<input[^>]*type="hidden"[^>]*name="([^"]+)"[^>]*value="([^"]*)"""
                )
                .Select(m => KeyValuePair.Create(m.Groups[1].Value, WebUtility.HtmlDecode(m.Groups[2].Value)))
                .Concat([new("username", CodeLabServer.AdminName), new("password", CodeLabServer.AdminPassword)]);
            using var form = new FormUrlEncodedContent(fields);

            using var request = new HttpRequestMessage(HttpMethod.Post, "/sign-in") { Content = form };
            request.Headers.Add("Origin", server.BaseAddress.GetLeftPart(UriPartial.Authority));
            using var signedIn = await browser.SendAsync(request, Cancel);
            Assert.True(signedIn.StatusCode == HttpStatusCode.SeeOther, await signedIn.Content.ReadAsStringAsync(Cancel));
            using var account = await browser.GetAsync(new Uri("/account", UriKind.Relative), Cancel);

            var cookie = Assert.Single(
                signedIn.Headers.GetValues("Set-Cookie"),
                c => c.StartsWith("__Host-codelab=", StringComparison.Ordinal)
            );
            var flags = cookie
                .Split(';', StringSplitOptions.TrimEntries)[1..]
                .Select(f => f.ToLowerInvariant())
                .Order(StringComparer.Ordinal);
            Assert.Equal(["httponly", "path=/", "samesite=strict", "secure"], flags);
            Assert.Equal(HttpStatusCode.OK, account.StatusCode);
            Assert.Equal("max-age=31536000; includeSubDomains", Assert.Single(account.Headers.GetValues("Strict-Transport-Security")));
            // The name of the cookie for loopback without TLS opens nothing here.
            using var other = Browser(server, certificate, useCookies: false);
            other.DefaultRequestHeaders.Add("Cookie", "codelab=" + cookie.Split(';')[0]["__Host-codelab=".Length..]);
            using var renamed = await other.GetAsync(new Uri("/account", UriKind.Relative), Cancel);
            Assert.Equal(HttpStatusCode.Unauthorized, renamed.StatusCode);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>A client that trusts this certificate, and checks it as it would any other.</summary>
    private static HttpClient Browser(CodeLabServer server, X509Certificate2 certificate, bool useCookies) =>
        new(
            new SocketsHttpHandler
            {
                AllowAutoRedirect = false,
                UseCookies = useCookies,
                SslOptions = new()
                {
                    CertificateChainPolicy = new()
                    {
                        TrustMode = X509ChainTrustMode.CustomRootTrust,
                        CustomTrustStore = { certificate },
                        RevocationMode = X509RevocationMode.NoCheck,
                    },
                },
            }
        )
        {
            BaseAddress = server.BaseAddress,
        };
}
