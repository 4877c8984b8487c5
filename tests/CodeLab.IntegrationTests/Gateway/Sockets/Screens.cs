using System.Text;
using System.Text.Json;
using CodeLab.Protocol.Hub;
using CodeLab.Testing.Servers;
using Microsoft.AspNetCore.SignalR.Client;
using Xunit;

namespace CodeLab.IntegrationTests.Gateway.Sockets;

/// <summary>The live doors.</summary>
public enum Door
{
    /// <summary>A WebSocket of <c>codelab.v2</c>.</summary>
    Socket,

    /// <summary>The hub.</summary>
    Hub,

    /// <summary>Server-sent events.</summary>
    Events,
}

/// <summary>
/// What a person sees of a session through one door, over any number of connections: durable frames once and in order, and text that only
/// grows or begins anew. Anything else fails the test at once.
/// </summary>
internal abstract class Screen(string session, Func<string, bool> isBeginning) : IDisposable
{
    private string? _message;
    private readonly StringBuilder _text = new();

    public string Session => session;

    public List<long> Durable { get; } = [];

    public List<string> Texts { get; } = [];

    /// <summary>Turns seen to their end.</summary>
    public int Turns { get; private set; }

    /// <summary>Pieces of streaming text seen.</summary>
    public int Pieces { get; private set; }

    /// <summary>Connections that the server ended.</summary>
    public int TimesClosed { get; protected set; }

    /// <summary>Connections that got an answer.</summary>
    public int TimesAttached { get; protected set; }

    protected long LastSeq => Durable.Count == 0 ? 0 : Durable[^1];

    protected static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <param name="door">Which.</param>
    /// <param name="server">The host.</param>
    /// <param name="token">Access token.</param>
    /// <param name="session">The session.</param>
    /// <param name="isBeginning">Whether a text may stand on the screen.</param>
    public static Screen Of(Door door, CodeLabServer server, string token, string session, Func<string, bool> isBeginning) =>
        door switch
        {
            Door.Socket => new SocketScreen(server, token, session, isBeginning),
            Door.Hub => new HubScreen(server, token, session, isBeginning),
            _ => new EventScreen(server, token, session, isBeginning),
        };

    /// <summary>Connects, reads so many frames or to the end of a turn, and drops the connection.</summary>
    public abstract Task ReadAsync(int frames);

    /// <inheritdoc/>
    public virtual void Dispose() { }

    /// <summary>Shows a frame; true when a turn has ended.</summary>
    protected bool Show(JsonElement frame)
    {
        var content = frame.Text("content");
        if (frame.TryGetProperty("seq", out var number))
        {
            var at = number.GetInt64();
            Assert.True(at > LastSeq, $"Frame {at} came after {LastSeq}");
            Durable.Add(at);
            if (frame.Type() == "assistant_message")
            {
                Texts.Add(content!);
                if (_message == frame.Text("message_id"))
                    Assert.StartsWith(_text.ToString(), content, StringComparison.Ordinal);
            }
            if (frame.Type() != "turn_completed")
                return false;
            Turns++;
            return true;
        }
        if (frame.Type() != "assistant_message" || frame.Text("token") is not { } token)
            return false;
        var offset = frame.GetProperty("offset").GetInt32();
        if (offset == 0)
            _text.Clear();
        else
            Assert.Equal((_message, _text.Length), (frame.Text("message_id"), offset));
        _message = frame.Text("message_id");
        _text.Append(token);
        Pieces++;
        Assert.True(isBeginning(_text.ToString()), _text.ToString());
        return false;
    }

    private sealed class SocketScreen(CodeLabServer server, string token, string session, Func<string, bool> isBeginning)
        : Screen(session, isBeginning)
    {
        public override async Task ReadAsync(int frames)
        {
            await using var client = await SocketClient.OpenAsync(server, Session, "", token, "/api/v1", "codelab.v2", []);
            await client.SendAsync(new { type = "attach", last_seq = LastSeq });
            var attached = false;
            for (var read = 0; read < frames; )
            {
                if (await client.ReadAsync() is not { } message)
                {
                    TimesClosed++;
                    return;
                }
                if (!attached)
                {
                    // Refused for now, as long as a node that died still has the session's lease: the client comes again.
                    if (message.Type() == "error")
                        throw new IOException(message.GetRawText());
                    attached = message.Type() == "attached";
                    TimesAttached += attached ? 1 : 0;
                    continue;
                }
                read++;
                if (Show(message))
                    return;
            }
            client.Socket.Abort();
        }
    }

    private sealed class HubScreen(CodeLabServer server, string token, string session, Func<string, bool> isBeginning)
        : Screen(session, isBeginning)
    {
        public override async Task ReadAsync(int frames)
        {
            var left = frames;
            var over = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            await using var hub = new HubConnectionBuilder()
                .WithUrl(
                    new Uri(server.BaseAddress, SessionHubNames.Path),
                    o =>
                    {
                        o.AccessTokenProvider = () => Task.FromResult<string?>(token);
                        o.Transports = Microsoft.AspNetCore.Http.Connections.HttpTransportType.WebSockets;
                        o.SkipNegotiation = true;
                    }
                )
                .Build();
            var early = new List<JsonElement>();
            var live = false;
            hub.On<JsonElement>(
                SessionHubNames.Receive,
                frame =>
                {
                    lock (early)
                    {
                        if (live)
                            Read(frame);
                        else
                            early.Add(frame);
                    }
                }
            );
            hub.Closed += _ =>
            {
                lock (early)
                {
                    if (over.TrySetResult())
                        TimesClosed++;
                }
                return Task.CompletedTask;
            };
            await hub.StartAsync(Cancel);
            var answer = await hub.InvokeAsync<JsonElement>(
                SessionHubNames.Attach,
                new { session_id = Session, last_seq = LastSeq },
                Cancel
            );
            lock (early)
            {
                TimesAttached++;
                foreach (var missed in answer.GetProperty("frames").EnumerateArray())
                    Read(missed);
                if (answer.TryGetProperty("streaming", out var text))
                    Read(
                        JsonSerializer.SerializeToElement(
                            new
                            {
                                type = "assistant_message",
                                message_id = text.Text("message_id"),
                                token = text.Text("text"),
                                offset = 0,
                            }
                        )
                    );
                live = true;
                foreach (var frame in early)
                    Read(frame);
            }
            await over.Task.WaitAsync(HostProcess.Patience, Cancel);

            void Read(JsonElement frame)
            {
                if (over.Task.IsCompleted)
                    return;
                try
                {
                    if (Show(frame) || --left <= 0)
                        over.TrySetResult();
                }
                catch (Exception wrong)
                {
                    over.TrySetException(wrong);
                }
            }
        }
    }

    private sealed class EventScreen(CodeLabServer server, string token, string session, Func<string, bool> isBeginning)
        : Screen(session, isBeginning)
    {
        private readonly HttpClient _client = new(new SocketsHttpHandler { PooledConnectionLifetime = TimeSpan.Zero })
        {
            BaseAddress = server.BaseAddress,
            Timeout = Timeout.InfiniteTimeSpan,
        };
        private string? _lastId;

        public override void Dispose()
        {
            _client.Dispose();
            base.Dispose();
        }

        public override async Task ReadAsync(int frames)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, $"/api/v1/sessions/{Session}/stream");
            request.Headers.Authorization = new("Bearer", token);
            if (_lastId is not null)
                request.Headers.Add("Last-Event-ID", _lastId);
            using var response = await _client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, Cancel);
            response.EnsureSuccessStatusCode();
            TimesAttached++;
            using var lines = new StreamReader(await response.Content.ReadAsStreamAsync(Cancel));
            string? id = null;
            for (var read = 0; read < frames; )
            {
                if (await lines.ReadLineAsync(Cancel) is not { } line)
                {
                    TimesClosed++;
                    return;
                }
                if (line.StartsWith("id: ", StringComparison.Ordinal))
                    id = line[4..];
                if (!line.StartsWith("data: ", StringComparison.Ordinal))
                    continue;
                read++;
                var ended = Show(JsonElement.Parse(line[6..]));
                _lastId = id ?? _lastId;
                if (ended)
                    return;
            }
        }
    }
}

/// <summary>What the log of a session says, for comparison.</summary>
internal static class Log
{
    /// <summary>The numbers of all durable frames of a session.</summary>
    public static async Task<List<long>> SeqsAsync(CodeLabServer server, string token, string session)
    {
        await using var log = await SocketClient.OpenAsync(server, session, "", token, "/api/v1", "codelab.v2", []);
        await log.SendAsync(new { type = "attach" });
        var attached = await log.ReadToAsync("attached");
        var seqs = new List<long>();
        for (var left = attached.GetProperty("missed").GetInt32(); left > 0; left--)
            seqs.Add((await log.ReadAsync())!.Value.GetProperty("seq").GetInt64());
        return seqs;
    }
}
