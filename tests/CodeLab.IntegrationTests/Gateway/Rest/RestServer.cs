using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using CodeLab.Client.Approvals;
using CodeLab.IntegrationTests.Turns;
using CodeLab.Protocol.Frames;
using CodeLab.Testing.Databases;
using CodeLab.Testing.Servers;
using Xunit;

namespace CodeLab.IntegrationTests.Gateway.Rest;

/// <summary>
/// A host with people of several roles, and a session that has lived: a switch, a call that was approved, one that was edited, one that was
/// rejected, one that failed, and one that waits.
/// </summary>
public sealed class RestServer : IAsyncLifetime
{
    public const string Password = "Correct-Horse-8-Battery";
    private const string _secret = "a-secret-of-thirty-two-characters!";
    private TurnServer? _server;
    private Developer? _ada;

    internal TurnServer Server => _server!;

    internal CodeLabServer Host => _server!.Host;

    /// <summary>The owner of the session.</summary>
    internal HttpClient Ada { get; private set; } = null!;

    /// <summary>A registered service with <c>api:admin</c>.</summary>
    internal HttpClient Admin { get; private set; } = null!;

    /// <summary>Nobody.</summary>
    internal HttpClient Stranger { get; private set; } = null!;

    /// <summary>The session that has lived.</summary>
    internal string Session { get; private set; } = "";

    /// <summary>The call that waits in it.</summary>
    internal string Waiting { get; private set; } = "";

    internal static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _server = await StartAsync();
        Admin = await SignInServiceAsync(Host);
        Ada = await Host.SignInAsync(cancellationToken: Cancel);
        Stranger = Host.CreateClient();
        (_ada, Waiting) = await LiveAsync(_server);
        Session = _ada.SessionId;
    }

    public async ValueTask DisposeAsync()
    {
        if (_ada is not null)
            await _ada.DisposeAsync();
        if (_server is not null)
            await _server.DisposeAsync();
    }

    /// <summary>A host with a registered service.</summary>
    internal static Task<TurnServer> StartAsync(DatabaseKind database = DatabaseKind.Sqlite, params (string, string?)[] settings) =>
        TurnServer.StartAsync(
            database,
            settings:
            [
                ("CodeLab__Auth__Clients__0__ClientId", "admin-tool"),
                ("CodeLab__Auth__Clients__0__ClientSecret", _secret),
                ("CodeLab__Auth__Clients__0__Grants__0", "client_credentials"),
                ("CodeLab__Auth__Clients__0__Scopes__0", "api:admin"),
                ("CodeLab__Auth__Clients__0__Scopes__1", "api:read"),
                ("CodeLab__Auth__Clients__0__Scopes__2", "api:write"),
                ("CodeLab__Llm__Retries__DelayMilliseconds", "10"),
                .. settings,
            ]
        );

    /// <summary>Plays the turns; the last one waits for a decision.</summary>
    internal static async Task<(Developer Developer, string Waiting)> LiveAsync(TurnServer server)
    {
        server.Fake.Script(
            "work",
            s =>
                s.ToolCall("write_file", new { path = "a.txt", content = "a" })
                    .Then()
                    .ToolCall("write_file", new { path = "b.txt", content = "b" })
                    .Then()
                    .ToolCall("write_file", new { path = "c.txt", content = "c" })
                    .Then()
                    .ToolCall("read_file", new { path = "missing.txt" })
                    .Then()
                    .Text("All done.")
        );
        server.Fake.Script("broken", s => s.Text("never").Fails(FakeLlm.Fault.Http(500)));
        server.Fake.Script("wait", s => s.ToolCall("write_file", new { path = "d.txt", content = "d" }).Then().Text("Written."));
        var ada = await Developer.SitDownAsync(server.Host, approvals: ApprovalMode.Ask);
        await ada.SayAsync("Do the work [[script:work]]");
        await ada.DecideAsync((await QuestionAsync(ada, "a.txt")).CallId, "approve");
        await ada.DecideAsync((await QuestionAsync(ada, "b.txt")).CallId, "edit", new { path = "b2.txt", content = "b" });
        await ada.DecideAsync((await QuestionAsync(ada, "c.txt")).CallId, "reject", feedback: "not this one");
        await ada.HearsTheEndAsync();
        await ada.SayAsync("Fail [[script:broken]]");
        await ada.HearsAsync<TurnFailedFrame>();
        await ada.SayAsync("Wait [[script:wait]]");
        return (ada, (await QuestionAsync(ada, "d.txt")).CallId);
    }

    /// <summary>A client of the registered service.</summary>
    internal static async Task<HttpClient> SignInServiceAsync(CodeLabServer host)
    {
        var admin = host.CreateClient();
        using var form = new FormUrlEncodedContent(
            new Dictionary<string, string>(StringComparer.Ordinal)
            {
                ["grant_type"] = "client_credentials",
                ["client_id"] = "admin-tool",
                ["client_secret"] = _secret,
                ["scope"] = "api:admin api:read api:write",
            }
        );
        using var answer = await admin.PostAsync(new Uri("/oauth/token", UriKind.Relative), form, Cancel);
        var token = JsonDocument.Parse(await answer.Content.ReadAsStringAsync(Cancel)).RootElement.GetProperty("access_token").GetString();
        admin.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
        return admin;
    }

    /// <summary>Makes a user and signs in; returns the user's id too.</summary>
    internal static async Task<(HttpClient Client, string Id)> AddUserAsync(
        CodeLabServer host,
        HttpClient admin,
        string name,
        string role = "developer"
    )
    {
        var user = await SendAsync(
            admin,
            "POST",
            "/api/v1/admin/users",
            $$"""{"username":"{{name}}","email":"{{name}}@example.org","password":"{{Password}}","roles":["{{role}}"]}"""
        );
        return (await host.SignInAsync(name, Password, Cancel), user.Json.GetProperty("id").GetString()!);
    }

    /// <summary>Sends a request and reads status, headers and body.</summary>
    internal static async Task<Answer> SendAsync(HttpClient client, string method, string path, string? body = null, string? accept = null)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), new Uri(path, UriKind.Relative));
        if (body is not null)
            request.Content = new StringContent(body, Encoding.UTF8, "application/json");
        if (accept is not null)
            request.Headers.Accept.ParseAdd(accept);
        using var response = await client.SendAsync(request, Cancel);
        var text = await response.Content.ReadAsStringAsync(Cancel);
        var headers = response.Headers.ToDictionary(h => h.Key, h => string.Join(", ", h.Value), StringComparer.OrdinalIgnoreCase);
        return new((int)response.StatusCode, text, headers);
    }

    private static Task<ToolCallFrame> QuestionAsync(Developer developer, string path) =>
        developer.HearsAsync<ToolCallFrame>(f => f.RequiresApproval && f.Arguments.GetRawText().Contains(path, StringComparison.Ordinal));
}

/// <summary>An answer of a route.</summary>
internal sealed record Answer(int Status, string Text, IReadOnlyDictionary<string, string> Headers)
{
    public JsonElement Json => JsonElement.Parse(Text);

    public string Code => Json.GetProperty("error_code").GetString()!;

    public string? String(string name) => Json.TryGetProperty(name, out var member) ? member.GetString() : null;

    public long Number(string name) => Json.GetProperty(name).GetInt64();
}
