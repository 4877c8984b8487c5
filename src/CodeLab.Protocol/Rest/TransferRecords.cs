namespace CodeLab.Protocol.Rest;

/// <summary>
/// First line of an exported session. Each further line is one event of its log, in order:
/// <c>{"seq":1,"type":"session.created","at":"2026-03-02T08:16:09.120000Z","data":{…}}</c>.
/// </summary>
public sealed record SessionExportHeader
{
    /// <summary>Always <c>codelab.session</c>.</summary>
    public required string Format { get; init; }

    /// <summary>Version of the format. This is 1; a reader refuses versions it does not know.</summary>
    public int Version { get; init; }

    /// <summary>The session that was exported.</summary>
    public string? SessionId { get; init; }

    /// <summary>Its title.</summary>
    public string? Title { get; init; }

    /// <summary>Lines that follow; fewer mean that the file was cut.</summary>
    public long Events { get; init; }

    /// <summary>When it was exported, UTC.</summary>
    public DateTimeOffset? ExportedAt { get; init; }

    /// <summary>Version of the server that exported it.</summary>
    public string? Server { get; init; }
}

/// <summary>Body of <c>POST /api/v1/sessions/{id}/fork</c>; may be absent.</summary>
public sealed record ForkSessionBody
{
    /// <summary>The last event the fork shares with the session, from 1; absent = the newest one.</summary>
    public long? AtSeq { get; init; }

    /// <summary>Title of the fork, at most 500 characters; absent = that of the session.</summary>
    public string? Title { get; init; }
}
