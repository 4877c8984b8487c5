using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using System.Threading.Channels;
using CodeLab.IntegrationTests.Host;
using CodeLab.Protocol;
using CodeLab.Protocol.Frames;
using CodeLab.Protocol.Hub;
using CodeLab.Protocol.Rest;
using CodeLab.Testing.Servers;
using Microsoft.AspNetCore.SignalR;
using Microsoft.AspNetCore.SignalR.Client;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace CodeLab.IntegrationTests.Gateway;

public sealed class DoorsTests(RunningServer running) : IClassFixture<RunningServer>
{
    private readonly CodeLabServer _server = running.Server;
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_session_is_created_listed_read_changed_and_deleted()
    {
        var client = await _server.SignInAsync(cancellationToken: Cancel);
        using var created = await client.PostAsync(new Uri("/api/v1/sessions", UriKind.Relative), null, Cancel);
        var session = await created.ReadAsync(ProtocolJson.Default.SessionInfo, Cancel);
        var path = "/api/v1/sessions/" + session.Id;

        Assert.Equal(HttpStatusCode.Created, created.StatusCode);
        Assert.Equal(path, created.Headers.Location?.OriginalString);
        var list = await client.GetAsync("/api/v1/sessions/", ProtocolJson.Default.SessionList, Cancel);
        Assert.Contains(list.Sessions, s => s.Id == session.Id);
        using var patched = await client.PatchAsync(
            new Uri(path, UriKind.Relative),
            JsonContent.Create(new UpdateSessionBody { Title = "Login form" }, ProtocolJson.Default.UpdateSessionBody),
            Cancel
        );
        Assert.Equal("Login form", (await patched.ReadAsync(ProtocolJson.Default.SessionInfo, Cancel)).Title);
        var detail = await client.GetAsync(path, ProtocolJson.Default.SessionDetail, Cancel);
        Assert.Equal(("Login form", session.Id), (detail.Session.Title, detail.SessionId));
        Assert.Empty((await client.GetAsync(path + "/history", ProtocolJson.Default.SessionHistory, Cancel)).Messages);
        Assert.Equal(0, (await client.GetAsync(path + "/pending-approvals", ProtocolJson.Default.PendingApprovalList, Cancel)).Count);
        using var deleted = await client.DeleteAsync(new Uri(path, UriKind.Relative), Cancel);
        Assert.Equal("deleted", (await deleted.ReadAsync(ProtocolJson.Default.SessionDeleted, Cancel)).Status);
        using var again = await client.DeleteAsync(new Uri(path, UriKind.Relative), Cancel);
        Assert.Equal("SESSION_NOT_FOUND", (await again.ReadErrorAsync(Cancel)).ErrorCode);
    }

    [Fact]
    public async Task Agents_are_listed_in_both_published_forms()
    {
        var client = await _server.SignInAsync(cancellationToken: Cancel);

        var agents = await client.GetAsync("/api/v1/agents", ProtocolJson.Default.AgentList, Cancel);
        var array = await client.GetAsync("/api/v1/agents?format=array", ProtocolJson.Default.IReadOnlyListAgentInfo, Cancel);

        Assert.Equal(
            ["architect", "ask", "coder", "debug", "orchestrator"],
            agents.Agents.Select(a => a.Type).Order(StringComparer.Ordinal)
        );
        Assert.Equal(agents.Total, array.Count);
    }

    [Theory]
    [InlineData("/api/v1/sessions/unknown-session", 404, "SESSION_NOT_FOUND")]
    [InlineData("/api/v1/sessions/not%20an%20id", 400, "INVALID_REQUEST")]
    [InlineData("/api/v1/sessions/unknown-session/history", 404, "SESSION_NOT_FOUND")]
    [InlineData("/api/v1/agents/unknown-session/current", 404, "SESSION_NOT_FOUND")]
    public async Task What_is_not_there_is_told_by_code(string path, int status, string code)
    {
        var client = await _server.SignInAsync(cancellationToken: Cancel);

        using var response = await client.GetAsync(new Uri(path, UriKind.Relative), Cancel);

        Assert.Equal((status, code), ((int)response.StatusCode, (await response.ReadErrorAsync(Cancel)).ErrorCode));
    }

    [Fact]
    public async Task Nobody_gets_in_without_signing_in()
    {
        var client = _server.CreateClient();

        foreach (var path in (string[])["/api/v1/sessions", "/api/v1/agents", "/hubs/sessions/negotiate?negotiateVersion=1"])
        {
            using var request = new HttpRequestMessage(
                path.StartsWith("/hubs", StringComparison.Ordinal) ? HttpMethod.Post : HttpMethod.Get,
                path
            );
            using var response = await client.SendAsync(request, Cancel);
            Assert.Equal(HttpStatusCode.Unauthorized, response.StatusCode);
        }
    }

    [Fact]
    public async Task A_page_of_another_origin_may_not_negotiate()
    {
        var client = await _server.SignInAsync(cancellationToken: Cancel);
        using var request = new HttpRequestMessage(HttpMethod.Post, "/hubs/sessions/negotiate?negotiateVersion=1");
        request.Headers.Add("Origin", "https://evil.example");

        using var response = await client.SendAsync(request, Cancel);

        Assert.Equal(HttpStatusCode.Forbidden, response.StatusCode);
        Assert.Equal("ORIGIN_DENIED", (await response.ReadErrorAsync(Cancel)).ErrorCode);
    }

    [Fact]
    public async Task Two_connections_see_the_same_durable_frames_and_a_third_catches_up()
    {
        var id = Guid.NewGuid().ToString();
        await using var first = await ConnectAsync();
        await using var second = await ConnectAsync();
        await first.AttachAsync(id);
        await second.AttachAsync(id);

        var ack = await first.Hub.InvokeAsync<InputAck>(
            SessionHubNames.SendMessage,
            new SendMessageRequest
            {
                SessionId = id,
                MessageId = "m-1",
                Content = "hello",
                AgentType = "ask",
            },
            Cancel
        );
        var seen = await first.UntilTurnEndsAsync();
        var alsoSeen = await second.UntilTurnEndsAsync();
        var repeated = await first.Hub.InvokeAsync<InputAck>(
            SessionHubNames.SendMessage,
            new SendMessageRequest
            {
                SessionId = id,
                MessageId = "m-1",
                Content = "hello",
                AgentType = "ask",
            },
            Cancel
        );

        Assert.True(ack.Seq > 0);
        Assert.Equal((ack.Seq, true), (repeated.Seq, repeated.Duplicate));
        Assert.Contains(seen, f => f is AssistantMessageFrame { Content: not null });
        Assert.Equal(seen.Select(f => f.Seq), alsoSeen.Select(f => f.Seq));
        await using var third = await ConnectAsync();
        var answer = await third.AttachAsync(id);
        Assert.Equal(seen.Select(f => f.Seq), answer.Frames.Select(f => f.Seq));
        Assert.Equal(seen.Select(f => f.GetType()), answer.Frames.Select(f => f.GetType()));
    }

    [Theory]
    [InlineData("not an id", "INVALID_SESSION_ID")]
    [InlineData("unknown-session", "SESSION_NOT_FOUND")]
    public async Task A_refused_hub_call_tells_its_code(string session, string code)
    {
        await using var connection = await ConnectAsync();

        var refused = await Assert.ThrowsAsync<HubException>(() =>
            connection.Hub.InvokeAsync<InputAck>(SessionHubNames.Cancel, new SessionRequest { SessionId = session }, Cancel)
        );

        Assert.Contains(code + ": ", refused.Message, StringComparison.Ordinal);
    }

    private async Task<LiveClient> ConnectAsync()
    {
        var client = new LiveClient(_server, await _server.GetTokenAsync(cancellationToken: Cancel));
        await client.Hub.StartAsync(Cancel);
        return client;
    }

    private sealed class LiveClient : IAsyncDisposable
    {
        private readonly Channel<SessionFrame> _frames = Channel.CreateUnbounded<SessionFrame>();

        public LiveClient(CodeLabServer server, string token)
        {
            Hub = new HubConnectionBuilder()
                .WithUrl(
                    new Uri(server.BaseAddress, SessionHubNames.Path),
                    o => o.AccessTokenProvider = () => Task.FromResult<string?>(token)
                )
                .AddJsonProtocol(json =>
                    json.PayloadSerializerOptions = new JsonSerializerOptions(ProtocolJson.Default.Options)
                    {
                        TypeInfoResolver = ProtocolJson.Default,
                    }
                )
                .Build();
            Hub.On<SessionFrame>(SessionHubNames.Receive, frame => _frames.Writer.TryWrite(frame));
        }

        public HubConnection Hub { get; }

        public Task<AttachResponse> AttachAsync(string session) =>
            Hub.InvokeAsync<AttachResponse>(SessionHubNames.Attach, new AttachRequest { SessionId = session }, Cancel);

        public async Task<IReadOnlyList<SessionFrame>> UntilTurnEndsAsync()
        {
            var durable = new List<SessionFrame>();
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
            limit.CancelAfter(HostProcess.Patience);
            await foreach (var frame in _frames.Reader.ReadAllAsync(limit.Token))
            {
                if (frame.Seq is null)
                    continue;
                durable.Add(frame);
                Assert.False(frame is TurnFailedFrame, (frame as TurnFailedFrame)?.Content);
                if (frame is TurnCompletedFrame)
                    break;
            }
            return durable;
        }

        public ValueTask DisposeAsync() => Hub.DisposeAsync();
    }
}
