using System.Security.Claims;
using CodeLab.BuildingBlocks.Http;
using CodeLab.Modules.Auth.Access;
using Microsoft.Extensions.Options;

namespace CodeLab.Modules.Gateway.Live;

/// <summary>
/// What all connections of this host share: the limits, the clock, the figures, and how much waits for readers in sum. A single queue is
/// bounded by itself; hundreds of readers that stopped are bounded here (security.md G7).
/// </summary>
internal sealed class Delivery(IOptions<GatewayOptions> options, TimeProvider time, GatewayMetrics metrics)
{
    // Below this a reader is not what fills the memory, whatever the sum.
    private const int FairShare = 128 * 1024;
    private long _queued;

    public GatewayOptions Limits => options.Value;

    public TimeProvider Time => time;

    public GatewayMetrics Metrics => metrics;

    /// <summary>Takes room for bytes that wait; false when the host holds too much and this queue is part of why.</summary>
    public bool Take(int bytes, int queueBytes)
    {
        var all = Interlocked.Add(ref _queued, bytes);
        if (all <= options.Value.QueuedBytesPerNode || queueBytes < FairShare)
            return true;
        Interlocked.Add(ref _queued, -bytes);
        return false;
    }

    /// <summary>Gives room back.</summary>
    public void Give(int bytes) => Interlocked.Add(ref _queued, -bytes);
}

/// <summary>Whose a connection is.</summary>
/// <param name="UserId">The user.</param>
/// <param name="SignInId">The sign-in; null for a service and for a socket without credentials.</param>
/// <param name="IsAdmin">True for an administrator whose sign-in may use it.</param>
internal sealed record LiveUser(string UserId, string? SignInId, bool IsAdmin = false)
{
    /// <summary>The access key it was opened with; null when it was another credential.</summary>
    public string? KeyId { get; init; }

    /// <summary>Roles when it was opened, as <see cref="SignInRoles"/> writes them.</summary>
    public string Roles { get; init; } = "";

    public static LiveUser Of(ClaimsPrincipal user) =>
        new(user.GetUserId(), user.FindFirstValue("sid"), user.IsAdministrator())
        {
            KeyId = user.FindFirstValue("key_id"),
            Roles = SignInRoles.Write(user.FindAll("role").Select(c => c.Value)),
        };
}

/// <summary>Why a connection is closed, as each door tells it.</summary>
/// <param name="Published">Close code of the published protocol.</param>
/// <param name="Own">Close code of <c>codelab.v2</c>.</param>
/// <param name="Text">For people; also the reason of the close frame.</param>
internal sealed record CloseReason(int Published, int Own, string Text)
{
    public static CloseReason Slow { get; } = new(1013, 1013, "Frames were not read in time; resume to get them");
    public static CloseReason Restart { get; } = new(1001, 1012, "The server is restarting");
    public static CloseReason SignedOut { get; } = new(4001, 4401, "The sign-in ended");
    public static CloseReason Expired { get; } = new(4001, 4401, "The token has expired");
    public static CloseReason Refused { get; } = new(4001, 4401, "The credentials are not valid");
    public static CloseReason Replaced { get; } = new(1000, 4409, "A newer connection took the place of this one");
    public static CloseReason Moved { get; } = new(1001, 4409, "Another node serves the session now");
    public static CloseReason Deleted { get; } = new(1008, 4403, "The session was deleted");
    public static CloseReason UnknownSession { get; } = new(1008, 4403, "There is no such session");
    public static CloseReason Flood { get; } = new(1008, 4429, "Too many messages");
    public static CloseReason Binary { get; } = new(1003, 1003, "Only text frames");
    public static CloseReason BadText { get; } = new(1007, 1007, "Text frames are UTF-8");
    public static CloseReason TooLong { get; } = new(1009, 1009, "The message is too long");
    public static CloseReason Crowded { get; } = new(1013, 1013, "Too much in flight; try again in a moment");
    public static CloseReason Normal { get; } = new(1000, 1000, "");
    public static CloseReason Failed { get; } = new(1011, 1011, "Something went wrong on the server");
}
