namespace CodeLab.Protocol.Rest;

/// <summary>Who may do what in a session besides its owner: body of <c>GET /api/v1/sessions/{id}/shares</c>.</summary>
public sealed record SessionShareList
{
    /// <summary>Id of the session.</summary>
    public required string SessionId { get; init; }

    /// <summary>The user it belongs to.</summary>
    public required string OwnerId { get; init; }

    /// <summary>People and teams it is shared with, oldest first.</summary>
    public required IReadOnlyList<SessionShare> Shares { get; init; }

    /// <summary>How many.</summary>
    public int Count { get; init; }
}

/// <summary>A person or team a session is shared with.</summary>
public sealed record SessionShare
{
    /// <summary><c>user</c> or <c>team</c>.</summary>
    public required string Kind { get; init; }

    /// <summary>Id of the user or team.</summary>
    public required string Id { get; init; }

    /// <summary>Name as people see it, when it is known.</summary>
    public string? Name { get; init; }

    /// <summary><c>viewer</c> watches; <c>driver</c> writes, decides, stops and runs tools too; <c>owner</c> may also delete and share.</summary>
    public required string Role { get; init; }

    /// <summary>User who shared it.</summary>
    public required string AddedBy { get; init; }

    /// <summary>When, UTC.</summary>
    public DateTimeOffset AddedAt { get; init; }
}

/// <summary>Body of <c>PUT /api/v1/sessions/{id}/shares/users/{user_id}</c> and <c>…/teams/{team_id}</c>.</summary>
public sealed record ShareSessionBody
{
    /// <summary><c>viewer</c> (default), <c>driver</c> or <c>owner</c>.</summary>
    public string? Role { get; init; }
}

/// <summary>Body of <c>DELETE /api/v1/sessions/{id}/shares/…</c>.</summary>
public sealed record ShareRemoved
{
    /// <summary>Always <c>removed</c>.</summary>
    public required string Status { get; init; }

    /// <summary>Id of the session.</summary>
    public required string SessionId { get; init; }
}
