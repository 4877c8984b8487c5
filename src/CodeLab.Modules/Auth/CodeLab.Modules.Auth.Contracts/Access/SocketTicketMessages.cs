using MediatR;

namespace CodeLab.Modules.Auth.Access;

/// <summary>Makes a one-time ticket with which a browser, which can send no header, opens a socket within 30 s (security.md §3.6).</summary>
/// <param name="UserId">Claim <c>sub</c>.</param>
/// <param name="SignInId">Claim <c>sid</c>.</param>
/// <param name="SessionId">The one session it opens.</param>
public sealed record IssueSocketTicketCommand(string UserId, string SignInId, string SessionId) : IRequest<SocketTicket>;

/// <summary>A ticket.</summary>
/// <param name="Ticket">The secret; goes into the query of the socket's address and is never logged.</param>
/// <param name="ExpiresIn">Seconds it lives.</param>
public sealed record SocketTicket(string Ticket, int ExpiresIn);

/// <summary>Spends a ticket. The answer is null when it is unknown, spent, expired, for another session, or its sign-in has ended.</summary>
/// <param name="Ticket">The secret.</param>
/// <param name="SessionId">The session of the socket.</param>
public sealed record RedeemSocketTicketCommand(string Ticket, string SessionId) : IRequest<TicketHolder?>;

/// <summary>Who holds a ticket.</summary>
/// <param name="UserId">Claim <c>sub</c>.</param>
/// <param name="Username">Sign-in name.</param>
/// <param name="SignInId">Claim <c>sid</c>: the socket closes when it ends.</param>
/// <param name="Roles">Roles now.</param>
/// <param name="Scope">Scopes of the sign-in, separated by spaces.</param>
public sealed record TicketHolder(string UserId, string Username, string SignInId, IReadOnlyList<string> Roles, string Scope);
