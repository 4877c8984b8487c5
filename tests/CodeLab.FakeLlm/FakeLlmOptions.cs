namespace CodeLab.FakeLlm;

/// <summary>How a fake server is started.</summary>
public sealed record FakeLlmOptions
{
    /// <summary>Port on 127.0.0.1; 0 takes a free one.</summary>
    public int Port { get; init; }

    /// <summary>Key every request but those under <c>/_fake</c> must carry (Bearer, <c>x-api-key</c> or <c>api-key</c>); null: none is asked.</summary>
    public string? RequireKey { get; init; }

    /// <summary>Models listed. Any other name is answered all the same; a reply with <see cref="ReplyCondition.Model"/> and a 404 refuses one.</summary>
    public IReadOnlyList<string> Models { get; init; } = ["fake-model", "fake-small"];

    /// <summary>Requests the real provider would refuse are refused (orphaned tool results, bad tool names, missing members, altered thinking).</summary>
    public bool Strict { get; init; } = true;

    /// <summary>NDJSON file that records requests as they come and end; null: none. An existing file is continued.</summary>
    public string? LogPath { get; init; }

    /// <summary>Clock of delays and of the times recorded.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>Numbers in an embedding when the request does not say.</summary>
    public int EmbeddingDimensions { get; init; } = 64;
}
