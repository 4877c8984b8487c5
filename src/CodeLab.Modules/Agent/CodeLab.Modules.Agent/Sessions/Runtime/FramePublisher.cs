using System.Diagnostics.CodeAnalysis;
using CodeLab.Protocol.Frames;
using MediatR;

namespace CodeLab.Modules.Agent.Sessions.Runtime;

/// <summary>
/// Tells a session's frames one at a time, and holds the text that is being written. Whoever attaches reads that text under the same
/// gate, so that text and the tokens after it meet without gap or repeat.
/// </summary>
[SuppressMessage("Reliability", "CA1001", Justification = "The gate has no wait handle, and late tokens may still reach for it")]
internal sealed class FramePublisher(IPublisher publisher, string sessionId)
{
    private readonly SemaphoreSlim _gate = new(1, 1);
    private StreamingText? _streaming;

    /// <summary>The text being written, as of a moment at which no frame is under way.</summary>
    public async Task<(string MessageId, string Agent, string Text)?> StreamingAsync()
    {
        await _gate.WaitAsync();
        try
        {
            return _streaming is { Text.Length: > 0 } text ? (text.MessageId, text.Agent, text.Text.ToString()) : null;
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>Sends a frame to everybody attached.</summary>
    public async Task PublishAsync(SessionFrame frame)
    {
        await _gate.WaitAsync();
        try
        {
            await publisher.Publish(new SessionFramePublished(frame), CancellationToken.None);
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>Begins a message; what was unfinished before is forgotten.</summary>
    public async Task BeginTextAsync(string messageId, string agent)
    {
        await _gate.WaitAsync();
        _streaming = new(messageId, agent);
        _gate.Release();
    }

    /// <summary>Sends the next piece of a message that was begun; nothing when it is over.</summary>
    public async Task AppendTextAsync(string messageId, string token)
    {
        await _gate.WaitAsync();
        try
        {
            if (_streaming is not { } text || text.MessageId != messageId)
                return;
            var offset = text.Text.Length;
            text.Text.Append(token);
            await publisher.Publish(
                new SessionFramePublished(
                    new AssistantMessageFrame
                    {
                        SessionId = sessionId,
                        MessageId = messageId,
                        Token = token,
                        Offset = offset,
                        Agent = text.Agent,
                        IsFinal = false,
                    }
                ),
                CancellationToken.None
            );
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>Ends the message being written and gives its text.</summary>
    public async Task<string?> EndTextAsync()
    {
        await _gate.WaitAsync();
        var text = _streaming?.Text.ToString();
        _streaming = null;
        _gate.Release();
        return text;
    }

    private sealed record StreamingText(string MessageId, string Agent)
    {
        public System.Text.StringBuilder Text { get; } = new();
    }
}
