using CodeLab.FakeLlm;
using CodeLab.Testing.Databases;
using CodeLab.Testing.Servers;
using Npgsql;
using Xunit;

namespace CodeLab.IntegrationTests.Gateway.Sockets;

/// <summary>Two hosts on one PostgreSQL and one Redis, a client at each, one session.</summary>
public sealed class TwoNodeTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Clients_of_two_nodes_work_in_one_session_and_the_survivor_goes_on_alone()
    {
        var redis = await RedisServer.Shared;
        Assert.SkipWhen(redis is null, "No Redis on this machine");
        await using var data = await TestDatabase.CreateAsync(DatabaseKind.PostgreSql);
        await using var fake = await FakeLlmServer.StartAsync(cancellationToken: Cancel);
        fake.Script("write", s => s.ToolCall("write_file", new { path = "a.txt", content = "x" }).Then().Text("Understood."));
        foreach (var name in (string[])["hello", "hello-2", "hello-3"])
            fake.Script(name, s => s.Text("Hello there, nice to see you.").DeltaSize(4));
        var options = new CodeLabServerOptions { DataDirectory = data.DataDirectory }.With([
            .. data.Environment,
            ("OPENAI_API_KEY", "test"),
            ("OPENAI_BASE_URL", fake.OpenAiBaseUrl),
            ("CodeLab__Llm__Ollama__Probe", "false"),
            ("CodeLab__Agent__LeaseSeconds", "3"),
            ("ConnectionStrings__Redis", redis.ConnectionString),
            ("CodeLab__Cluster__Name", "two-nodes-" + Guid.NewGuid().ToString("N")[..8]),
        ]);
        await using var first = await CodeLabServer.StartAsync(options, Cancel);
        await using var second = await CodeLabServer.StartAsync(options, Cancel);
        var token = await first.GetTokenAsync(cancellationToken: Cancel);
        var session = Guid.NewGuid().ToString();
        await using var here = await SocketClient.OpenAsync(first, session, "", token, "", null, []);
        await here.SayAsync("hello");
        await here.ReadToEndAsync();
        await using var there = await SocketClient.OpenAsync(second, session, "", token, "", null, []);
        await there.SendAsync(new { type = "ping" });
        await there.ReadToAsync("pong");

        // Said at one node, streamed to both; the newest client runs the tools, at the other node.
        await here.SayAsync("write");
        var call = await there.ReadToAsync("tool_call");
        await there.SendAsync(
            new
            {
                type = "hitl_decision",
                call_id = call.Text("call_id"),
                decision = "approve",
            }
        );
        var run = await there.ReadToAsync("tool_call");
        await there.SendAsync(
            new
            {
                type = "tool_result",
                call_id = run.Text("call_id"),
                result = new { success = true },
            }
        );
        Assert.Equal("Understood.", (await there.ReadToEndAsync()).Text("content"));
        Assert.Equal("Understood.", (await here.ReadToEndAsync()).Text("content"));
        await there.SayAsync("hello-2");
        Assert.Equal("Hello there, nice to see you.", (await there.ReadToEndAsync()).Text("content"));
        Assert.Equal("Hello there, nice to see you.", (await here.ReadToEndAsync()).Text("content"));

        await first.KillAsync();
        // The other node finds out by silence, and its client comes back and goes on.
        Assert.Equal(1001, await there.ReadToCloseAsync());
        await LeaseEndsAsync(data, session);
        await using var again = await SocketClient.OpenAsync(second, session, "resume=1", token, "", null, []);
        await again.SayAsync("hello-3");
        Assert.Equal("Hello there, nice to see you.", (await again.ReadToEndAsync()).Text("content"));
    }

    /// <summary>Waits in the database, by its clock, until the lease of the dead node has run out.</summary>
    private static async Task LeaseEndsAsync(TestDatabase data, string session)
    {
        await using var connection = new NpgsqlConnection(data.ConnectionString);
        await connection.OpenAsync(Cancel);
        await using var command = new NpgsqlCommand(
            "SELECT pg_sleep_until(expires_at) FROM agent_leases WHERE session_id = @session AND holder IS NOT NULL",
            connection
        );
        command.Parameters.AddWithValue("session", session);
        await command.ExecuteNonQueryAsync(Cancel);
    }
}
