using CodeLab.Modules.Agent.Sessions.Log;
using CodeLab.Protocol.Frames;
using CodeLab.Protocol.Hub;

namespace CodeLab.Modules.Agent.Sessions.Runtime;

/// <summary>Who is attached to a session now. Not in the log: after a restart everybody attaches again.</summary>
internal sealed class AttachedClients
{
    private readonly List<AttachedClient> _clients = [];

    public bool Any => _clients.Count > 0;

    public bool Has(string clientId) => _clients.Exists(c => c.Id == clientId && c.Profile is not null);

    /// <summary>Adds a connection, or replaces what it said before.</summary>
    public AttachedClient Join(SessionCaller caller, AttachRequest request, DateTimeOffset now)
    {
        var connectionId = caller.ConnectionId ?? "";
        _clients.RemoveAll(c => c.ConnectionId == connectionId);
        var id = request.Client?.Id is { Length: > 0 and <= 128 } own ? own : connectionId;
        var profile = request.Tools is { Count: > 0 } tools
            ? new ExecutorProfile(
                id,
                request.Client?.Name,
                request.Client?.Platform,
                tools,
                request.Workspace?.Name,
                request.Workspace?.Branch,
                request.Workspace?.Rules ?? []
            )
            {
                Plans = request.Capabilities?.Contains(AttachCapabilities.Plans) == true ? true : null,
                OneAtATime = request.Capabilities?.Contains(AttachCapabilities.OneCallAtATime) == true ? true : null,
            }
            : null;
        var client = new AttachedClient(connectionId, id, profile)
        {
            UserId = caller.UserId,
            Door = caller.Door,
            Info = request.Client,
            Since = now,
        };
        _clients.Add(client);
        return client;
    }

    public AttachedClient? Leave(string connectionId)
    {
        var index = _clients.FindIndex(c => c.ConnectionId == connectionId);
        if (index < 0)
            return null;
        var left = _clients[index];
        _clients.RemoveAt(index);
        return left;
    }

    /// <summary>Makes a client the newest one that runs tools; null when none of that id does.</summary>
    public ExecutorProfile? Prefer(Func<AttachedClient, bool> which)
    {
        var index = _clients.FindLastIndex(c => c.Profile is not null && which(c));
        if (index < 0)
            return null;
        var client = _clients[index];
        _clients.RemoveAt(index);
        _clients.Add(client);
        return client.Profile;
    }

    /// <summary>Who is here, in the order of coming.</summary>
    public IReadOnlyList<AttachedClientInfo> Describe(string? executorId) =>
        [
            .. _clients
                .OrderBy(c => c.Since)
                .Select(c => new AttachedClientInfo
                {
                    ClientId = c.Id,
                    UserId = c.UserId,
                    Door = c.Door,
                    Name = c.Info?.Name,
                    Version = c.Info?.Version,
                    Platform = c.Info?.Platform,
                    RunsTools = c.Profile is not null,
                    Executor = c.Profile is not null && c.Id == executorId,
                    Since = c.Since,
                }),
        ];

    /// <summary>The newest client that runs tools.</summary>
    public ExecutorProfile? NewestExecutor() => _clients.FindLast(c => c.Profile is not null)?.Profile;
}

/// <summary>An attached connection; <see cref="Profile"/> is null for one that only watches.</summary>
internal sealed record AttachedClient(string ConnectionId, string Id, ExecutorProfile? Profile)
{
    public required string UserId { get; init; }
    public required string Door { get; init; }
    public ClientInfo? Info { get; init; }
    public DateTimeOffset Since { get; init; }
}
