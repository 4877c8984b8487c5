using MediatR;

namespace CodeLab.Modules.Llm.Admin;

/// <summary>How providers did since this node started: what failed, with what words, and when they answered last.</summary>
/// <param name="Provider">Name of one provider; null = all that were asked.</param>
public sealed record ListProviderHealthQuery(string? Provider = null) : IRequest<IReadOnlyList<ProviderHealth>>;

/// <summary>How one provider did, as this node saw it. Kept in memory: it begins anew with the process.</summary>
public sealed record ProviderHealth
{
    /// <summary>Name.</summary>
    public required string Provider { get; init; }

    /// <summary>When it last answered as it should; null = not yet.</summary>
    public DateTimeOffset? LastSuccessAt { get; init; }

    /// <summary>When it last failed; null = not yet.</summary>
    public DateTimeOffset? LastFailureAt { get; init; }

    /// <summary>Failures since the start of this node, those included that <see cref="Events"/> no longer holds.</summary>
    public long Failures { get; init; }

    /// <summary>Failures and recoveries, newest first; up to 100. The same failure in a row is one event.</summary>
    public IReadOnlyList<ProviderHealthEvent> Events { get; init; } = [];
}

/// <summary>A failure, or the first good answer after one.</summary>
public sealed record ProviderHealthEvent
{
    /// <summary>When it happened first.</summary>
    public required DateTimeOffset At { get; init; }

    /// <summary>When it happened last.</summary>
    public required DateTimeOffset LastAt { get; init; }

    /// <summary>How often in a row.</summary>
    public long Times { get; init; } = 1;

    /// <summary><c>call</c>, <c>models</c> (its list of models) or <c>test</c>.</summary>
    public required string Reason { get; init; }

    /// <summary>True for a recovery.</summary>
    public bool Ok { get; init; }

    /// <summary>Model that was asked, when one was.</summary>
    public string? Model { get; init; }

    /// <summary>Code of the failure (protocol.md §9.5).</summary>
    public string? Code { get; init; }

    /// <summary>HTTP status of the provider, when there was one.</summary>
    public int? Status { get; init; }

    /// <summary>What happened, in our words.</summary>
    public required string Message { get; init; }

    /// <summary>
    /// What the provider said itself, secrets masked, up to 500 characters. Shown to administrators only and never stored: neither in the
    /// database nor in a log.
    /// </summary>
    public string? Upstream { get; init; }
}
