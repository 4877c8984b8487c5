using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using CodeLab.FakeLlm;
using CodeLab.Testing.Servers;

namespace CodeLab.IntegrationTests.Llm;

/// <summary>The real host with a fake provider, and a registered service that may do everything with models.</summary>
internal sealed class LlmServer : IAsyncDisposable
{
    private const string ServiceSecret = "service-secret-of-the-tests";

    private LlmServer(FakeLlmServer fake, CodeLabServer host) => (Fake, Host) = (fake, host);

    public FakeLlmServer Fake { get; }

    public CodeLabServer Host { get; }

    public static async Task<LlmServer> StartAsync(params (string Name, string? Value)[] settings)
    {
        var fake = await FakeLlmServer.StartAsync();
        (string, string?)[] all =
        [
            ("OPENAI_BASE_URL", fake.OpenAiBaseUrl),
            ("CodeLab__Llm__Ollama__Probe", "false"),
            ("CodeLab__Llm__Demo__WordDelayMilliseconds", "0"),
            ("CodeLab__Llm__Retries__DelayMilliseconds", "1"),
            ("CodeLab__Auth__Clients__0__ClientId", "tests"),
            ("CodeLab__Auth__Clients__0__ClientSecret", ServiceSecret),
            ("CodeLab__Auth__Clients__0__Grants__0", "client_credentials"),
            ("CodeLab__Auth__Clients__0__Scopes__0", "llm:invoke"),
            ("CodeLab__Auth__Clients__0__Scopes__1", "api:admin"),
            ("CodeLab__Auth__Clients__0__Scopes__2", "api:read"),
            .. settings,
        ];
        return new LlmServer(fake, await CodeLabServer.StartAsync(new CodeLabServerOptions().With(all)));
    }

    public async Task<HttpClient> SignInAsync()
    {
        var client = Host.CreateClient();
        using var form = new FormUrlEncodedContent(
            new Dictionary<string, string>(StringComparer.Ordinal)
            {
                ["grant_type"] = "client_credentials",
                ["client_id"] = "tests",
                ["client_secret"] = ServiceSecret,
                ["scope"] = "llm:invoke api:admin api:read",
            }
        );
        using var response = await client.PostAsync(new Uri("/oauth/token", UriKind.Relative), form);
        var body = await response.Content.ReadAsStringAsync();
        if (!response.IsSuccessStatusCode)
            throw new HttpRequestException(body);
        using var json = JsonDocument.Parse(body);
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue(
            "Bearer",
            json.RootElement.GetProperty("access_token").GetString()
        );
        return client;
    }

    public static StringContent Json(string json) => new(json, Encoding.UTF8, "application/json");

    public async ValueTask DisposeAsync()
    {
        await Host.DisposeAsync();
        await Fake.DisposeAsync();
    }
}
