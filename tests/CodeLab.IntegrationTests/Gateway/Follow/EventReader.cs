using System.Net;
using System.Text;
using System.Text.Json;
using Xunit;

namespace CodeLab.IntegrationTests.Gateway.Follow;

/// <summary>
/// Reads server-sent events as the standard says, remembers the id of the last one, and checks what it is told: durable frames ascend, and a
/// text goes on exactly where it ended.
/// </summary>
internal sealed class EventReader(HttpClient client, string sessionId)
{
    private readonly Dictionary<string, StringBuilder> _texts = new(StringComparer.Ordinal);
    private readonly List<JsonElement> _frames = [];

    /// <summary>Id of the last event that was read whole.</summary>
    public string? LastId { get; private set; }

    /// <summary>Durable frames as they came, over all connections.</summary>
    public List<JsonElement> Durable { get; } = [];

    /// <summary>All frames of the newest connection.</summary>
    public IReadOnlyList<JsonElement> Frames => _frames;

    /// <summary>Texts as their pieces make them.</summary>
    public IReadOnlyDictionary<string, string> Texts => _texts.ToDictionary(t => t.Key, t => t.Value.ToString(), StringComparer.Ordinal);

    /// <summary>Comments that kept the connection alive.</summary>
    public int Comments { get; private set; }

    /// <summary>True when the server ended the last connection.</summary>
    public bool Ended { get; private set; }

    /// <summary>Connects and reads until a frame is the last one wanted, or the server ends it; then drops the connection.</summary>
    /// <param name="last">Says of each frame whether it is the last one to read.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <param name="cutInside">Bytes of the next event that are read and lost.</param>
    public async Task ReadAsync(Func<JsonElement, bool> last, CancellationToken cancellationToken, int cutInside = 0)
    {
        _frames.Clear();
        Ended = false;
        using var request = new HttpRequestMessage(HttpMethod.Get, $"/api/v1/sessions/{sessionId}/stream");
        if (LastId is not null)
            request.Headers.TryAddWithoutValidation("Last-Event-ID", LastId);
        using var response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal("text/event-stream", response.Content.Headers.ContentType?.MediaType);
        await using var body = await response.Content.ReadAsStreamAsync(cancellationToken);
        using var reader = new StreamReader(body, Encoding.UTF8);
        string? id = null;
        string? data = null;
        while (await reader.ReadLineAsync(cancellationToken) is { } line)
        {
            if (line.StartsWith(':'))
                Comments++;
            else if (line.StartsWith("id: ", StringComparison.Ordinal))
                id = line[4..];
            else if (line.StartsWith("data: ", StringComparison.Ordinal))
                data = line[6..];
            else if (line.Length == 0 && data is not null)
            {
                LastId = id ?? LastId;
                var frame = JsonElement.Parse(data);
                (id, data) = (null, null);
                Take(frame);
                if (!last(frame))
                    continue;
                if (cutInside > 0 && !EndsTurn(frame))
                    await reader.ReadAsync(new char[cutInside], cancellationToken).AsTask().WaitAsync(cancellationToken);
                return;
            }
        }
        Ended = true;
    }

    public static string TypeOf(JsonElement frame) => frame.GetProperty("type").GetString()!;

    public static bool EndsTurn(JsonElement frame) => TypeOf(frame) is "turn_completed" or "turn_failed" or "turn_cancelled";

    private void Take(JsonElement frame)
    {
        _frames.Add(frame);
        if (frame.TryGetProperty("seq", out var seq))
        {
            if (Durable.Count > 0)
                Assert.True(seq.GetInt64() > Durable[^1].GetProperty("seq").GetInt64(), $"repeated or reordered: {frame}");
            Durable.Add(frame);
            return;
        }
        if (TypeOf(frame) != "assistant_message" || !frame.TryGetProperty("offset", out var offset))
            return;
        var message = frame.GetProperty("message_id").GetString()!;
        if (!_texts.TryGetValue(message, out var text))
            _texts[message] = text = new();
        Assert.Equal(text.Length, offset.GetInt32());
        text.Append(frame.GetProperty("token").GetString());
    }
}
