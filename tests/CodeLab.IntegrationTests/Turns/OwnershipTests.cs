using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using CodeLab.Protocol;
using CodeLab.Protocol.Rest;
using CodeLab.Testing.Servers;
using Xunit;

namespace CodeLab.IntegrationTests.Turns;

/// <summary>Another user's session does not exist; without a sign-in nothing does (security.md G3).</summary>
public sealed class OwnershipTests
{
    private const string _bobsPassword = "Correct-Horse-8-Battery";

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public static TheoryData<string, string, string?> Routes =>
        new()
        {
            { "GET", "/api/v1/sessions/{id}", null },
            { "PATCH", "/api/v1/sessions/{id}", """{"title":"mine now"}""" },
            { "DELETE", "/api/v1/sessions/{id}", null },
            { "GET", "/api/v1/sessions/{id}/history", null },
            { "GET", "/api/v1/sessions/{id}/pending-approvals", null },
            { "POST", "/api/v1/sessions/{id}/hitl-decision", """{"call_id":"call_x","decision":"approve"}""" },
            { "POST", "/api/v1/sessions/{id}/approve", """{"action_id":"call_x","approved":true}""" },
            { "GET", "/api/v1/agents/{id}/current", null },
            { "POST", "/api/v1/agents/{id}/switch", """{"agent_type":"coder"}""" },
        };

    [Fact]
    public async Task Every_session_route_hides_another_users_session_and_refuses_strangers()
    {
        await using var server = await CodeLabServer.StartAsync(
            new CodeLabServerOptions().With(
                ("CodeLab__Auth__Clients__0__ClientId", "admin-tool"),
                ("CodeLab__Auth__Clients__0__ClientSecret", "a-secret-of-thirty-two-characters!"),
                ("CodeLab__Auth__Clients__0__Grants__0", "client_credentials"),
                ("CodeLab__Auth__Clients__0__Scopes__0", "api:admin"),
                ("CodeLab__Auth__Clients__0__Scopes__1", "api:read"),
                ("CodeLab__Auth__Clients__0__Scopes__2", "api:write")
            ),
            Cancel
        );
        var ada = await server.SignInAsync(cancellationToken: Cancel);
        await CreateBobAsync(server);
        var bob = await server.SignInAsync("bob", _bobsPassword, Cancel);
        var stranger = server.CreateClient();
        using var created = await ada.PostAsync(new Uri("/api/v1/sessions", UriKind.Relative), null, Cancel);
        var session = (await created.ReadAsync(ProtocolJson.Default.SessionInfo, Cancel)).Id;

        foreach (var row in Routes)
        {
            var (method, route, body) = row.Data;
            using var forBob = await SendAsync(bob, method, route, session, body);
            using var forStranger = await SendAsync(stranger, method, route, session, body);
            using var unknown = await SendAsync(bob, method, route, Guid.NewGuid().ToString(), body);
            Assert.Equal((route, HttpStatusCode.NotFound), (route, forBob.StatusCode));
            Assert.Equal((route, HttpStatusCode.Unauthorized), (route, forStranger.StatusCode));
            // Foreign and unknown look the same.
            Assert.Equal((await unknown.ReadErrorAsync(Cancel)).ErrorCode, (await forBob.ReadErrorAsync(Cancel)).ErrorCode);
        }

        Assert.Empty((await bob.GetAsync("/api/v1/sessions", ProtocolJson.Default.SessionList, Cancel)).Sessions);
        Assert.Single((await ada.GetAsync("/api/v1/sessions", ProtocolJson.Default.SessionList, Cancel)).Sessions);
        // Her id can not be taken either.
        using var taken = await bob.PostAsync(
            new Uri("/api/v1/sessions", UriKind.Relative),
            JsonContent.Create(new CreateSessionBody { SessionId = session }, ProtocolJson.Default.CreateSessionBody),
            Cancel
        );
        Assert.Equal(HttpStatusCode.Conflict, taken.StatusCode);
    }

    private static async Task<HttpResponseMessage> SendAsync(HttpClient client, string method, string route, string session, string? body)
    {
        using var request = new HttpRequestMessage(
            new HttpMethod(method),
            new Uri(route.Replace("{id}", session, StringComparison.Ordinal), UriKind.Relative)
        );
        if (body is not null)
            request.Content = new StringContent(body, Encoding.UTF8, "application/json");
        return await client.SendAsync(request, Cancel);
    }

    private static async Task CreateBobAsync(CodeLabServer server)
    {
        var admin = server.CreateClient();
        using var form = new FormUrlEncodedContent(
            new Dictionary<string, string>(StringComparer.Ordinal)
            {
                ["grant_type"] = "client_credentials",
                ["client_id"] = "admin-tool",
                ["client_secret"] = "a-secret-of-thirty-two-characters!",
                ["scope"] = "api:admin",
            }
        );
        using var answer = await admin.PostAsync(new Uri("/oauth/token", UriKind.Relative), form, Cancel);
        var token = JsonDocument.Parse(await answer.Content.ReadAsStringAsync(Cancel)).RootElement.GetProperty("access_token").GetString();
        admin.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
        using var body = new StringContent(
            $$"""{"username":"bob","email":"bob@example.org","password":"{{_bobsPassword}}","roles":["developer"]}""",
            Encoding.UTF8,
            "application/json"
        );
        using var created = await admin.PostAsync(new Uri("/api/v1/admin/users", UriKind.Relative), body, Cancel);
        Assert.Equal(HttpStatusCode.Created, created.StatusCode);
    }
}
