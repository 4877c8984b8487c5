using CodeLab.BuildingBlocks.Results;
using MediatR;

namespace CodeLab.Modules.Llm.Admin;

/// <summary>Lists who may use which models, and how fast.</summary>
public sealed record ListAccessRulesQuery : IRequest<IReadOnlyList<AccessRuleInfo>>;

/// <summary>Sets the rule of a user, a team or everyone. Error: <c>INVALID_REQUEST</c> (400).</summary>
/// <param name="Actor">Who.</param>
/// <param name="Rule">The whole rule.</param>
public sealed record SetAccessRuleCommand(AdminActor Actor, AccessRuleInfo Rule) : IRequest<Result<AccessRuleInfo>>;

/// <summary>Takes a rule back. Error: <c>RULE_NOT_FOUND</c> (404).</summary>
/// <param name="Actor">Who.</param>
/// <param name="Scope">Whose kind.</param>
/// <param name="Subject">Whose.</param>
public sealed record DeleteAccessRuleCommand(AdminActor Actor, string Scope, string Subject) : IRequest<Result<Deleted>>;

/// <summary>Forgets all answers of the cache, on all nodes.</summary>
/// <param name="Actor">Who.</param>
public sealed record ClearCacheCommand(AdminActor Actor) : IRequest<long>;

/// <summary>How full and how useful the cache of this node is.</summary>
public sealed record GetCacheStatsQuery : IRequest<CacheStats>;

/// <summary>Lists the hosts this installation calls.</summary>
public sealed record ListEgressQuery : IRequest<IReadOnlyList<EgressInfo>>;

/// <summary>Switches the keeping of contents on for a time, or off. Error: <c>INVALID_REQUEST</c> (400).</summary>
/// <param name="Actor">Who.</param>
/// <param name="Minutes">1 to 1440; 0 = off.</param>
/// <param name="Reason">Why; goes into the audit.</param>
public sealed record SetContentLoggingCommand(AdminActor Actor, int Minutes, string? Reason) : IRequest<Result<ContentLogging>>;

/// <summary>Whether contents are kept now.</summary>
public sealed record GetContentLoggingQuery : IRequest<ContentLogging>;

/// <summary>Shows the kept contents of calls, newest first. Being shown them is audited.</summary>
/// <param name="Actor">Who.</param>
/// <param name="UserId">Of this user only.</param>
/// <param name="Limit">Most rows.</param>
public sealed record ListContentsQuery(AdminActor Actor, string? UserId, int Limit) : IRequest<IReadOnlyList<ContentInfo>>;

/// <summary>A rule. Null members leave the decision to the next wider rule: user, teams, everyone.</summary>
public sealed record AccessRuleInfo
{
    /// <summary><c>everyone</c>, <c>team</c> or <c>user</c>.</summary>
    public required string Scope { get; init; }

    /// <summary>Id; empty for everyone.</summary>
    public required string Subject { get; init; }

    /// <summary>Models, aliases and patterns such as <c>openai/*</c>.</summary>
    public IReadOnlyList<string>? Models { get; init; }

    /// <summary>Requests a minute and user.</summary>
    public int? RequestsPerMinute { get; init; }

    /// <summary>Tokens a minute and user, in and out.</summary>
    public int? TokensPerMinute { get; init; }

    /// <summary>Calls at once and user.</summary>
    public int? Concurrent { get; init; }
}

/// <summary>State of the cache.</summary>
/// <param name="TotalKeys">Answers in memory.</param>
/// <param name="HitRate">Part of look-ups that found one.</param>
/// <param name="MissRate">Part of look-ups that did not.</param>
/// <param name="MemoryUsageMb">Memory in MiB.</param>
public sealed record CacheStats(int TotalKeys, double HitRate, double MissRate, double MemoryUsageMb);

/// <summary>A host this installation calls.</summary>
/// <param name="Host">Host and port.</param>
/// <param name="Reason"><c>call</c>, <c>models</c> or <c>test</c>.</param>
/// <param name="Provider">Provider it was last called for.</param>
/// <param name="Calls">How often.</param>
/// <param name="FirstCallAt">First call.</param>
/// <param name="LastCallAt">Last call.</param>
public sealed record EgressInfo(
    string Host,
    string Reason,
    string? Provider,
    long Calls,
    DateTimeOffset FirstCallAt,
    DateTimeOffset LastCallAt
);

/// <summary>Whether contents of calls are kept.</summary>
/// <param name="Enabled">True while they are.</param>
/// <param name="Until">Until when.</param>
public sealed record ContentLogging(bool Enabled, DateTimeOffset? Until);

/// <summary>Contents of a call, with secrets masked.</summary>
/// <param name="CallId">Row of the ledger.</param>
/// <param name="UserId">Whose.</param>
/// <param name="Request">What was sent; cut at 64 KiB.</param>
/// <param name="Response">What came; cut at 64 KiB.</param>
/// <param name="CreatedAt">When.</param>
/// <param name="ExpiresAt">When it is deleted.</param>
public sealed record ContentInfo(
    string CallId,
    string UserId,
    string? Request,
    string? Response,
    DateTimeOffset CreatedAt,
    DateTimeOffset ExpiresAt
);
