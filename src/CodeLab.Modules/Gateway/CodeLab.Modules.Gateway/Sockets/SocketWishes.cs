using CodeLab.Modules.Gateway.Live;
using Microsoft.AspNetCore.Http;

namespace CodeLab.Modules.Gateway.Sockets;

/// <summary>What a client asks for in the address of its socket (protocol.md §4.1, §4.6).</summary>
/// <param name="Whole">Whole messages instead of streaming text.</param>
/// <param name="Capabilities">Optional messages it understands.</param>
/// <param name="Tools">Tools it runs besides those every client runs.</param>
/// <param name="Resumes">It comes back: open calls and approvals are sent again.</param>
/// <param name="LastSeq">The last <c>seq</c> it has; what came after it is sent.</param>
/// <param name="ClientId">Its own stable id, under which calls that were dispatched to it are sent again.</param>
/// <param name="Program">Name of the program, from <c>User-Agent</c>.</param>
internal sealed record SocketWishes(
    bool Whole,
    IReadOnlySet<string> Capabilities,
    IReadOnlyList<string> Tools,
    bool Resumes,
    long? LastSeq,
    string? ClientId,
    string? Program
)
{
    private const int MostNames = 128;

    public static SocketWishes Of(HttpRequest request, string wholeMessageUserAgents)
    {
        var query = request.Query;
        var agent = request.Headers.UserAgent.ToString();
        var whole = query["stream"].ToString() switch
        {
            "off" or "0" or "false" => true,
            "tokens" or "on" or "1" or "true" => false,
            _ => Matches(agent, wholeMessageUserAgents),
        };
        var lastSeq =
            long.TryParse(query["last_seq"], System.Globalization.CultureInfo.InvariantCulture, out var seq) && seq >= 0
                ? seq
                : (long?)null;
        var clientId = query["client_id"].ToString();
        return new(
            whole,
            Names(query["capabilities"]).ToHashSet(StringComparer.OrdinalIgnoreCase),
            Names(query["tools"]),
            query["resume"] == "1" || query["resume"] == "true",
            lastSeq,
            Ids.IsId(clientId) ? clientId : null,
            agent.Length == 0 ? null
                : agent.Split(' ', 2)[0] is { Length: <= 64 } program ? program
                : null
        );
    }

    private static List<string> Names(string? list) =>
        [.. (list ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Take(MostNames)];

    private static bool Matches(string agent, string patterns)
    {
        foreach (var pattern in patterns.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            if (System.IO.Enumeration.FileSystemName.MatchesSimpleExpression(pattern, agent, ignoreCase: true))
                return true;
        }
        return false;
    }
}
