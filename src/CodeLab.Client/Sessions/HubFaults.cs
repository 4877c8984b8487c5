using System.Text.RegularExpressions;
using CodeLab.Client.Rest;
using Microsoft.AspNetCore.SignalR;

namespace CodeLab.Client.Sessions;

/// <summary>What a failed hub call means.</summary>
internal static partial class HubFaults
{
    // "An unexpected error occurred invoking 'X' on the server. HubException: CODE: text" (SignalR), or the bare "CODE: text".
    [GeneratedRegex(@"(?:^|HubException: )(?<code>[A-Z][A-Z0-9_]+): (?<text>.*)$", RegexOptions.Singleline, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Coded();

    /// <summary>The refusal a hub exception carries. One without a code is a fault of the server.</summary>
    public static ServerException Read(HubException fault)
    {
        var match = Coded().Match(fault.Message);
        return match.Success
            ? new ServerException(match.Groups["code"].Value, match.Groups["text"].Value)
            : new ServerException("INTERNAL_ERROR", fault.Message);
    }

    /// <summary>Whether trying again later may help.</summary>
    public static bool IsPassing(ServerException refusal) =>
        refusal.Code
            is "INTERNAL_ERROR"
                or "DATABASE_ERROR"
                or "TIMEOUT"
                or "SERVER_SHUTTING_DOWN"
                or "SESSION_ELSEWHERE"
                or "SESSION_BUSY"
                or "STARTING"
                or "AGENT_UNAVAILABLE"
                or "RATE_LIMIT_EXCEEDED"
                or "NOT_ATTACHED"
                or "TOKEN_EXPIRED";
}
