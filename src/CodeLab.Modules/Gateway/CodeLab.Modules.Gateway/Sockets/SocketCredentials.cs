using System.Security.Claims;
using CodeLab.BuildingBlocks.Http;
using CodeLab.BuildingBlocks.Results;
using CodeLab.Modules.Agent.Sessions;
using CodeLab.Modules.Auth.Access;
using CodeLab.Modules.Auth.Users;
using CodeLab.Modules.Gateway.Live;
using MediatR;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace CodeLab.Modules.Gateway.Sockets;

/// <summary>What a socket's credentials prove.</summary>
/// <param name="User">Who.</param>
/// <param name="MayRead">Rights of the token and the user together.</param>
/// <param name="MayWrite">The same.</param>
/// <param name="Expires">When the token ends; null for a ticket, whose sign-in ends it.</param>
/// <param name="IsAnonymous">True when nothing was proved and the session's address was enough.</param>
internal sealed record SocketProof(LiveUser User, bool MayRead, bool MayWrite, DateTimeOffset? Expires, bool IsAnonymous = false);

/// <summary>
/// Finds out who opens a socket (security.md §3.6): by the <c>Authorization</c> header, or by a ticket in the query. Anything else in the query
/// is refused, because addresses end up in logs; nothing at all is refused too, unless the operator admits the released IDE.
/// </summary>
internal sealed class SocketCredentials(
    IServiceScopeFactory scopes,
    SessionAddresses sessions,
    ClientAddress addresses,
    IOptions<GatewayOptions> options
)
{
    private static readonly Error _inQuery = new(
        "UNAUTHORIZED",
        "Credentials in the address are not accepted. Send an Authorization header, or open the socket with a ticket.",
        401
    );

    private static readonly Error _badTicket = new("TOKEN_INVALID", "The ticket is unknown, spent or expired. Ask for a new one.", 401);

    /// <summary>True when a request carries anything meant as credentials, good or bad.</summary>
    public static bool AreIn(HttpRequest request) =>
        request.Headers.ContainsKey("Authorization") || request.Headers.ContainsKey("X-Internal-Auth") || InQuery(request);

    /// <summary>Who it is, or what is wrong with the credentials; neither when there are none.</summary>
    public async Task<(SocketProof? Proof, Error? Error)> FindAsync(HttpContext context, string sessionId)
    {
        var request = context.Request;
        if (request.Query[TicketHandler.Query].ToString() is { Length: > 0 } ticket)
            return await RedeemAsync(ticket, sessionId);
        if (request.Headers.ContainsKey("Authorization"))
            return await ProveAsync(await context.AuthenticateAsync());
        if (AreIn(request))
            return (null, _inQuery);
        return (await AnonymousAsync(context, sessionId), null);
    }

    /// <summary>Verifies a token that came in a message.</summary>
    public async Task<(SocketProof? Proof, Error? Error)> VerifyAsync(string token)
    {
        await using var scope = scopes.CreateAsyncScope();
        // The one way in is the handler that requests pass, so a message is judged by it as well.
        var context = new DefaultHttpContext { RequestServices = scope.ServiceProvider };
        context.Request.Headers.Authorization = "Bearer " + token;
        return await ProveAsync(await context.AuthenticateAsync());
    }

    private static bool InQuery(HttpRequest request) =>
        request.Query.ContainsKey(TicketHandler.Query)
        || request.Query.ContainsKey("token")
        || request.Query.ContainsKey("access_token")
        || request.Query.ContainsKey("api_key");

    private async Task<(SocketProof?, Error?)> RedeemAsync(string ticket, string sessionId)
    {
        await using var scope = scopes.CreateAsyncScope();
        var sender = scope.ServiceProvider.GetRequiredService<ISender>();
        if (await sender.Send(new RedeemSocketTicketCommand(ticket, sessionId)) is not { } holder)
            return (null, _badTicket);
        return (await ProofOfAsync(TicketHandler.Identify(holder), null), null);
    }

    private async Task<(SocketProof?, Error?)> ProveAsync(AuthenticateResult result)
    {
        if (result.Succeeded)
            return (await ProofOfAsync(result.Principal, result.Properties?.ExpiresUtc), null);
        var text = result.Failure?.Message ?? "Not a token";
        return (
            null,
            text == "Token has expired"
                ? new("TOKEN_EXPIRED", "The access token has expired. Refresh it and connect again.", 401)
                : new("TOKEN_INVALID", text + ". Sign in again.", 401)
        );
    }

    private async Task<SocketProof> ProofOfAsync(ClaimsPrincipal user, DateTimeOffset? expires)
    {
        await using var scope = scopes.CreateAsyncScope();
        var authorization = scope.ServiceProvider.GetRequiredService<IAuthorizationService>();
        return new(
            LiveUser.Of(user),
            (await authorization.AuthorizeAsync(user, Policies.Read)).Succeeded,
            (await authorization.AuthorizeAsync(user, Policies.Write)).Succeeded,
            expires
        );
    }

    private async Task<SocketProof?> AnonymousAsync(HttpContext context, string sessionId)
    {
        var mode = options.Value.LegacyAnonymousSocket;
        if (mode == LegacyAnonymousSocket.Off)
            return null;
        var address = addresses.Of(context);
        var isLoopback = System.Net.IPAddress.TryParse(address, out var ip) && System.Net.IPAddress.IsLoopback(ip);
        if (!isLoopback && (mode != LegacyAnonymousSocket.SessionAddress || !sessions.WasMadeFrom(sessionId, address)))
            return null;
        await using var scope = scopes.CreateAsyncScope();
        var sender = scope.ServiceProvider.GetRequiredService<ISender>();
        var owner = await sender.Send(new FindSessionOwnerQuery(sessionId));
        // No session: the socket opens and is told so, as the published protocol has it.
        if (owner is null)
            return new(new("", null), true, true, null, IsAnonymous: true);
        return await sender.Send(new GetUserQuery(owner)) is { } user
            ? new(new(owner, null), true, user.Roles.Any(r => r != Roles.Viewer), null, IsAnonymous: true)
            : null;
    }
}

/// <summary>From which address a session was made by a signed-in user; known for 24 h, and until a restart.</summary>
internal sealed class SessionAddresses(TimeProvider time)
{
    private const int Most = 50_000;
    private static readonly TimeSpan _lifetime = TimeSpan.FromHours(24);
    private readonly System.Collections.Concurrent.ConcurrentDictionary<string, (string Address, DateTimeOffset At)> _made = new(
        StringComparer.Ordinal
    );

    public void Remember(string sessionId, string address)
    {
        if (_made.Count >= Most)
        {
            var before = time.GetUtcNow() - _lifetime;
            foreach (var (session, (_, at)) in _made)
            {
                if (at < before)
                    _made.TryRemove(session, out _);
            }
            if (_made.Count >= Most)
                return;
        }
        _made[sessionId] = (address, time.GetUtcNow());
    }

    public bool WasMadeFrom(string sessionId, string address) =>
        _made.TryGetValue(sessionId, out var made) && made.Address == address && time.GetUtcNow() - made.At < _lifetime;
}
