using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using CodeLab.Client.Approvals;
using CodeLab.Client.Rest;
using CodeLab.Protocol;
using CodeLab.Protocol.Frames;
using CodeLab.Testing.Databases;
using CodeLab.Testing.Servers;
using Xunit;

namespace CodeLab.IntegrationTests.Turns;

/// <summary>Rules, second persons, remembered decisions and levels through the real host.</summary>
public sealed class TeamApprovalTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory, MemberData(nameof(DatabaseKinds.All), MemberType = typeof(DatabaseKinds))]
    public async Task What_was_asked_before_a_restart_is_answered_once_by_a_second_person_afterwards(DatabaseKind database)
    {
        await using var server = await StartAsync(database);
        var host = server.Host;
        var tool = await AdminToolAsync(host);
        await CreateBobAsync(tool);
        var rule = await CreateRuleAsync(
            tool,
            """{"level":"organisation","effect":"second_person","approver_role":"admin","note":"Four eyes","when":{"tools":["write_file"]}}"""
        );
        server.Fake.Reply(s => s.ToolCall("write_file", new { path = "a.txt", content = "x" }).Then().Text("Done."));
        await using var bob = await Developer.SitDownAsync(host, approvals: ApprovalMode.Ask, username: "bob");
        await bob.SayAsync("Write a.txt");
        var question = await bob.HearsQuestionAsync();
        Assert.Equal((rule, "admin"), (question.RuleId, question.ApproverRole));
        var refused = await Assert.ThrowsAsync<ServerException>(() => bob.DecideAsync(question.CallId, "approve"));
        Assert.Equal("SECOND_PERSON_REQUIRED", refused.Code);

        await host.KillAsync();
        await host.RestartAsync(Cancel);
        var ada = await host.SignInAsync(cancellationToken: Cancel);
        // Bob's session is shared with her; from then on she is entitled.
        Assert.Equal(HttpStatusCode.NotFound, await ApproveAsync(ada, bob.SessionId, question.CallId));
        using (
            var shared = await (await host.SignInAsync("bob", CodeLabServer.AdminPassword, Cancel)).PutAsync(
                new Uri($"/api/v1/sessions/{bob.SessionId}/shares/users/{SubjectOf(ada)}", UriKind.Relative),
                Json("""{"role":"driver"}"""),
                Cancel
            )
        )
            Assert.Equal(HttpStatusCode.OK, shared.StatusCode);
        var queue = await ada.GetAsync("/api/v1/approvals", ProtocolJson.Default.ApprovalQueue, Cancel);
        Assert.Equal((bob.SessionId, question.CallId), (queue.Approvals.Single().SessionId, queue.Approvals.Single().CallId));
        var answers = await Task.WhenAll(Enumerable.Range(0, 5).Select(_ => ApproveAsync(ada, bob.SessionId, question.CallId)));
        await bob.HearsTheEndAsync();

        Assert.Equal(1, answers.Count(a => a == HttpStatusCode.OK));
        Assert.Equal(4, answers.Count(a => a == HttpStatusCode.Conflict));
        Assert.Equal("x", await File.ReadAllTextAsync(Path.Combine(bob.Workspace, "a.txt"), Cancel));
        var run = Assert.Single(bob.Durable.OfType<ToolCallFrame>(), f => !f.RequiresApproval);
        Assert.StartsWith("person:", run.AllowedBy, StringComparison.Ordinal);
        var bobs = await host.SignInAsync("bob", CodeLabServer.AdminPassword, Cancel);
        var history = await bobs.GetAsync($"/api/v1/sessions/{bob.SessionId}/history", ProtocolJson.Default.SessionHistory, Cancel);
        Assert.Equal(run.AllowedBy, history.Messages.SelectMany(m => m.ToolCalls ?? []).Single().AllowedBy);
        // The audit names rule, person and door.
        tool = await AdminToolAsync(host);
        var audit = await tool.GetStringAsync(new Uri("/api/v1/admin/audit?limit=200", UriKind.Relative), Cancel);
        using var rows = JsonDocument.Parse(audit);
        var approved = Find(rows.RootElement, "approval.approved");
        var text = Assert.Single(approved);
        Assert.Contains(rule, text, StringComparison.Ordinal);
        Assert.Contains(run.AllowedBy!["person:".Length..], text, StringComparison.Ordinal);
        Assert.Contains("rest", text, StringComparison.Ordinal);
        Assert.Single(Find(rows.RootElement, "approval.requested"));
    }

    [Fact]
    public async Task Somebody_who_is_neither_owner_nor_lead_can_not_decide_and_sees_nothing()
    {
        await using var server = await StartAsync(DatabaseKind.Sqlite);
        await CreateBobAsync(await AdminToolAsync(server.Host));
        server.Fake.Reply(s => s.ToolCall("write_file", new { path = "a.txt", content = "x" }).Then().Text("Done."));
        await using var ada = await Developer.SitDownAsync(server.Host, approvals: ApprovalMode.Ask);
        await ada.SayAsync("Write a.txt");
        var question = await ada.HearsQuestionAsync();

        var bob = await server.Host.SignInAsync("bob", CodeLabServer.AdminPassword, Cancel);

        Assert.Equal(HttpStatusCode.NotFound, await ApproveAsync(bob, ada.SessionId, question.CallId));
        Assert.Empty((await bob.GetAsync("/api/v1/approvals", ProtocolJson.Default.ApprovalQueue, Cancel)).Approvals);
    }

    [Theory, MemberData(nameof(DatabaseKinds.All), MemberType = typeof(DatabaseKinds))]
    public async Task A_decision_remembered_for_the_user_holds_in_the_next_session_until_it_is_revoked(DatabaseKind database)
    {
        await using var server = await StartAsync(database);
        server.Fake.Reply(s => s.ToolCall("write_file", new { path = "a.txt", content = "x" }).Then().Text("Done."));
        await using (var first = await Developer.SitDownAsync(server.Host, approvals: ApprovalMode.Ask))
        {
            await first.SayAsync("Write");
            await first.Client.DecideAsync(
                (await first.HearsQuestionAsync()).CallId,
                "approve",
                remember: true,
                rememberScope: "user",
                cancellationToken: Cancel
            );
            await first.HearsTheEndAsync();
        }
        var rest = await server.Host.SignInAsync(cancellationToken: Cancel);
        var remembered = Assert.Single(
            (await rest.GetAsync("/api/v1/approvals/rules", ProtocolJson.Default.RememberedDecisionList, Cancel)).Rules
        );
        Assert.Equal(("user", "write_file"), (remembered.Scope, remembered.ToolName));

        server.Fake.Reply(s => s.ToolCall("write_file", new { path = "a.txt", content = "x" }).Then().Text("Done."));
        await using (var second = await Developer.SitDownAsync(server.Host, approvals: ApprovalMode.Ask))
        {
            await second.SayAsync("Write");
            await second.HearsTheEndAsync();
            Assert.Equal($"remembered:{remembered.Id}", Assert.Single(second.Durable.OfType<ToolCallFrame>()).AllowedBy);
        }
        using var revoked = await rest.DeleteAsync(new Uri($"/api/v1/approvals/rules/{remembered.Id}", UriKind.Relative), Cancel);
        Assert.Equal(HttpStatusCode.NoContent, revoked.StatusCode);

        server.Fake.Reply(s => s.ToolCall("write_file", new { path = "a.txt", content = "x" }).Then().Text("Done."));
        await using var third = await Developer.SitDownAsync(server.Host, approvals: ApprovalMode.Ask);
        await third.SayAsync("Write");
        Assert.True((await third.HearsQuestionAsync()).RequiresApproval);
    }

    [Fact]
    public async Task A_decision_remembered_for_a_session_is_listed_and_revoked()
    {
        await using var server = await StartAsync(DatabaseKind.Sqlite);
        server.Fake.Reply(s =>
            s.ToolCall("write_file", new { path = "a.txt", content = "x" })
                .Then()
                .Text("Done.")
                .Then()
                .ToolCall("write_file", new { path = "b.txt", content = "x" })
                .Then()
                .Text("Done.")
        );
        await using var ada = await Developer.SitDownAsync(server.Host, approvals: ApprovalMode.Ask);
        await ada.SayAsync("Write");
        await ada.DecideAsync((await ada.HearsQuestionAsync()).CallId, "approve", remember: true);
        await ada.HearsTheEndAsync();
        var rest = await server.Host.SignInAsync(cancellationToken: Cancel);
        var remembered = Assert.Single(
            (await rest.GetAsync("/api/v1/approvals/rules", ProtocolJson.Default.RememberedDecisionList, Cancel)).Rules
        );
        Assert.Equal(ada.SessionId, remembered.SessionId);

        using var revoked = await rest.DeleteAsync(new Uri($"/api/v1/approvals/rules/{remembered.Id}", UriKind.Relative), Cancel);
        await ada.SayAsync("Again");

        await ada.HearsAsync<ToolCallFrame>(f => f.RequiresApproval && f.Arguments.GetProperty("path").GetString() == "b.txt");
    }

    [Fact]
    public async Task A_rule_is_tried_against_past_calls_before_it_is_saved()
    {
        await using var server = await StartAsync(DatabaseKind.Sqlite);
        server.Fake.Reply(s =>
            s.ToolCall("write_file", new { path = "docs/a.md", content = "x" })
                .Then()
                .ToolCall("write_file", new { path = "src/a.cs", content = "x" })
                .Then()
                .Text("Done.")
        );
        await using var ada = await Developer.SitDownAsync(server.Host);
        await ada.SayAsync("Write");
        await ada.HearsTheEndAsync();
        var tool = await AdminToolAsync(server.Host);
        const string Rule = """{"level":"organisation","effect":"allow","when":{"tools":["kind:write"],"paths":["docs/**"]}}""";

        using var body = new StringContent($$"""{"rule":{{Rule}}}""", Encoding.UTF8, "application/json");
        using var tried = await tool.PostAsync(new Uri("/api/v1/admin/policies/try", UriKind.Relative), body, Cancel);
        var answer = await tried.ReadAsync(ProtocolJson.Default.TryPolicyAnswer, Cancel);

        Assert.Equal((2, 1), (answer.Examined, answer.Matched));
        var changed = Assert.Single(answer.Changed);
        Assert.Equal(("docs/a.md", "ask", "allow"), (changed.Summary, changed.Before, changed.After));
        Assert.Empty((await tool.GetAsync("/api/v1/admin/policies", ProtocolJson.Default.PolicyRuleList, Cancel)).Rules);
    }

    [Fact]
    public async Task Rules_are_written_changed_and_deleted_by_administrators_only()
    {
        await using var server = await StartAsync(DatabaseKind.Sqlite);
        var tool = await AdminToolAsync(server.Host);
        var id = await CreateRuleAsync(tool, """{"level":"organisation","effect":"deny","when":{"commands":["curl **"]}}""");

        using var changed = await tool.PutAsync(
            new Uri($"/api/v1/admin/policies/{id}", UriKind.Relative),
            Json("""{"level":"organisation","effect":"ask"}"""),
            Cancel
        );
        using var broken = await tool.PostAsync(
            new Uri("/api/v1/admin/policies", UriKind.Relative),
            Json("""{"level":"galaxy"}"""),
            Cancel
        );
        var user = await server.Host.SignInAsync(cancellationToken: Cancel);
        using var foreign = await user.GetAsync(new Uri("/api/v1/admin/policies", UriKind.Relative), Cancel);
        using var deleted = await tool.DeleteAsync(new Uri($"/api/v1/admin/policies/{id}", UriKind.Relative), Cancel);
        using var again = await tool.DeleteAsync(new Uri($"/api/v1/admin/policies/{id}", UriKind.Relative), Cancel);

        Assert.Equal("ask", (await changed.ReadAsync(ProtocolJson.Default.PolicyRuleInfo, Cancel)).Rule.Effect);
        Assert.Equal("INVALID_RULE", (await broken.ReadErrorAsync(Cancel)).ErrorCode);
        Assert.Equal(HttpStatusCode.Forbidden, foreign.StatusCode);
        Assert.Equal((HttpStatusCode.NoContent, HttpStatusCode.NotFound), (deleted.StatusCode, again.StatusCode));
    }

    [Fact]
    public async Task A_level_is_chosen_for_all_sessions_or_for_one_and_never_above_the_ceiling()
    {
        await using var server = await StartAsync(DatabaseKind.Sqlite, ("CodeLab__Agent__AutonomyCeiling", "balanced"));
        server.Fake.Reply(s => s.ToolCall("read_file", new { path = "README.md" }).Then().Text("Done."));
        await using var ada = await Developer.SitDownAsync(server.Host, approvals: ApprovalMode.Ask);
        var rest = await server.Host.SignInAsync(cancellationToken: Cancel);
        async Task<string> PutAsync(string body)
        {
            using var answer = await rest.PutAsync(new Uri("/api/v1/settings/autonomy", UriKind.Relative), Json(body), Cancel);
            var setting = await answer.ReadAsync(ProtocolJson.Default.AutonomySetting, Cancel);
            return $"{setting.Level} {setting.Source}";
        }

        Assert.Equal("balanced user", await PutAsync("""{"level":"permissive"}"""));
        Assert.Equal("paranoid session", await PutAsync($$"""{"level":"strict","session_id":"{{ada.SessionId}}"}"""));
        var own = await rest.GetAsync("/api/v1/settings/autonomy", ProtocolJson.Default.AutonomySetting, Cancel);
        Assert.Equal(("balanced", "user"), (own.Level, own.Source));
        await ada.SayAsync("Read");

        Assert.Equal("read_file", (await ada.HearsQuestionAsync()).ToolName);
    }

    private static Task<TurnServer> StartAsync(DatabaseKind database, params (string Name, string? Value)[] settings) =>
        TurnServer.StartAsync(
            database,
            settings:
            [
                ("CodeLab__Auth__Clients__0__ClientId", "admin-tool"),
                ("CodeLab__Auth__Clients__0__ClientSecret", "a-secret-of-thirty-two-characters!"),
                ("CodeLab__Auth__Clients__0__Grants__0", "client_credentials"),
                ("CodeLab__Auth__Clients__0__Scopes__0", "api:admin"),
                .. settings,
            ]
        );

    private static async Task<HttpClient> AdminToolAsync(CodeLabServer server)
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
        using var token = JsonDocument.Parse(await answer.Content.ReadAsStringAsync(Cancel));
        admin.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue(
            "Bearer",
            token.RootElement.GetProperty("access_token").GetString()
        );
        return admin;
    }

    private static async Task CreateBobAsync(HttpClient admin)
    {
        using var created = await admin.PostAsync(
            new Uri("/api/v1/admin/users", UriKind.Relative),
            Json($$"""{"username":"bob","email":"bob@example.org","password":"{{CodeLabServer.AdminPassword}}","roles":["developer"]}"""),
            Cancel
        );
        Assert.Equal(HttpStatusCode.Created, created.StatusCode);
    }

    private static async Task<string> CreateRuleAsync(HttpClient admin, string rule)
    {
        using var created = await admin.PostAsync(new Uri("/api/v1/admin/policies", UriKind.Relative), Json(rule), Cancel);
        Assert.Equal(HttpStatusCode.Created, created.StatusCode);
        return (await created.ReadAsync(ProtocolJson.Default.PolicyRuleInfo, Cancel)).Id;
    }

    private static async Task<HttpStatusCode> ApproveAsync(HttpClient client, string sessionId, string callId)
    {
        while (true)
        {
            using var answer = await client.PostAsync(
                new Uri($"/api/v1/sessions/{sessionId}/hitl-decision", UriKind.Relative),
                Json($$"""{"call_id":"{{callId}}","decision":"approve"}"""),
                Cancel
            );
            // On PostgreSQL the killed host's lease has to run out first.
            if (answer.StatusCode != HttpStatusCode.ServiceUnavailable)
                return answer.StatusCode;
            await Task.Delay(200, Cancel);
        }
    }

    /// <summary>User id of who is signed in.</summary>
    private static string SubjectOf(HttpClient client)
    {
        var payload = client.DefaultRequestHeaders.Authorization!.Parameter!.Split('.')[1];
        using var claims = JsonDocument.Parse(System.Buffers.Text.Base64Url.DecodeFromChars(payload));
        return claims.RootElement.GetProperty("sub").GetString()!;
    }

    private static StringContent Json(string text) => new(text, Encoding.UTF8, "application/json");

    /// <summary>Rows of the audit with this type, wherever the list stands in the answer.</summary>
    private static List<string> Find(JsonElement value, string type)
    {
        var found = new List<string>();
        if (
            value.ValueKind == JsonValueKind.Object
            && value.EnumerateObject().Any(m => m.Value.ValueKind == JsonValueKind.String && m.Value.GetString() == type)
        )
            found.Add(value.GetRawText());
        else if (value.ValueKind == JsonValueKind.Object)
            found.AddRange(value.EnumerateObject().SelectMany(m => Find(m.Value, type)));
        else if (value.ValueKind == JsonValueKind.Array)
            found.AddRange(value.EnumerateArray().SelectMany(v => Find(v, type)));
        return found;
    }
}
