using System.ComponentModel.DataAnnotations;

namespace CodeLab.Modules.Gateway;

/// <summary>Request limits of security.md §3 that the doors keep.</summary>
internal sealed class RateLimitOptions
{
    /// <summary>Configuration section.</summary>
    public const string Section = "CodeLab:RateLimits";

    /// <summary>False switches all request limits off (never the budgets).</summary>
    public bool Enabled { get; set; } = true;

    /// <summary>Requests to <c>/api/v1</c> a minute and user (or address, without one).</summary>
    [Range(1, 1_000_000)]
    public int RestPerMinute { get; set; } = 100;

    /// <summary>New live connections a minute and address.</summary>
    [Range(1, 1_000_000)]
    public int ConnectsPerMinute { get; set; } = 10;

    /// <summary>Live connections a minute and user that say they resume (<c>?resume=1</c>).</summary>
    [Range(1, 1_000_000)]
    public int ResumesPerMinute { get; set; } = 30;

    /// <summary>Tickets for sockets of browsers a minute and address.</summary>
    [Range(1, 1_000_000)]
    public int TicketsPerMinute { get; set; } = 5;

    /// <summary>Live connections at once a user.</summary>
    [Range(1, 1_000_000)]
    public int ConnectionsPerUser { get; set; } = 10;

    /// <summary>Messages a client starts a minute and session; results and cancels are not counted.</summary>
    [Range(1, 1_000_000)]
    public int MessagesPerMinute { get; set; } = 100;

    /// <summary>Messages a minute and connection after which it is closed.</summary>
    [Range(1, 1_000_000)]
    public int MessagesBeforeClosing { get; set; } = 300;
}
