using System.ComponentModel.DataAnnotations;

namespace CodeLab.Modules.Gateway;

/// <summary>Settings of the live edge.</summary>
internal sealed class GatewayOptions : IValidatableObject
{
    /// <summary>Configuration section.</summary>
    public const string Section = "CodeLab:Gateway";

    /// <summary>Origins (scheme, host, port) whose pages may open the hub, besides our own.</summary>
    public IReadOnlyList<string> AllowedOrigins { get; set; } = [];

    /// <summary>Frames that may wait for one connection. Default 1,000.</summary>
    [Range(10, 100_000)]
    public int QueueFrames { get; set; } = 1_000;

    /// <summary>Bytes that may wait for one connection. Default 8 MiB.</summary>
    [Range(64 * 1024, 1024 * 1024 * 1024)]
    public int QueueBytes { get; set; } = 8 * 1024 * 1024;

    /// <summary>Seconds the oldest waiting frame may be old. Default 30.</summary>
    [Range(1, 600)]
    public int QueueSeconds { get; set; } = 30;

    /// <summary>Seconds one write to a connection may take. Default 10.</summary>
    [Range(1, 600)]
    public int WriteSeconds { get; set; } = 10;

    /// <inheritdoc/>
    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        foreach (var origin in AllowedOrigins)
        {
            if (!Uri.TryCreate(origin, UriKind.Absolute, out var uri) || uri.GetLeftPart(UriPartial.Authority) != origin.TrimEnd('/'))
                yield return new(
                    $"CodeLab:Gateway:AllowedOrigins: '{origin}' is not an origin like https://ide.example.com.",
                    [nameof(AllowedOrigins)]
                );
        }
    }
}

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
