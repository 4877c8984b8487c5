using System.Text.Json;
using CodeLab.Testing.Databases;
using Xunit;
using static CodeLab.IntegrationTests.Gateway.Rest.RestServer;

namespace CodeLab.IntegrationTests.Gateway.Rest;

/// <summary>protocol.md §3.3 and §10.2, a test a row.</summary>
public sealed class AgentAndEventRouteTests(RestServer rest) : IClassFixture<RestServer>
{
    private readonly RestServer _rest = rest;

    [Fact]
    public async Task Agents_are_an_object_or_a_bare_array()
    {
        var list = await SendAsync(_rest.Ada, "GET", "/api/v1/agents/");
        var array = await SendAsync(_rest.Ada, "GET", "/api/v1/agents?format=array");

        Assert.Equal((200, 5), (list.Status, list.Number("total")));
        Assert.Equal(5, array.Json.GetArrayLength());
        foreach (var agent in list.Json.GetProperty("agents").EnumerateArray().Concat(array.Json.EnumerateArray()))
        {
            foreach (var name in (string[])["type", "name", "emoji", "description"])
                Assert.NotEqual("", agent.GetProperty(name).GetString());
            foreach (var name in (string[])["allowed_tools", "tools", "file_restrictions", "capabilities", "restrictions"])
                Assert.Equal(JsonValueKind.Array, agent.GetProperty(name).ValueKind);
            Assert.Equal(
                agent.GetProperty("file_restrictions").GetArrayLength() > 0,
                agent.GetProperty("has_file_restrictions").GetBoolean()
            );
        }
    }

    [Fact]
    public async Task The_current_agent_has_every_published_member()
    {
        var current = await SendAsync(_rest.Ada, "GET", $"/api/v1/agents/{_rest.Session}/current");

        Assert.Equal((200, "coder", "orchestrator"), (current.Status, current.String("current_agent"), current.String("previous_agent")));
        Assert.Equal(1, current.Number("switch_count"));
        var badge = current.Json.GetProperty("current_agent_info");
        foreach (var name in (string[])["type", "name", "emoji", "switched_at"])
            Assert.Equal(JsonValueKind.String, badge.GetProperty(name).ValueKind);
        Assert.Equal("coder", current.Json.GetProperty("agent_history")[0].GetProperty("to").GetString());
        Assert.Equal("coder", current.Json.GetProperty("switch_history")[0].GetProperty("to_agent").GetString());
        var context = current.Json.GetProperty("context");
        Assert.Equal(_rest.Session, context.GetProperty("session_id").GetString());
        Assert.Equal("coder", context.GetProperty("current_agent").GetString());
        foreach (var name in (string[])["id", "last_switch_at", "created_at"])
            Assert.Equal(JsonValueKind.String, context.GetProperty(name).ValueKind);
    }

    [Theory]
    [InlineData("""{"agent_type":"architect","reason":"Design first"}""", "architect", "Design first")]
    [InlineData("""{"target_agent":"debug","confidence":"high"}""", "debug", "User requested agent switch")]
    [InlineData("""{"agent_type":"CODE"}""", "coder", "User requested agent switch")]
    public async Task An_agent_is_switched_under_both_names(string body, string to, string reason)
    {
        var id = (await SendAsync(_rest.Ada, "POST", "/api/v1/sessions")).String("id");

        var switched = await SendAsync(_rest.Ada, "POST", $"/api/v1/agents/{id}/switch", body);

        Assert.Equal((200, id), (switched.Status, switched.String("session_id")));
        Assert.Equal(("orchestrator", to), (switched.String("switched_from"), switched.String("switched_to")));
        Assert.Equal(("orchestrator", to), (switched.String("from_agent"), switched.String("to_agent")));
        Assert.Equal(reason, switched.String("reason"));
        Assert.EndsWith("Z", switched.String("timestamp"), StringComparison.Ordinal);
        Assert.Equal(to, (await SendAsync(_rest.Ada, "GET", $"/api/v1/agents/{id}/current")).String("current_agent"));
    }

    [Theory]
    [InlineData("""{"agent_type":"poet"}""", "INVALID_MESSAGE")]
    [InlineData("{}", "MISSING_FIELD")]
    public async Task A_switch_to_nobody_is_400(string body, string code)
    {
        var id = (await SendAsync(_rest.Ada, "POST", "/api/v1/sessions")).String("id");

        var refused = await SendAsync(_rest.Ada, "POST", $"/api/v1/agents/{id}/switch", body);

        Assert.Equal((400, code), (refused.Status, refused.Code));
    }

    [Fact]
    public async Task Session_metrics_have_every_number_the_benchmark_reads()
    {
        var metrics = await SendAsync(_rest.Ada, "GET", $"/api/v1/events/metrics/session/{_rest.Session}");

        Assert.Equal((200, _rest.Session), (metrics.Status, metrics.String("session_id")));
        var requests = metrics.Json.GetProperty("requests").EnumerateArray().ToList();
        // Five answers of the first turn, the one that failed, and the one whose call waits.
        Assert.Equal(7, requests.Count);
        foreach (
            var name in (string[])
                [
                    "total_requests",
                    "successful_requests",
                    "failed_requests",
                    "total_prompt_tokens",
                    "total_completion_tokens",
                    "total_tokens",
                    "requests_with_tools",
                ]
        )
            Assert.True(metrics.Json.GetProperty(name).TryGetInt64(out _), name);
        foreach (var name in (string[])["total_duration_ms", "average_duration_ms", "average_tokens_per_request"])
            Assert.Equal(JsonValueKind.Number, metrics.Json.GetProperty(name).ValueKind);
        Assert.Equal(
            (7, 6, 1),
            (metrics.Number("total_requests"), metrics.Number("successful_requests"), metrics.Number("failed_requests"))
        );
        Assert.Equal(5, metrics.Number("requests_with_tools"));
        Assert.Equal(requests.Sum(r => r.GetProperty("total_tokens").GetInt64()), metrics.Number("total_tokens"));
        Assert.True(metrics.Number("total_tokens") > 0);
        foreach (var request in requests)
        {
            Assert.Equal(JsonValueKind.String, request.GetProperty("model").ValueKind);
            Assert.True(request.GetProperty("duration_ms").GetDouble() >= 0);
            Assert.Equal(JsonValueKind.Number, request.GetProperty("prompt_tokens").ValueKind);
            Assert.Equal(JsonValueKind.Number, request.GetProperty("completion_tokens").ValueKind);
            Assert.Equal(!request.GetProperty("success").GetBoolean(), request.TryGetProperty("error", out _));
        }
    }

    [Theory]
    [InlineData("no-such-session")]
    [InlineData(null)]
    public async Task A_session_without_model_calls_has_no_metrics(string? id)
    {
        id ??= (await SendAsync(_rest.Ada, "POST", "/api/v1/sessions")).String("id");

        var metrics = await SendAsync(_rest.Ada, "GET", "/api/v1/events/metrics/session/" + id);

        Assert.Equal((404, "METRICS_NOT_FOUND"), (metrics.Status, metrics.Code));
        Assert.Equal($"No metrics found for session {id}", metrics.String("message"));
    }

    [Fact]
    public async Task All_sessions_metrics_are_listed_for_administrators()
    {
        var metrics = await SendAsync(_rest.Admin, "GET", "/api/v1/events/metrics/sessions");

        Assert.Equal(200, metrics.Status);
        Assert.Equal(metrics.Json.GetProperty("sessions").GetArrayLength(), metrics.Number("count"));
        Assert.Contains(
            metrics.Json.GetProperty("sessions").EnumerateArray(),
            s => s.GetProperty("session_id").GetString() == _rest.Session
        );
    }

    [Fact]
    public async Task The_report_counts_switches_agents_tools_decisions_and_errors()
    {
        var report = await SendAsync(_rest.Admin, "GET", "/api/v1/events/metrics");

        Assert.Equal(200, report.Status);
        var metrics = report.Json.GetProperty("metrics");
        Assert.True(metrics.GetProperty("agent_switches").GetProperty("orchestrator_to_coder").GetInt64() >= 1);
        var coder = metrics.GetProperty("agent_processing").GetProperty("coder");
        Assert.True(coder.GetProperty("count").GetInt64() >= 7);
        Assert.Equal(
            coder.GetProperty("count").GetInt64(),
            coder.GetProperty("success_count").GetInt64() + coder.GetProperty("failure_count").GetInt64()
        );
        Assert.True(coder.GetProperty("total_duration_ms").TryGetInt64(out _));
        var write = metrics.GetProperty("tool_executions").GetProperty("write_file");
        Assert.Equal(
            (4, 2, 0, 4),
            (
                write.GetProperty("requested").GetInt64(),
                write.GetProperty("completed").GetInt64(),
                write.GetProperty("failed").GetInt64(),
                write.GetProperty("requires_approval").GetInt64()
            )
        );
        var decisions = metrics.GetProperty("hitl_decisions").GetProperty("write_file");
        Assert.Equal(
            (1, 1, 1),
            (
                decisions.GetProperty("APPROVE").GetInt64(),
                decisions.GetProperty("EDIT").GetInt64(),
                decisions.GetProperty("REJECT").GetInt64()
            )
        );
        Assert.Contains(metrics.GetProperty("errors").GetProperty("coder").EnumerateObject(), e => e.Value.GetInt64() >= 1);
        Assert.Equal(1.0, report.Json.GetProperty("computed").GetProperty("write_file_success_rate").GetDouble());
        Assert.True(report.Json.GetProperty("computed").TryGetProperty("coder_avg_duration_ms", out _));
        Assert.EndsWith("Z", report.String("timestamp"), StringComparison.Ordinal);
        // Asked again it says the same: nothing is counted twice.
        var again = await SendAsync(_rest.Admin, "GET", "/api/v1/events/metrics");
        Assert.Equal(
            write.GetRawText(),
            again.Json.GetProperty("metrics").GetProperty("tool_executions").GetProperty("write_file").GetRawText()
        );
    }

    [Theory]
    [InlineData("agent_switched", 1)]
    [InlineData("agent.switched", 1)]
    [InlineData("hitl_decision_made", 3)]
    [InlineData("agent_error", 1)]
    [InlineData("tool_execution_failed", 1)]
    [InlineData("tool_approval_required", 4)]
    public async Task The_audit_log_has_every_published_kind(string type, int count)
    {
        var log = await SendAsync(_rest.Ada, "GET", $"/api/v1/events/audit-log?session_id={_rest.Session}&event_type={type}");

        Assert.Equal((200, count), (log.Status, log.Number("count")));
        foreach (var entry in log.Json.GetProperty("audit_log").EnumerateArray())
        {
            Assert.Equal(type.Replace('.', '_'), entry.GetProperty("event_type").GetString());
            Assert.Equal(_rest.Session, entry.GetProperty("session_id").GetString());
            Assert.True(Guid.TryParseExact(entry.GetProperty("event_id").GetString(), "D", out _));
            foreach (var name in (string[])["timestamp", "correlation_id", "event_category", "source", "version"])
                Assert.Equal(JsonValueKind.String, entry.GetProperty(name).ValueKind);
            Assert.DoesNotContain("not this one", entry.GetRawText(), StringComparison.Ordinal);
        }
        var filters = log.Json.GetProperty("filters");
        Assert.Equal((type, 100), (filters.GetProperty("event_type").GetString(), filters.GetProperty("limit").GetInt32()));
    }

    [Fact]
    public async Task The_audit_log_of_all_sessions_is_newest_first_and_for_administrators()
    {
        var log = await SendAsync(_rest.Admin, "GET", "/api/v1/events/audit-log?limit=5");
        var refused = await SendAsync(_rest.Ada, "GET", "/api/v1/events/audit-log");

        Assert.Equal((200, 5), (log.Status, log.Number("count")));
        var times = log.Json.GetProperty("audit_log").EnumerateArray().Select(e => e.GetProperty("timestamp").GetString()).ToList();
        Assert.Equal(times.OrderDescending(StringComparer.Ordinal), times);
        Assert.Equal((403, "PERMISSION_DENIED"), (refused.Status, refused.Code));
    }

    [Fact]
    public async Task Stats_count_every_event()
    {
        var stats = await SendAsync(_rest.Admin, "GET", "/api/v1/events/stats");

        Assert.Equal((200, 0), (stats.Status, stats.Number("failed_handlers")));
        Assert.Equal(stats.Number("total_published"), stats.Number("successful_handlers"));
        Assert.True(stats.Number("total_published") > 30);
        Assert.Equal(1, stats.Json.GetProperty("success_rate").GetDouble());
        Assert.EndsWith("Z", stats.String("last_event_time"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/api/v1/events/metrics/sessions")]
    [InlineData("/api/v1/events/metrics")]
    [InlineData("/api/v1/events/stats")]
    public async Task Figures_of_all_sessions_are_for_administrators(string path)
    {
        var refused = await SendAsync(_rest.Ada, "GET", path);
        var anonymous = await SendAsync(_rest.Stranger, "GET", path);

        Assert.Equal((403, "PERMISSION_DENIED"), (refused.Status, refused.Code));
        Assert.Equal(401, anonymous.Status);
    }

    [Theory]
    [InlineData(DatabaseKind.Sqlite)]
    [InlineData(DatabaseKind.PostgreSql)]
    public async Task Figures_survive_a_kill_and_are_there_before_the_final_frame(DatabaseKind database)
    {
        await using var server = await StartAsync(database);
        var (ada, _) = await LiveAsync(server);
        await using var developer = ada;
        var admin = await SignInServiceAsync(server.Host);
        var client = await server.Host.SignInAsync(cancellationToken: Cancel);
        server.Fake.Reply(s => s.Text("Yes."));
        await using var second = await Turns.Developer.SitDownAsync(server.Host);
        await second.SayAsync("Are you there?");
        await second.HearsTheEndAsync();
        var atTheEnd = await SendAsync(client, "GET", "/api/v1/events/metrics/session/" + second.SessionId);
        Assert.Equal((200, 1), (atTheEnd.Status, atTheEnd.Number("total_requests")));
        string[] paths =
        [
            "/api/v1/events/metrics/session/" + second.SessionId,
            "/api/v1/events/metrics",
            "/api/v1/events/metrics/sessions",
            "/api/v1/events/audit-log",
            "/api/v1/events/stats",
        ];
        var before = new List<string>();
        foreach (var path in paths)
            before.Add(Steady(await SendAsync(admin, "GET", path)));

        await server.Host.KillAsync();
        await server.Host.RestartAsync(Cancel);

        for (var i = 0; i < paths.Length; i++)
            Assert.Equal(before[i], Steady(await SendAsync(admin, "GET", paths[i])));
    }

    /// <summary>What must be the same at another time: all but the time itself, and who is attached, which is an event of its own.</summary>
    private static string Steady(Answer answer)
    {
        Assert.Equal(200, answer.Status);
        var json = System.Text.Json.Nodes.JsonNode.Parse(answer.Text)!.AsObject();
        foreach (var name in (string[])["timestamp", "total_published", "successful_handlers", "last_event_time"])
            json.Remove(name);
        return json.ToJsonString();
    }
}
