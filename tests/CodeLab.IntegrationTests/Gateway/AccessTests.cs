using System.Net.Http.Headers;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using CodeLab.IntegrationTests.Gateway.Rest;
using CodeLab.IntegrationTests.Turns;
using CodeLab.Protocol;
using CodeLab.Protocol.Frames;
using CodeLab.Protocol.Hub;
using CodeLab.Testing.Servers;
using Microsoft.AspNetCore.SignalR;
using Microsoft.AspNetCore.SignalR.Client;
using Microsoft.Extensions.DependencyInjection;
using Xunit;
using static CodeLab.IntegrationTests.Gateway.Rest.RestServer;

namespace CodeLab.IntegrationTests.Gateway;

/// <summary>
/// security.md G3: who may do what in a session that is somebody's, on every route and hub method. What one may not see looks as if it did
/// not exist; what one sees but may not do says so.
/// </summary>
public sealed class AccessTests(AccessServer access) : IClassFixture<AccessServer>
{
    // Each role with what it may: 1 watches, 2 decides, 3 drives, 4 owns, 0 nothing.
    private static readonly (string Role, int Right)[] _roles =
    [
        ("owner", 4),
        ("admin", 4),
        ("driver", 3),
        ("lead", 2),
        ("mate", 0),
        ("viewer", 1),
        ("other", 0),
    ];

    public static TheoryData<string, string, string?, int> Routes =>
        new()
        {
            { "GET", "/api/v1/sessions/{id}", null, 1 },
            { "GET", "/api/v1/sessions/{id}?include_messages=true", null, 1 },
            { "GET", "/api/v1/sessions/{id}/history", null, 1 },
            { "GET", "/api/v1/sessions/{id}/pending-approvals", null, 1 },
            { "GET", "/api/v1/agents/{id}/current", null, 1 },
            { "GET", "/api/v1/events/audit-log?session_id={id}", null, 1 },
            { "GET", "/api/v1/sessions/{id}/shares", null, 1 },
            { "PATCH", "/api/v1/sessions/{id}", """{"title":"changed"}""", 3 },
            { "POST", "/api/v1/agents/{id}/switch", """{"agent_type":"coder"}""", 3 },
            { "POST", "/api/v1/sessions/{id}/hitl-decision", """{"call_id":"call_x","decision":"approve"}""", 2 },
            { "POST", "/api/v1/sessions/{id}/approve", """{"action_id":"call_x","approved":true}""", 2 },
            { "DELETE", "/api/v1/sessions/{id}/history", null, 4 },
            { "PUT", "/api/v1/sessions/{id}/shares/users/{other}", """{"role":"viewer"}""", 4 },
            { "DELETE", "/api/v1/sessions/{id}/shares/users/{driver}", null, 4 },
            { "DELETE", "/api/v1/sessions/{id}", null, 4 },
        };

    public static TheoryData<string, string, int> Methods =>
        new()
        {
            { SessionHubNames.Attach, """{"session_id":"{id}"}""", 1 },
            { SessionHubNames.SendMessage, """{"session_id":"{id}","message_id":"{new}","content":"Hello"}""", 3 },
            { SessionHubNames.SubmitToolResult, """{"session_id":"{id}","call_id":"call_x","result":{}}""", 3 },
            { SessionHubNames.Decide, """{"session_id":"{id}","call_id":"call_x","decision":"approve"}""", 2 },
            { SessionHubNames.SwitchAgent, """{"session_id":"{id}","agent_type":"coder"}""", 3 },
            { SessionHubNames.UpdateContext, """{"session_id":"{id}","action":"clear"}""", 3 },
            { SessionHubNames.Cancel, """{"session_id":"{id}"}""", 2 },
            { SessionHubNames.ChooseExecutor, """{"session_id":"{id}"}""", 3 },
        };

    [Theory, MemberData(nameof(Routes))]
    public async Task On_a_route_everybody_may_what_the_role_says(string method, string route, string? body, int needs)
    {
        foreach (var (role, right) in _roles)
        {
            var session = await access.NewSessionAsync();
            // A driver that shares itself away is leaving, which is allowed.
            var leaves = role == "driver" && route.Contains("{driver}", StringComparison.Ordinal);

            var answer = await SendAsync(access.Clients[role], method, Fill(route, session), body);

            if (right == 0)
                Assert.Equal((role, 404), (role, answer.Status));
            else if (right < needs && !leaves)
                Assert.Equal((role, 403, "PERMISSION_DENIED"), (role, answer.Status, answer.Code));
            else
                AssertReached(role, answer);
        }
        var strange = await SendAsync(access.Clients["anonymous"], method, Fill(route, await access.NewSessionAsync()), body);
        var disabled = await SendAsync(access.Clients["disabled"], method, Fill(route, await access.NewSessionAsync()), body);
        Assert.Equal((401, 401), (strange.Status, disabled.Status));
    }

    [Theory, MemberData(nameof(Routes))]
    public async Task A_foreign_session_looks_like_none(string method, string route, string? body, int needs)
    {
        Assert.InRange(needs, 1, 4);
        var foreign = await access.NewSessionAsync();

        var there = await SendAsync(access.Clients["other"], method, Fill(route, foreign), body);
        var nowhere = await SendAsync(access.Clients["other"], method, Fill(route, "no-such-session"), body);

        Assert.Equal(nowhere.Status, there.Status);
        Assert.Equal(Without(nowhere, "no-such-session"), Without(there, foreign));
    }

    [Theory, MemberData(nameof(Methods))]
    public async Task On_a_hub_method_everybody_may_what_the_role_says(string method, string argument, int needs)
    {
        foreach (var (role, right) in _roles)
        {
            var session = await access.NewSessionAsync();
            var error = await access.InvokeAsync(role, method, Fill(argument, session));

            if (right == 0)
                Assert.Equal((role, "SESSION_NOT_FOUND"), (role, error));
            else if (right < needs)
                Assert.Equal((role, "PERMISSION_DENIED"), (role, error));
            else
                Assert.DoesNotContain(error, (string?[])["SESSION_NOT_FOUND", "PERMISSION_DENIED"]);
        }
        if (method != SessionHubNames.SendMessage)
            return;
        // A message makes sessions, but never one of somebody else.
        Assert.Null(await access.InvokeAsync("other", method, Fill(argument, Guid.NewGuid().ToString())));
    }

    [Fact]
    public async Task A_shared_session_is_listed_for_whom_it_is_shared_with()
    {
        var session = await access.NewSessionAsync();

        var own = await SendAsync(access.Clients["driver"], "GET", "/api/v1/sessions?limit=1000");
        var shared = await SendAsync(access.Clients["driver"], "GET", "/api/v1/sessions?scope=shared&limit=1000");
        var others = await SendAsync(access.Clients["other"], "GET", "/api/v1/sessions?scope=all&limit=1000");

        Assert.DoesNotContain(session, own.Text, StringComparison.Ordinal);
        var entry = shared.Json.GetProperty("sessions").EnumerateArray().Single(s => s.GetProperty("id").GetString() == session);
        Assert.Equal("driver", entry.GetProperty("role").GetString());
        Assert.Equal(access.Ids["owner"], entry.GetProperty("owner_id").GetString());
        Assert.DoesNotContain(session, others.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_lead_lists_the_sessions_of_the_teams_members_and_nobody_else_does()
    {
        var session = await access.NewSessionAsync();
        const string path = "/api/v1/sessions?scope=team&limit=1000";

        var lead = await SendAsync(access.Clients["lead"], "GET", path);
        var mate = await SendAsync(access.Clients["mate"], "GET", path);
        var unknown = await SendAsync(access.Clients["lead"], "GET", "/api/v1/sessions?scope=everybody");

        var entry = lead.Json.GetProperty("sessions").EnumerateArray().Single(s => s.GetProperty("id").GetString() == session);
        Assert.Equal(("lead", access.Ids["owner"]), (entry.GetProperty("role").GetString(), entry.GetProperty("owner_id").GetString()));
        Assert.Empty(mate.Json.GetProperty("sessions").EnumerateArray());
        Assert.Equal(400, unknown.Status);
    }

    [Fact]
    public async Task Shares_are_listed_changed_and_ended()
    {
        var session = await access.NewSessionAsync();
        var path = $"/api/v1/sessions/{session}/shares";
        var owner = access.Clients["owner"];

        var list = await SendAsync(access.Clients["viewer"], "GET", path);
        var changed = await SendAsync(owner, "PUT", $"{path}/users/{access.Ids["viewer"]}", """{"role":"driver"}""");
        var wrote = await SendAsync(access.Clients["viewer"], "PATCH", "/api/v1/sessions/" + session, """{"title":"mine too"}""");
        var ended = await SendAsync(owner, "DELETE", $"{path}/users/{access.Ids["viewer"]}");
        var again = await SendAsync(owner, "DELETE", $"{path}/users/{access.Ids["viewer"]}");
        var gone = await SendAsync(access.Clients["viewer"], "GET", "/api/v1/sessions/" + session);
        var unknown = await SendAsync(owner, "PUT", path + "/users/nobody", "{}");
        var noRole = await SendAsync(owner, "PUT", $"{path}/users/{access.Ids["other"]}", """{"role":"king"}""");
        var noTeam = await SendAsync(owner, "PUT", path + "/teams/none", "{}");

        Assert.Equal((200, 2, access.Ids["owner"]), (list.Status, list.Number("count"), list.String("owner_id")));
        var names = list.Json.GetProperty("shares").EnumerateArray().Select(s => s.GetProperty("name").GetString());
        Assert.Equal(["driver", "viewer"], names.Order(StringComparer.Ordinal));
        Assert.Equal((200, "driver"), (changed.Status, changed.String("role")));
        Assert.Equal((200, "mine too"), (wrote.Status, wrote.String("title")));
        Assert.Equal((200, "removed"), (ended.Status, ended.String("status")));
        Assert.Equal((404, "SHARE_NOT_FOUND"), (again.Status, again.Code));
        Assert.Equal((404, "SESSION_NOT_FOUND"), (gone.Status, gone.Code));
        Assert.Equal((404, "USER_NOT_FOUND"), (unknown.Status, unknown.Code));
        Assert.Equal((400, "INVALID_ROLE"), (noRole.Status, noRole.Code));
        Assert.Equal((404, "TEAM_NOT_FOUND"), (noTeam.Status, noTeam.Code));
    }

    [Fact]
    public async Task A_viewer_hears_everything_and_runs_no_tools_a_driver_decides_and_is_named_and_who_is_let_go_hears_no_more()
    {
        var server = access.Server;
        server.Fake.Script("shared", s => s.ToolCall("write_file", new { path = "a.txt", content = "a" }).Then().Text("Written."));
        await using var owner = await Developer.SitDownAsync(server.Host, approvals: Client.Approvals.ApprovalMode.Ask);
        await access.ShareAsync(owner.SessionId);
        await using var viewer = await access.ConnectAsync("viewer");
        await using var driver = await access.ConnectAsync("driver");
        var viewing = await viewer.InvokeAsync<AttachResponse>(
            SessionHubNames.Attach,
            new AttachRequest
            {
                SessionId = owner.SessionId,
                Tools = [JsonSerializer.SerializeToElement("write_file", ProtocolJson.Default.String)],
            },
            Cancel
        );
        await driver.InvokeAsync<AttachResponse>(SessionHubNames.Attach, new AttachRequest { SessionId = owner.SessionId }, Cancel);
        var (heard, gone) = (new TaskCompletionSource(), new TaskCompletionSource());
        viewer.On<SessionFrame>(
            SessionHubNames.Receive,
            f =>
            {
                if (f is TurnCompletedFrame)
                    heard.TrySetResult();
                if (f is ErrorFrame { ErrorCode: "SESSION_NOT_FOUND" })
                    gone.TrySetResult();
            }
        );

        await owner.SayAsync("Write [[script:shared]]");
        var question = await owner.HearsQuestionAsync();
        var decide = new DecideRequest
        {
            SessionId = owner.SessionId,
            CallId = question.CallId,
            Decision = "approve",
        };
        var refused = await Assert.ThrowsAsync<HubException>(() => viewer.InvokeAsync<InputAck>(SessionHubNames.Decide, decide, Cancel));
        await driver.InvokeAsync<InputAck>(SessionHubNames.Decide, decide, Cancel);
        await owner.HearsTheEndAsync();
        await heard.Task.WaitAsync(HostProcess.Patience, Cancel);
        var log = await SendAsync(
            access.Clients["owner"],
            "GET",
            $"/api/v1/events/audit-log?session_id={owner.SessionId}&event_type=hitl_decision_made"
        );
        var endedAt = TimeProvider.System.GetTimestamp();
        await SendAsync(access.Clients["owner"], "DELETE", $"/api/v1/sessions/{owner.SessionId}/shares/users/{access.Ids["viewer"]}");
        await gone.Task.WaitAsync(HostProcess.Patience, Cancel);
        var seconds = TimeProvider.System.GetElapsedTime(endedAt).TotalSeconds;

        Assert.False(viewing.Executor);
        Assert.Contains("PERMISSION_DENIED", refused.Message, StringComparison.Ordinal);
        Assert.Equal(access.Ids["driver"], (await owner.HearsAsync<ApprovalResolvedFrame>()).DecidedBy);
        Assert.Equal(access.Ids["driver"], log.Json.GetProperty("audit_log")[0].GetProperty("data").GetProperty("decided_by").GetString());
        Assert.True(File.Exists(Path.Combine(owner.Workspace, "a.txt")));
        Assert.True(seconds < 5, $"{seconds} s");
    }

    [Fact]
    public async Task A_session_shared_with_a_team_is_its_members_and_a_lead_who_is_none_any_more_sees_nothing()
    {
        var session = await access.NewSessionAsync();
        var path = "/api/v1/sessions/" + session;

        var before = await SendAsync(access.Clients["mate"], "GET", path);
        var shared = await SendAsync(access.Clients["owner"], "PUT", $"{path}/shares/teams/{access.Team}", """{"role":"driver"}""");
        var during = await SendAsync(access.Clients["mate"], "GET", path);
        var listed = await SendAsync(access.Clients["mate"], "GET", "/api/v1/sessions?scope=shared&limit=1000");
        var wrote = await SendAsync(access.Clients["mate"], "PATCH", path, """{"title":"ours"}""");
        await SendAsync(access.Clients["owner"], "DELETE", $"{path}/shares/teams/{access.Team}");
        var after = await SendAsync(access.Clients["mate"], "GET", path);
        var lead = await SendAsync(access.Clients["lead"], "GET", path);

        Assert.Equal((404, 404), (before.Status, after.Status));
        Assert.Equal((200, "team", "Kernel"), (shared.Status, shared.String("kind"), shared.String("name")));
        Assert.Equal((200, "driver"), (during.Status, during.String("role")));
        Assert.Contains(session, listed.Text, StringComparison.Ordinal);
        Assert.Equal((200, "ours"), (wrote.Status, wrote.String("title")));
        Assert.Equal((200, "lead"), (lead.Status, lead.String("role")));
    }

    [Fact]
    public async Task Two_people_may_use_the_same_message_id_in_one_session()
    {
        var session = await access.NewSessionAsync();
        var message = $$"""{"session_id":"{{session}}","message_id":"m-1","content":"Hello"}""";

        var first = await access.CallAsync("owner", SessionHubNames.SendMessage, message);
        var second = await access.CallAsync("driver", SessionHubNames.SendMessage, message);
        var repeated = await access.CallAsync("driver", SessionHubNames.SendMessage, message);

        Assert.False(first.Duplicate);
        Assert.False(second.Duplicate);
        Assert.NotEqual(first.Seq, second.Seq);
        Assert.Equal((second.Seq, true), (repeated.Seq, repeated.Duplicate));
    }

    private static void AssertReached(string role, Answer answer)
    {
        // The call of the decision is not there: that is told only to those who may decide.
        if (answer.Status == 404)
            Assert.Equal((role, "INVALID_CALL_ID"), (role, answer.Code));
        else
            Assert.InRange(answer.Status, 200, 201);
    }

    private static string Without(Answer answer, string id)
    {
        var json = System.Text.Json.Nodes.JsonNode.Parse(answer.Text)!.AsObject();
        json.Remove("correlation_id");
        return json.ToJsonString().Replace(id, "ID", StringComparison.Ordinal);
    }

    private string Fill(string text, string session) =>
        text.Replace("{id}", session, StringComparison.Ordinal)
            .Replace("{new}", Guid.NewGuid().ToString(), StringComparison.Ordinal)
            .Replace("{other}", access.Ids["other"], StringComparison.Ordinal)
            .Replace("{driver}", access.Ids["driver"], StringComparison.Ordinal);
}

/// <summary>A host with an owner, a driver, a viewer, somebody else, a service for administration, and somebody who was disabled.</summary>
public sealed class AccessServer : IAsyncLifetime
{
    private readonly Dictionary<string, HubConnection> _hubs = new(StringComparer.Ordinal);
    private TurnServer? _server;

    internal TurnServer Server => _server!;

    internal Dictionary<string, HttpClient> Clients { get; } = new(StringComparer.Ordinal);

    internal string Team { get; private set; } = "";

    internal Dictionary<string, string> Ids { get; } = new(StringComparer.Ordinal);

    public async ValueTask InitializeAsync()
    {
        _server = await RestServer.StartAsync();
        _server.Fake.Script("hello", s => s.Text("Hello.").When(userContains: "Hello"));
        Clients["admin"] = await SignInServiceAsync(Server.Host);
        Clients["owner"] = await Server.Host.SignInAsync(cancellationToken: Cancel);
        Clients["anonymous"] = Server.Host.CreateClient();
        foreach (var name in (string[])["driver", "viewer", "other", "lead", "mate", "disabled"])
            (Clients[name], Ids[name]) = await AddUserAsync(Server.Host, Clients["admin"], name);
        await SendAsync(Clients["admin"], "POST", $"/api/v1/admin/users/{Ids["disabled"]}/disable");
        Ids["owner"] = (await SendAsync(Clients["owner"], "GET", "/api/v1/me")).String("id")!;
        // A team of three: who leads it sees the sessions of its members, who is only in it does not.
        Team = (await SendAsync(Clients["admin"], "POST", "/api/v1/admin/teams", """{"name":"Kernel"}""")).String("id")!;
        foreach (var name in (string[])["owner", "lead", "mate"])
        {
            var body = name == "lead" ? """{"is_lead":true}""" : "{}";
            await SendAsync(Clients["admin"], "PUT", $"/api/v1/admin/teams/{Team}/members/{Ids[name]}", body);
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var hub in _hubs.Values)
            await hub.DisposeAsync();
        if (_server is not null)
            await _server.DisposeAsync();
    }

    /// <summary>A session of the owner, shared with driver and viewer.</summary>
    internal async Task<string> NewSessionAsync()
    {
        var id = (await SendAsync(Clients["owner"], "POST", "/api/v1/sessions")).String("id")!;
        await ShareAsync(id);
        return id;
    }

    internal async Task ShareAsync(string session)
    {
        foreach (var role in (string[])["driver", "viewer"])
        {
            var shared = await SendAsync(
                Clients["owner"],
                "PUT",
                $"/api/v1/sessions/{session}/shares/users/{Ids[role]}",
                $$"""{"role":"{{role}}"}"""
            );
            Assert.Equal(200, shared.Status);
        }
    }

    /// <summary>Calls a hub method; the code of the refusal, or null.</summary>
    internal async Task<string?> InvokeAsync(string role, string method, string argument)
    {
        var hub = await HubAsync(role);
        try
        {
            await hub.InvokeAsync(method, JsonElement.Parse(argument), Cancel);
            return null;
        }
        catch (HubException refused)
        {
            var message = refused.Message[
                (refused.Message.IndexOf("HubException: ", StringComparison.Ordinal) is >= 0 and var i ? i + 14 : 0)..
            ];
            return message[..message.IndexOf(':', StringComparison.Ordinal)];
        }
    }

    internal async Task<InputAck> CallAsync(string role, string method, string argument) =>
        await (await HubAsync(role)).InvokeAsync<InputAck>(method, JsonElement.Parse(argument), Cancel);

    /// <summary>A connection of its own.</summary>
    internal async Task<HubConnection> ConnectAsync(string role)
    {
        var token = Clients[role].DefaultRequestHeaders.Authorization is AuthenticationHeaderValue { Parameter: { } value } ? value : "";
        var hub = new HubConnectionBuilder()
            .WithUrl(
                new Uri(Server.Host.BaseAddress, SessionHubNames.Path),
                o => o.AccessTokenProvider = () => Task.FromResult<string?>(token)
            )
            .AddJsonProtocol(json =>
                json.PayloadSerializerOptions = new JsonSerializerOptions(ProtocolJson.Default.Options)
                {
                    TypeInfoResolver = JsonTypeInfoResolver.Combine(ProtocolJson.Default, new DefaultJsonTypeInfoResolver()),
                }
            )
            .Build();
        await hub.StartAsync(Cancel);
        return hub;
    }

    private async Task<HubConnection> HubAsync(string role)
    {
        if (!_hubs.TryGetValue(role, out var hub))
            _hubs[role] = hub = await ConnectAsync(role);
        return hub;
    }
}
