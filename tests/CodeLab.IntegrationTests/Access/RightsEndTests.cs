using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using CodeLab.IntegrationTests.Gateway.Sockets;
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
    private static readonly TimeSpan _limitWithoutRedis = TimeSpan.FromSeconds(30);
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public static TheoryData<string> Endings => ["spent refresh token", "own device revoked", "password changed", "user disabled"];

    [Theory, MemberData(nameof(Endings))]
    public async Task On_one_node_the_tokens_of_an_ended_sign_in_die_on_rest_hub_socket_and_events(string ending)
    {
        await using var database = await TestDatabase.CreateAsync(DatabaseKind.Sqlite);
        await using var one = await StartAsync(database, null, null);

        await EndAsync(ending, one, one, _limit);
    }

    [Theory, MemberData(nameof(Endings))]
    public async Task With_two_nodes_they_die_on_the_other_node_too(string ending)
    {
        await using var database = await TestDatabase.CreateAsync(DatabaseKind.PostgreSql);
        var redis = await RedisServer.Shared ?? throw new InvalidOperationException("$XunitDynamicSkip$No Redis on this machine");
        var key = Convert.ToBase64String(RandomNumberGenerator.GetBytes(32));
        await using var one = await StartAsync(database, redis, key);
        await using var two = await StartAsync(database, redis, key);

        await EndAsync(ending, one, two, _limit);
    }

    [Theory, MemberData(nameof(Endings))]
    public async Task With_two_nodes_and_no_redis_the_other_node_finds_out_by_itself(string ending)
    {
        await using var database = await TestDatabase.CreateAsync(DatabaseKind.PostgreSql);
        var key = Convert.ToBase64String(RandomNumberGenerator.GetBytes(32));
        await using var one = await StartAsync(database, null, key);
        await using var two = await StartAsync(database, null, key);

        await EndAsync(ending, one, two, _limitWithoutRedis);
    }

    /// <summary>Ends a sign-in by way of one node, and watches its token on the other.</summary>
    private async Task EndAsync(string ending, CodeLabServer doer, CodeLabServer watched, TimeSpan limit)
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
        var session = Guid.NewGuid().ToString();
        await using var socket = await SocketClient.OpenAsync(watched, session, "", (string)victim["access_token"]!, "", null, []);
        await socket.SendAsync(new { type = "switch_agent", agent_type = "coder" });
        await socket.ReadToAsync("agent_switched");
        await using var kept = await SocketClient.OpenAsync(
            watched,
            Guid.NewGuid().ToString(),
            "",
            (string)other["access_token"]!,
            "",
            null,
            []
        );
        var events = FollowAsync(watched, session, (string)victim["access_token"]!);
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(watched, victim));
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(watched, other));

        var endsAll = await DoAsync(ending, doer, (string)admin["access_token"]!, (string)user["id"]!, victim, other);
        var clock = Stopwatch.StartNew();
        while (await StatusAsync(watched, victim) != HttpStatusCode.Unauthorized)
            Assert.True(clock.Elapsed < limit, $"{ending}: REST still answers after {clock.Elapsed.TotalSeconds:F1} s");
        var rest = clock.Elapsed;
        await closed.Task.WaitAsync(HostProcess.Patience, Cancel);
        var live = clock.Elapsed;
        var (error, code) = ((await socket.ReadToAsync("error")).Text("code"), await socket.ReadToCloseAsync());
        var published = clock.Elapsed;
        var last = await events;
        var followed = clock.Elapsed;

        output.WriteLine(
            $"{ending}: REST after {rest.TotalMilliseconds:F0} ms, hub after {live.TotalMilliseconds:F0} ms, "
                + $"socket after {published.TotalMilliseconds:F0} ms, events after {followed.TotalMilliseconds:F0} ms"
        );
        Assert.All([live, published, followed], took => Assert.InRange(took, TimeSpan.Zero, limit));
        Assert.Equal(("TOKEN_INVALID", 4001), (error, code));
        Assert.Contains("TOKEN_INVALID", last, StringComparison.Ordinal);
        // Other sign-ins of the user go on, unless it was all of them that ended.
        Assert.Equal(endsAll ? HttpStatusCode.Unauthorized : HttpStatusCode.OK, await StatusAsync(watched, other));
        if (endsAll)
        {
            Assert.Equal(4001, await kept.ReadToCloseAsync());
            return;
        }
        if (ending == "password changed" && limit == _limit)
        {
            // Where the change is told, all of the user's connections are closed, and this one may come back.
            Assert.Equal(4001, await kept.ReadToCloseAsync());
            await using var again = await SocketClient.OpenAsync(watched, kept.Session, "", (string)other["access_token"]!, "", null, []);
            await AnswersAsync(again);
            return;
        }
        await AnswersAsync(kept);
    }

    private static async Task AnswersAsync(SocketClient client)
    {
        await client.SendAsync(new { type = "ping" });
        Assert.Equal("pong", (await client.ReadAsync())!.Value.Type());
    }

    /// <summary>Reads a session's events until the server ends them; the last line with data.</summary>
    private static async Task<string> FollowAsync(CodeLabServer server, string session, string token)
    {
        using var client = new HttpClient { BaseAddress = server.BaseAddress };
        client.DefaultRequestHeaders.Authorization = new("Bearer", token);
        using var response = await client.GetAsync(
            new Uri($"/api/v1/sessions/{session}/stream", UriKind.Relative),
            HttpCompletionOption.ResponseHeadersRead,
            Cancel
        );
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        using var lines = new StreamReader(await response.Content.ReadAsStreamAsync(Cancel));
        var last = "";
        while (await lines.ReadLineAsync(Cancel) is { } line)
        {
            if (line.StartsWith("data:", StringComparison.Ordinal))
                last = line;
        }
        return last;
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
