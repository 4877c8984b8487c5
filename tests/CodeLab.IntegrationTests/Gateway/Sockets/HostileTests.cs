using System.Net.WebSockets;
using System.Text;
using Xunit;

namespace CodeLab.IntegrationTests.Gateway.Sockets;

/// <summary>Clients that break the rules are told by close code, and nobody else notices (security.md §7, G7).</summary>
public sealed class HostileTests(SocketServer server) : IClassFixture<SocketServer>
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_binary_frame_closes_with_1003()
    {
        await using var client = await server.OpenAsync();

        await client.Socket.SendAsync(new byte[] { 1, 2, 3 }, WebSocketMessageType.Binary, true, Cancel);

        Assert.Equal(1003, await client.ReadToCloseAsync());
    }

    [Theory]
    [InlineData("22C328FF", null)]
    [InlineData("EDA080", null)]
    [InlineData("F4908080", null)]
    // Cut inside a character that the next fragment does not finish.
    [InlineData("22D0", "22")]
    public async Task Text_that_is_not_UTF_8_ends_the_connection_with_1007(string first, string? second)
    {
        // Often, because a close that is lost to a reset is lost now and then only.
        for (var round = 0; round < 10; round++)
        {
            await using var client = await server.OpenAsync();

            await client.Socket.SendAsync(Convert.FromHexString(first), WebSocketMessageType.Text, second is null, Cancel);
            if (second is not null)
                await client.Socket.SendAsync(Convert.FromHexString(second), WebSocketMessageType.Text, true, Cancel);

            Assert.Equal(1007, await client.ReadToCloseAsync());
        }
    }

    [Fact]
    public async Task A_message_above_10_MiB_closes_with_1009()
    {
        await using var client = await server.OpenAsync();
        var chunk = Encoding.ASCII.GetBytes(new string('x', 1024 * 1024));

        await client.Socket.SendAsync(
            Encoding.ASCII.GetBytes("{\"type\":\"user_message\",\"content\":\""),
            WebSocketMessageType.Text,
            false,
            Cancel
        );
        for (var i = 0; i < 11; i++)
            await client.Socket.SendAsync(chunk, WebSocketMessageType.Text, false, Cancel);

        Assert.Equal(1009, await client.ReadToCloseAsync());
    }

    [Fact]
    public async Task A_message_in_a_thousand_fragments_is_one_message()
    {
        await using var client = await server.OpenAsync();
        var text = Encoding.UTF8.GetBytes("""{"type":"ping","padding":"ЖЖЖЖ"}""");

        for (var i = 0; i < text.Length; i++)
            await client.Socket.SendAsync(text.AsMemory(i, 1), WebSocketMessageType.Text, i == text.Length - 1, Cancel);

        Assert.Equal("pong", (await client.ReadAsync())!.Value.Type());
    }

    [Fact]
    public async Task A_result_of_nine_mebibytes_is_taken()
    {
        await using var client = await server.OpenAsync();
        await client.SayAsync("list");
        var call = await client.ReadToAsync("tool_call");

        await client.SendAsync(
            new
            {
                type = "tool_result",
                call_id = call.Text("call_id"),
                result = new string('x', 9 * 1024 * 1024),
            }
        );

        Assert.Equal("That is all.", (await client.ReadToEndAsync()).Text("content"));
    }
}

/// <summary>A host that keeps its limits.</summary>
public sealed class LimitedServer : SocketServer
{
    internal override (string, string?)[] Settings =>
        [
            ("CodeLab__RateLimits__Enabled", "true"),
            ("CodeLab__RateLimits__ConnectsPerMinute", "7"),
            ("CodeLab__RateLimits__ConnectionsPerUser", "6"),
            ("CodeLab__RateLimits__MessagesPerMinute", "10"),
            ("CodeLab__RateLimits__MessagesBeforeClosing", "30"),
        ];
}

public sealed class LimitTests(LimitedServer server) : IClassFixture<LimitedServer>
{
    [Fact]
    public async Task An_address_gets_five_tickets_a_minute()
    {
        var rest = await server.Host.SignInAsync(cancellationToken: TestContext.Current.CancellationToken);
        var path = new Uri($"/api/v1/sessions/{Guid.NewGuid()}/socket-ticket", UriKind.Relative);

        var statuses = new List<int>();
        for (var i = 0; i < 6; i++)
        {
            using var answer = await rest.PostAsync(path, null, TestContext.Current.CancellationToken);
            statuses.Add((int)answer.StatusCode);
        }

        Assert.Equal([200, 200, 200, 200, 200, 429], statuses);
    }

    [Fact]
    public async Task Messages_are_counted_by_session_and_a_flood_is_closed_then_connections_by_user_and_address()
    {
        await using var flooder = await server.OpenAsync();
        for (var i = 0; i < 40; i++)
            await flooder.SendAsync(new { type = "ping" });
        var error = await flooder.ReadToAsync("error");
        Assert.Equal("RATE_LIMIT_EXCEEDED", error.Text("code"));
        Assert.True(error.GetProperty("retry_after").GetInt32() is > 0 and <= 60);
        Assert.Equal(1008, await flooder.ReadToCloseAsync());
        Assert.Equal(10, flooder.Seen.Count(m => m.Type() == "pong"));

        await flooder.DisposeAsync();
        List<SocketClient> open = [];
        for (var i = 0; i < 6; i++)
        {
            open.Add(await OpenWhenFreeAsync("", 0));
            // A connection counts from its first answer.
            await open[i].SendAsync(new { type = "ping" });
            await open[i].ReadToAsync("pong");
        }
        Assert.Equal(429, (await Assert.ThrowsAsync<RefusedException>(() => server.OpenAsync())).Status);
        await open[0].DisposeAsync();
        await open[1].DisposeAsync();
        // The address has had its connections of this minute; coming back to a session of one's own is not among them.
        Assert.Equal(429, (await Assert.ThrowsAsync<RefusedException>(() => OpenWhenFreeAsync("", 429))).Status);
        await using var resumed = await OpenWhenFreeAsync("resume=1", 0);
        foreach (var client in open)
            await client.DisposeAsync();
    }

    // The server hears of a connection's end a moment later.
    private async Task<SocketClient> OpenWhenFreeAsync(string query, int expected)
    {
        for (var attempt = 0; ; attempt++)
        {
            try
            {
                return await server.OpenAsync(query: query);
            }
            catch (RefusedException refused) when (refused.Status != expected && attempt < 50)
            {
                await Task.Delay(100, TestContext.Current.CancellationToken);
            }
        }
    }
}

/// <summary>A host that admits the released IDE from its own machine.</summary>
public sealed class LegacyServer : SocketServer
{
    internal override (string, string?)[] Settings => [("CodeLab__Gateway__LegacyAnonymousSocket", "Loopback")];
}

public sealed class LegacyTests(LegacyServer server) : IClassFixture<LegacyServer>
{
    [Fact]
    public async Task The_released_ide_needs_no_credentials_on_a_session_that_is_there()
    {
        await using var owner = await server.OpenAsync();
        await owner.SendAsync(new { type = "switch_agent", agent_type = "coder" });
        await owner.ReadToAsync("agent_switched");

        await using var ide = await server.OpenAsync(owner.Session, token: null, headers: [("User-Agent", "Dart/3.9 (dart:io)")]);
        await ide.SayAsync("hello");
        var end = await ide.ReadToEndAsync();

        Assert.Equal("Hello there, nice to see you.", end.Text("content"));
        Assert.Equal("Hello there, nice to see you.", (await owner.ReadToEndAsync()).Text("content"));
    }

    [Fact]
    public async Task An_unknown_session_is_told_and_closed()
    {
        await using var ide = await server.OpenAsync(token: null);

        Assert.Equal("SESSION_NOT_FOUND", (await ide.ReadToAsync("error")).Text("code"));
        Assert.Equal(1008, await ide.ReadToCloseAsync());
    }
}
