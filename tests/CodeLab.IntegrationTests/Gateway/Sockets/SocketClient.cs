using System.Buffers;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using CodeLab.Testing.Servers;
using Xunit;

namespace CodeLab.IntegrationTests.Gateway.Sockets;

/// <summary>A client of the published protocol as an outsider would write it: text in, JSON out, nothing of ours.</summary>
internal sealed class SocketClient : IAsyncDisposable
{
    private readonly ClientWebSocket _socket = new();
    private readonly List<JsonElement> _seen = [];

    private SocketClient(string session) => Session = session;

    public string Session { get; }

    public WebSocket Socket => _socket;

    /// <summary>Everything that was read.</summary>
    public IReadOnlyList<JsonElement> Seen => _seen;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public static async Task<SocketClient> OpenAsync(
        CodeLabServer server,
        string session,
        string query,
        string? token,
        string prefix,
        string? protocol,
        (string Name, string Value)[] headers
    )
    {
        var client = new SocketClient(session);
        if (token is not null)
            client._socket.Options.SetRequestHeader("Authorization", "Bearer " + token);
        if (protocol is not null)
            client._socket.Options.AddSubProtocol(protocol);
        foreach (var (name, value) in headers)
            client._socket.Options.SetRequestHeader(name, value);
        client._socket.Options.CollectHttpResponseDetails = true;
        var address = new UriBuilder(server.BaseAddress)
        {
            Scheme = "ws",
            Path = $"{prefix}/ws/{session}",
            Query = query,
        };
        try
        {
            await client._socket.ConnectAsync(address.Uri, Cancel);
        }
        catch (WebSocketException) when ((int)client._socket.HttpStatusCode > 0)
        {
            throw new RefusedException((int)client._socket.HttpStatusCode);
        }
        return client;
    }

    public Task SendAsync(object message) => SendTextAsync(message as string ?? JsonSerializer.Serialize(message));

    public Task SendTextAsync(string text) => _socket.SendAsync(Encoding.UTF8.GetBytes(text), WebSocketMessageType.Text, true, Cancel);

    /// <summary>The next message; null when the server closed.</summary>
    public async Task<JsonElement?> ReadAsync()
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        patience.CancelAfter(HostProcess.Patience);
        var buffer = new ArrayBufferWriter<byte>(16 * 1024);
        while (true)
        {
            var part = await _socket.ReceiveAsync(buffer.GetMemory(16 * 1024), patience.Token);
            if (part.MessageType == WebSocketMessageType.Close)
                return null;
            buffer.Advance(part.Count);
            if (part.EndOfMessage)
                break;
        }
        var message = JsonDocument.Parse(buffer.WrittenMemory.ToArray()).RootElement;
        _seen.Add(message);
        return message;
    }

    /// <summary>Reads on to the first message like this.</summary>
    public async Task<JsonElement> ReadToAsync(Func<JsonElement, bool> wanted)
    {
        while (await ReadAsync() is { } message)
        {
            if (wanted(message))
                return message;
        }
        throw new InvalidOperationException(
            $"The server closed with {_socket.CloseStatus} first. Seen:\n{string.Join('\n', _seen.Select(m => m.GetRawText()))}"
        );
    }

    public Task<JsonElement> ReadToAsync(string type) => ReadToAsync(m => m.Type() == type);

    /// <summary>Reads on to the end of the turn.</summary>
    public Task<JsonElement> ReadToEndAsync() =>
        ReadToAsync(m => m.Type() is "assistant_message" or "error" && m.GetProperty("is_final").GetBoolean());

    /// <summary>Reads on to the close; its code.</summary>
    public async Task<int> ReadToCloseAsync()
    {
        while (await ReadAsync() is not null) { }
        return (int)_socket.CloseStatus!.Value;
    }

    /// <summary>Reads on to a message of a type (0) or the close (its code).</summary>
    public async Task<int> ReadToCloseOrAsync(string type)
    {
        while (await ReadAsync() is { } message)
        {
            if (message.Type() == type)
                return 0;
        }
        return (int)_socket.CloseStatus!.Value;
    }

    public Task SayAsync(string script, string text = "Please", string agent = "coder") =>
        SendAsync(
            new
            {
                type = "user_message",
                content = $"{text} [[script:{script}]]",
                agent_type = agent,
            }
        );

    public ValueTask DisposeAsync()
    {
        _socket.Dispose();
        return default;
    }
}

/// <summary>The server answered the upgrade with a status.</summary>
internal sealed class RefusedException(int status) : Exception($"Refused with {status}")
{
    public int Status => status;
}

internal static class Messages
{
    public static string? Type(this JsonElement message) => message.GetProperty("type").GetString();

    public static string? Text(this JsonElement message, string member) =>
        message.TryGetProperty(member, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    public static bool Flag(this JsonElement message, string member) => message.TryGetProperty(member, out var value) && value.GetBoolean();
}
