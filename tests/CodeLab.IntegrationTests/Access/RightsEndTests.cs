using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using CodeLab.Protocol.Hub;
using CodeLab.Testing.Databases;
using CodeLab.Testing.Servers;
using Microsoft.AspNetCore.SignalR.Client;
using Xunit;

namespace CodeLab.IntegrationTests.Access;

/// <summary>Rights that end are ended on every live surface of every node within 5 s (security.md G2).</summary>
public sealed class RightsEndTests(ITestOutputHelper output)
{
    private static readonly TimeSpan _limit = TimeSpan.FromSeconds(5);
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public static TheoryData<string> Endings => ["spent refresh token", "own device revoked", "password changed", "user disabled"];

    [Theory, MemberData(nameof(Endings))]
    public async Task On_one_node_the_tokens_of_an_ended_sign_in_die_on_rest_and_hub(string ending)
    {
        await using var database = await TestDatabase.CreateAsync(DatabaseKind.Sqlite);
        await using var one = await StartAsync(database, null, null);

        await EndAsync(ending, one, one);
    }

    [Theory, MemberData(nameof(Endings))]
    public async Task With_two_nodes_they_die_on_the_other_node_too(string ending)
    {
        await using var database = await TestDatabase.CreateAsync(DatabaseKind.PostgreSql);
        var redis = await RedisServer.Shared ?? throw new InvalidOperationException("$XunitDynamicSkip$No Redis on this machine");
        var key = Convert.ToBase64String(RandomNumberGenerator.GetBytes(32));
        await using var one = await StartAsync(database, redis, key);
        await using var two = await StartAsync(database, redis, key);

        await EndAsync(ending, one, two);
    }

    /// <summary>Ends a sign-in by way of one node, and watches its token on the other.</summary>
    private async Task EndAsync(string ending, CodeLabServer doer, CodeLabServer watched)
    {
        var admin = await TokensAsync(
            doer,
            "client_credentials",
            ("client_id", "operator"),
            ("client_secret", "a-secret-of-the-tests-only")
        );
        var user = await SendAsync(
            doer,
            HttpMethod.Post,
            "/api/v1/admin/users",
            (string)admin["access_token"]!,
            new JsonObject
            {
                ["username"] = "bob",
                ["email"] = "bob@example.org",
                ["password"] = CodeLabServer.AdminPassword,
                ["roles"] = new JsonArray("developer"),
            }
        );
        var victim = await SignInAsync(doer);
        var other = await SignInAsync(doer);
        await using var hub = await ConnectAsync(watched, (string)victim["access_token"]!);
        var closed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        hub.Closed += _ =>
        {
            closed.TrySetResult();
            return Task.CompletedTask;
        };
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(watched, victim));
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(watched, other));

        var endsAll = await DoAsync(ending, doer, (string)admin["access_token"]!, (string)user["id"]!, victim, other);
        var clock = Stopwatch.StartNew();
        while (await StatusAsync(watched, victim) != HttpStatusCode.Unauthorized)
            Assert.True(clock.Elapsed < _limit, $"{ending}: REST still answers after {clock.Elapsed.TotalSeconds:F1} s");
        var rest = clock.Elapsed;
        await closed.Task.WaitAsync(HostProcess.Patience, Cancel);
        var live = clock.Elapsed;

        output.WriteLine($"{ending}: REST after {rest.TotalMilliseconds:F0} ms, hub after {live.TotalMilliseconds:F0} ms");
        Assert.InRange(live, TimeSpan.Zero, _limit);
        // Other sign-ins of the user go on, unless it was all of them that ended.
        Assert.Equal(endsAll ? HttpStatusCode.Unauthorized : HttpStatusCode.OK, await StatusAsync(watched, other));
    }

    /// <returns>True when all sign-ins of the user end; the one that changed the password is not among them.</returns>
    private static async Task<bool> DoAsync(string ending, CodeLabServer doer, string admin, string userId, JsonNode victim, JsonNode other)
    {
        var refresh = (string)victim["refresh_token"]!;
        switch (ending)
        {
            case "spent refresh token":
                await TokensAsync(doer, "refresh_token", ("client_id", "codelab-cli"), ("refresh_token", refresh));
                var reuse = await TokensAsync(doer, "refresh_token", ("client_id", "codelab-cli"), ("refresh_token", refresh));
                Assert.Equal("invalid_grant", (string)reuse["error"]!);
                return false;
            case "own device revoked":
                const string path = "/api/v1/auth/oauth/sessions";
                var mine = await SendAsync(doer, HttpMethod.Get, path, (string)victim["access_token"]!);
                var id = (string)mine["sessions"]!.AsArray().Single(s => (bool)s!["current"]!)!["session_id"]!;
                await SendAsync(doer, HttpMethod.Delete, $"{path}/{id}", (string)other["access_token"]!);
                return false;
            case "password changed":
                var body = new JsonObject
                {
                    ["current_password"] = CodeLabServer.AdminPassword,
                    ["new_password"] = "Another-Horse-9-Battery",
                };
                await SendAsync(doer, HttpMethod.Post, "/api/v1/me/password", (string)other["access_token"]!, body);
                return false;
            default:
                await SendAsync(doer, HttpMethod.Post, $"/api/v1/admin/users/{userId}/disable", admin);
                return true;
        }
    }

    private static async Task<CodeLabServer> StartAsync(TestDatabase database, RedisServer? redis, string? key)
    {
        var options = new CodeLabServerOptions().With([
            .. database.Environment,
            ("CodeLab__Auth__RefreshReplaySeconds", "0"),
            ("CodeLab__Auth__SigningKeyBits", "2048"),
            ("CodeLab__Auth__Clients__0__ClientId", "operator"),
            ("CodeLab__Auth__Clients__0__ClientSecret", "a-secret-of-the-tests-only"),
            ("CodeLab__Auth__Clients__0__Scopes__0", "api:admin"),
            ("CodeLab__KeyEncryptionKey", key),
            ("ConnectionStrings__Redis", redis?.ConnectionString),
            // Test runs share the Redis; their nodes must not hear each other.
            ("CodeLab__Cluster__Name", "rights-" + Path.GetFileName(database.DataDirectory)),
        ]);
        return await CodeLabServer.StartAsync(options, Cancel);
    }

    private static async Task<HubConnection> ConnectAsync(CodeLabServer server, string token)
    {
        var hub = new HubConnectionBuilder()
            .WithUrl(new Uri(server.BaseAddress, SessionHubNames.Path), o => o.AccessTokenProvider = () => Task.FromResult<string?>(token))
            .Build();
        await hub.StartAsync(Cancel);
        return hub;
    }

    private static Task<JsonNode> SignInAsync(CodeLabServer server) =>
        TokensAsync(
            server,
            "password",
            ("client_id", "codelab-cli"),
            ("username", "bob"),
            ("password", CodeLabServer.AdminPassword),
            ("scope", "api:read api:write")
        );

    private static async Task<JsonNode> TokensAsync(CodeLabServer server, string grant, params (string Name, string Value)[] parameters)
    {
        using var client = new HttpClient { BaseAddress = server.BaseAddress };
        using var form = new FormUrlEncodedContent(
            parameters.Append(("grant_type", grant)).Select(p => KeyValuePair.Create(p.Item1, p.Item2))
        );
        using var response = await client.PostAsync(new Uri("/oauth/token", UriKind.Relative), form, Cancel);
        return JsonNode.Parse(await response.Content.ReadAsStringAsync(Cancel))!;
    }

    private static async Task<JsonNode> SendAsync(
        CodeLabServer server,
        HttpMethod method,
        string path,
        string token,
        JsonObject? body = null
    )
    {
        using var client = new HttpClient { BaseAddress = server.BaseAddress };
        using var request = new HttpRequestMessage(method, path);
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        if (body is not null)
            request.Content = new StringContent(body.ToJsonString(), System.Text.Encoding.UTF8, "application/json");
        using var response = await client.SendAsync(request, Cancel);
        var text = await response.Content.ReadAsStringAsync(Cancel);
        Assert.True(response.IsSuccessStatusCode, $"{method} {path}: {(int)response.StatusCode} {text}");
        return JsonNode.Parse(text)!;
    }

    private static async Task<HttpStatusCode> StatusAsync(CodeLabServer server, JsonNode tokens)
    {
        using var client = new HttpClient { BaseAddress = server.BaseAddress };
        client.DefaultRequestHeaders.Authorization = new("Bearer", (string)tokens["access_token"]!);
        using var response = await client.GetAsync(new Uri("/api/v1/sessions", UriKind.Relative), Cancel);
        return response.StatusCode;
    }
}
