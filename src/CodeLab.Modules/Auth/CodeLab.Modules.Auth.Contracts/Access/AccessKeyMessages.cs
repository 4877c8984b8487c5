using MediatR;

namespace CodeLab.Modules.Auth.Access;

/// <summary>Asks what an access key (claim <c>key_id</c>) may do; null when it was revoked or has expired. Cached for at most 5 s.</summary>
/// <param name="KeyId">Id of the key.</param>
public sealed record GetAccessKeyQuery(string KeyId) : IRequest<AccessKeyInfo?>;

/// <summary>A personal access token or virtual key (<c>clk_…</c>) as other modules see it.</summary>
/// <param name="Id">Id; stays the same over rotations.</param>
/// <param name="Name">Name its owner gave it.</param>
/// <param name="UserId">Owner.</param>
public sealed record AccessKeyInfo(string Id, string Name, string UserId)
{
    /// <summary>Models and aliases it may use; null for all its owner may.</summary>
    public IReadOnlyList<string>? Models { get; init; }

    /// <summary>Requests a minute; null for the default limit.</summary>
    public int? RequestsPerMinute { get; init; }

    /// <summary>Tokens a minute, in and out; null for no limit of its own.</summary>
    public int? TokensPerMinute { get; init; }

    /// <summary>What may be spent with it; null for no limit of its own.</summary>
    public KeyBudget? Budget { get; init; }
}

/// <summary>A budget of a key.</summary>
/// <param name="Micros">Amount in millionths of <paramref name="Currency"/>.</param>
/// <param name="Currency">ISO 4217 code, e.g. <c>USD</c>.</param>
/// <param name="Period"><c>total</c>, <c>day</c>, <c>week</c> or <c>month</c> (UTC).</param>
public sealed record KeyBudget(long Micros, string Currency, string Period);
