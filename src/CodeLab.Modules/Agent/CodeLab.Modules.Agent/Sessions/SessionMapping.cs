using CodeLab.Modules.Agent.Persistence;
using CodeLab.Modules.Agent.Sessions.Engine;
using CodeLab.Protocol.Rest;

namespace CodeLab.Modules.Agent.Sessions;

/// <summary>A session as rows and as clients see it.</summary>
internal static class SessionMapping
{
    public static SessionInfo ToInfo(this SessionState state) =>
        new()
        {
            Id = state.Id,
            SessionId = state.Id,
            Title = state.Title,
            Description = state.Description,
            MessageCount = state.MessageCount,
            CreatedAt = state.CreatedAt,
            UpdatedAt = state.UpdatedAt,
            LastActivity = state.LastActivity,
            IsActive = !state.Deleted,
            CurrentAgent = state.Agent,
            Model = state.Model,
            Status = state.Status,
            ParentId = state.ParentId,
            ParentSeq = state.ParentSeq,
            ParentKind = state.ParentKind,
        };

    public static SessionInfo ToInfo(this SessionRow row) =>
        new()
        {
            Id = row.Id,
            SessionId = row.Id,
            Title = row.Title,
            Description = row.Description,
            MessageCount = row.MessageCount,
            CreatedAt = row.CreatedAt,
            UpdatedAt = row.UpdatedAt,
            LastActivity = row.LastActivity,
            IsActive = row.DeletedAt is null,
            CurrentAgent = row.Agent,
            Model = row.Model,
            Status = row.Status,
            ParentId = row.ParentId,
            ParentSeq = row.ParentSeq,
            ParentKind = row.ParentKind,
        };

    public static SessionRow ToRow(this SessionState state) =>
        new()
        {
            Id = state.Id,
            Owner = state.Owner,
            Title = state.Title,
            Description = state.Description,
            Agent = state.Agent,
            Model = state.Model,
            Status = state.Status,
            HasOpenTurn = state.Turn is not null || (state.Queue.Count > 0 && !state.Deleted),
            MessageCount = state.MessageCount,
            LastSeq = state.LastSeq,
            CreatedAt = state.CreatedAt,
            UpdatedAt = state.UpdatedAt,
            LastActivity = state.LastActivity,
            DeletedAt = state.Deleted ? state.UpdatedAt : null,
            ParentId = state.ParentId,
            ParentSeq = state.ParentSeq,
            ParentKind = state.ParentKind,
        };

    /// <summary>Ids are 1 to 64 characters of <c>[A-Za-z0-9_.-]</c> (protocol.md §4.1).</summary>
    public static bool IsValidId(string? id)
    {
        if (id is not { Length: >= 1 and <= 64 } || id.Contains("..", StringComparison.Ordinal))
            return false;
        foreach (var c in id)
        {
            if (!char.IsAsciiLetterOrDigit(c) && c is not ('_' or '.' or '-'))
                return false;
        }
        return true;
    }
}
