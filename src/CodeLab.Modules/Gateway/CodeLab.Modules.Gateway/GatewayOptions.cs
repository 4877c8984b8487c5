using System.ComponentModel.DataAnnotations;

namespace CodeLab.Modules.Gateway;

/// <summary>Who may open a socket without credentials (design.md §13).</summary>
internal enum LegacyAnonymousSocket
{
    /// <summary>Nobody.</summary>
    Off,

    /// <summary>Programs on the server's own machine.</summary>
    Loopback,

    /// <summary>The address that created the session with valid credentials less than 24 h ago, and the server's own machine.</summary>
    SessionAddress,
}

/// <summary>Settings of the live edge.</summary>
internal sealed class GatewayOptions : IValidatableObject
{
    /// <summary>Configuration section.</summary>
    public const string Section = "CodeLab:Gateway";

    /// <summary>Origins (scheme, host, port) whose pages may open hub and sockets, besides our own.</summary>
    public IReadOnlyList<string> AllowedOrigins { get; set; } = [];

    /// <summary>Admits the released IDE's socket, which sends no credentials: the session id then acts as the key. Default <c>Off</c>.</summary>
    public LegacyAnonymousSocket LegacyAnonymousSocket { get; set; } = LegacyAnonymousSocket.Off;

    /// <summary>
    /// Patterns of <c>User-Agent</c>, separated by commas, whose sockets get whole messages instead of streaming text; <c>*</c> stands for
    /// anything. Default <c>Dart/*</c>.
    /// </summary>
    public string WholeMessageUserAgents { get; set; } = "Dart/*";

    /// <summary>Sockets at once in one session; the oldest makes room for a newer one. Default 3.</summary>
    [Range(1, 1_000)]
    public int SocketsPerSession { get; set; } = 3;

    /// <summary>Bytes of one message from a client. Default 10 MiB.</summary>
    [Range(64 * 1024, 64 * 1024 * 1024)]
    public int MessageBytes { get; set; } = 10 * 1024 * 1024;

    /// <summary>Bytes of messages a user's sockets may have in flight. Default 20 MiB.</summary>
    [Range(64 * 1024, int.MaxValue)]
    public int InFlightBytesPerUser { get; set; } = 20 * 1024 * 1024;

    /// <summary>Bytes of messages all sockets of this host may have in flight. Default 512 MiB.</summary>
    [Range(64 * 1024, long.MaxValue)]
    public long InFlightBytesPerNode { get; set; } = 512L * 1024 * 1024;

    /// <summary>Messages of one socket that may wait to be handled before it is read no further. Default 64.</summary>
    [Range(1, 10_000)]
    public int MessagesInHand { get; set; } = 64;

    /// <summary>Seconds between pings. Default 15.</summary>
    [Range(1, 600)]
    public int PingSeconds { get; set; } = 15;

    /// <summary>Seconds a ping may go unanswered before the connection counts as gone. Default 30.</summary>
    [Range(1, 600)]
    public int PongSeconds { get; set; } = 30;

    /// <summary>Seconds after a token's end in which results of open calls are still taken. Default 30.</summary>
    [Range(0, 600)]
    public int ExpiryGraceSeconds { get; set; } = 30;

    /// <summary>
    /// Seconds between looks at the store, whether the sign-ins and keys of open connections still live: what another node ends reaches them by
    /// this when no message does (no Redis, or a lost one; security.md G2 allows 30 s). Default 10.
    /// </summary>
    [Range(1, 25)]
    public int RightsSeconds { get; set; } = 10;

    /// <summary>Seconds the other side has to answer a close. Default 10.</summary>
    [Range(1, 600)]
    public int CloseSeconds { get; set; } = 10;

    /// <summary>Frames that may wait for one connection. Default 1,000.</summary>
    [Range(10, 100_000)]
    public int QueueFrames { get; set; } = 1_000;

    /// <summary>Bytes that may wait for one connection. Default 8 MiB.</summary>
    [Range(64 * 1024, 1024 * 1024 * 1024)]
    public int QueueBytes { get; set; } = 8 * 1024 * 1024;

    /// <summary>Bytes that may wait for all connections of this host; beyond it those with the fullest queues are dropped. Default 64 MiB.</summary>
    [Range(1024 * 1024, long.MaxValue)]
    public long QueuedBytesPerNode { get; set; } = 64L * 1024 * 1024;

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
