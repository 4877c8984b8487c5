using System.Security.Cryptography;
using CodeLab.BuildingBlocks.Data;
using CodeLab.Modules.Auth.Persistence;
using CodeLab.Modules.Auth.Tokens;
using CodeLab.Modules.Auth.Users;
using MediatR;

namespace CodeLab.Modules.Auth.Access;

/// <summary>Answers <see cref="IssueSocketTicketCommand"/>: 32 random bytes, kept by their hash for 30 s.</summary>
internal sealed class IssueSocketTicketHandler(Database database, TimeProvider time)
    : IRequestHandler<IssueSocketTicketCommand, SocketTicket>
{
    private const int Seconds = 30;

    public async Task<SocketTicket> Handle(IssueSocketTicketCommand request, CancellationToken cancellationToken)
    {
        var ticket = "clt_" + Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32));
        await database.TransactAsync(
            (connection, transaction) =>
                connection.ExecuteAsync(
                    "INSERT INTO auth_socket_tickets (hash, user_id, sign_in_id, session_id, expires_at) "
                        + "VALUES (@hash, @user, @signIn, @session, @expires)",
                    transaction,
                    [
                        ("@hash", RefreshTokens.Hash(ticket)),
                        ("@user", request.UserId),
                        ("@signIn", request.SignInId),
                        ("@session", request.SessionId),
                        ("@expires", time.Milliseconds() + Seconds * 1000L),
                    ],
                    CancellationToken.None
                ),
            cancellationToken
        );
        return new(ticket, Seconds);
    }
}

/// <summary>
/// Answers <see cref="RedeemSocketTicketCommand"/>. Whoever deletes the row has the ticket; presenting it anywhere spends it, also for
/// another session.
/// </summary>
internal sealed class RedeemSocketTicketHandler(Database database, TimeProvider time)
    : IRequestHandler<RedeemSocketTicketCommand, TicketHolder?>
{
    public Task<TicketHolder?> Handle(RedeemSocketTicketCommand request, CancellationToken cancellationToken)
    {
        var hash = RefreshTokens.Hash(request.Ticket);
        return database.TransactAsync(
            async (connection, transaction) =>
            {
                string userId,
                    signInId;
                await using (
                    var spend = connection.Command(
                        "DELETE FROM auth_socket_tickets WHERE hash = @hash RETURNING user_id, sign_in_id, session_id, expires_at",
                        transaction,
                        ("@hash", hash)
                    )
                )
                {
                    await using var spent = await spend.ExecuteReaderAsync(CancellationToken.None);
                    if (!await spent.ReadAsync(CancellationToken.None))
                        return null;
                    if (spent.GetString(2) != request.SessionId || spent.GetInt64(3) <= time.Milliseconds())
                        return null;
                    (userId, signInId) = (spent.GetString(0), spent.GetString(1));
                }
                await using var find = connection.Command(
                    """
                    SELECT u.user_name, u.roles, s.scope
                    FROM auth_sign_ins s
                    JOIN auth_users u ON u.id = s.user_id
                    WHERE s.id = @id AND s.user_id = @user AND s.revoked_at IS NULL AND s.expires_at > @now AND u.disabled_at IS NULL
                        AND u.security_stamp = s.security_stamp
                    """,
                    transaction,
                    ("@id", signInId),
                    ("@user", userId),
                    ("@now", time.Milliseconds())
                );
                await using var reader = await find.ExecuteReaderAsync(CancellationToken.None);
                return await reader.ReadAsync(CancellationToken.None)
                    ? new TicketHolder(userId, reader.GetString(0), signInId, User.Split(reader.GetString(1)), reader.GetString(2))
                    : null;
            },
            cancellationToken
        );
    }
}
