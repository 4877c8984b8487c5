using System.Diagnostics;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using Xunit;

namespace CodeLab.IntegrationTests.Gateway.Sockets;

/// <summary>A host whose tokens and pings are short-lived.</summary>
public sealed class HastyServer : SocketServer
{
    internal override (string, string?)[] Settings =>
        [
            ("CodeLab__Auth__AccessTokenSeconds", "6"),
            ("CodeLab__Gateway__ExpiryGraceSeconds", "4"),
            ("CodeLab__Gateway__PingSeconds", "1"),
            ("CodeLab__Gateway__PongSeconds", "2"),
        ];
}

/// <summary>What the end of a token means for a live connection, and how one ends whose other side is gone (security.md §7.2, §7.7).</summary>
public sealed class ExpiryTests(HastyServer server, ITestOutputHelper output) : IClassFixture<HastyServer>
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(null, 4001)]
    [InlineData("codelab.v2", 4401)]
    public async Task After_the_end_of_its_token_a_socket_takes_results_only_and_then_closes(string? protocol, int code)
    {
        var token = await server.Host.GetTokenAsync(cancellationToken: Cancel);
        var session = Guid.NewGuid().ToString();
        await using var maker = await server.OpenAsync(session, token: token);
        await maker.SendAsync(new { type = "switch_agent", agent_type = "coder" });
        await maker.ReadToAsync("agent_switched");
        await maker.DisposeAsync();
        await using var client = await server.OpenAsync(session, token: token, protocol: protocol);
        if (protocol is not null)
        {
            await client.SendAsync(new { type = "attach", tools = new[] { "list_files" } });
            await client.ReadToAsync("attached");
        }
        await client.SayAsync("list");
        var call = await client.ReadToAsync(m => m.Type() == "tool_call" && !m.Flag("requires_approval"));

        Assert.Equal("TOKEN_EXPIRED", (await client.ReadToAsync("error")).Text("code"));
        await client.SayAsync("hello");
        Assert.Equal("TOKEN_EXPIRED", (await client.ReadToAsync("error")).Text("code"));
        await client.SendAsync(
            new
            {
                type = "tool_result",
                call_id = call.Text("call_id"),
                result = "seen",
            }
        );
        await client.ReadToAsync(m => m.Text("content") == "That is all.");

        Assert.Equal(code, await client.ReadToCloseAsync());
    }

    [Theory]
    [InlineData(null)]
    [InlineData("codelab.v2")]
    public async Task A_socket_that_authenticates_anew_in_place_goes_on_past_the_end_of_its_first_token(string? protocol)
    {
        await using var client = await server.OpenAsync(
            token: await server.Host.GetTokenAsync(cancellationToken: Cancel),
            protocol: protocol
        );
        await client.ReadToAsync(m => m.Text("code") == "TOKEN_EXPIRED");

        await client.SendAsync(new { type = "auth", token = await server.Host.GetTokenAsync(cancellationToken: Cancel) });
        var answer = await client.ReadToAsync("auth_result");
        await client.SendAsync(new { type = "ping" });
        await client.ReadToAsync("pong");
        // Told a second time only when the second token ends.
        await client.ReadToAsync(m => m.Text("code") == "TOKEN_EXPIRED");

        Assert.Equal("success", answer.Text("status"));
        Assert.InRange(answer.GetProperty("expires_in").GetInt32(), 3, 6);
    }

    [Fact]
    public async Task A_socket_that_answers_no_ping_is_found_within_the_sum_of_both_times()
    {
        using var client = new TcpClient();
        await client.ConnectAsync(server.Host.BaseAddress.Host, server.Host.BaseAddress.Port, Cancel);
        var stream = client.GetStream();
        var request =
            $"GET /ws/{Guid.NewGuid()} HTTP/1.1\r\nHost: {server.Host.BaseAddress.Authority}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            + $"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {Convert.ToBase64String(RandomNumberGenerator.GetBytes(16))}\r\n"
            + $"Authorization: Bearer {await server.Host.GetTokenAsync(cancellationToken: Cancel)}\r\n\r\n";
        await stream.WriteAsync(Encoding.ASCII.GetBytes(request), Cancel);
        var clock = Stopwatch.StartNew();

        // It reads, but whatever comes it says nothing, as a machine that went to sleep.
        var buffer = new byte[1024];
        try
        {
            while (await stream.ReadAsync(buffer, Cancel) > 0) { }
        }
        catch (IOException)
        {
            // Reset: the server does not say goodbye to somebody who is not there.
        }

        output.WriteLine($"Found after {clock.Elapsed.TotalSeconds:F1} s");
        Assert.InRange(clock.Elapsed, TimeSpan.FromSeconds(1.5), TimeSpan.FromSeconds(5));
    }
}
