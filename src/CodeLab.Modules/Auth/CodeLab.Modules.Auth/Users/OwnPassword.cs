using CodeLab.BuildingBlocks.Data;
using CodeLab.BuildingBlocks.Results;
using CodeLab.Modules.Auth.Access;
using CodeLab.Modules.Auth.Audit;
using CodeLab.Modules.Auth.Persistence;

namespace CodeLab.Modules.Auth.Users;

/// <summary>A signed-in person changes their password, with the present one asked.</summary>
internal sealed class OwnPassword(
    Database database,
    Accounts accounts,
    AccountChanges accountChanges,
    PasswordSignIn signIn,
    PasswordHashing hashing,
    RightsChanges changes,
    SignInStates states,
    IAuditTrail audit,
    Callers callers,
    TimeProvider time
)
{
    /// <summary>Changes it. All other sign-ins end; the one that asked goes on.</summary>
    /// <param name="userId">Who.</param>
    /// <param name="signInId">The sign-in that asks.</param>
    /// <param name="current">The present password.</param>
    /// <param name="next">The new one.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <returns>How many sign-ins ended. <c>WRONG_PASSWORD</c>, <c>WEAK_PASSWORD</c>, or the lock-out after too many wrong ones.</returns>
    /// <exception cref="PasswordQueueFullException">Too many passwords are being checked.</exception>
    public async Task<Result<int>> ChangeAsync(
        string userId,
        string signInId,
        string current,
        string next,
        CancellationToken cancellationToken
    )
    {
        if (current.Length is 0 or > PasswordRules.Longest)
            return Wrong;
        if (await accounts.FindAsync(userId, cancellationToken) is not { } account)
            return UserErrors.NotFound;
        switch (await signIn.ConfirmAsync(userId, current, cancellationToken))
        {
            case SignInOutcome.LockedOut locked:
                var seconds = Math.Max(1, (int)Math.Ceiling((locked.Until - time.GetUtcNow()).TotalSeconds));
                return new Error("ACCOUNT_LOCKED", $"Too many failed attempts. Try again in {seconds} seconds.", 429)
                {
                    RetryAfterSeconds = seconds,
                };
            case SignInOutcome.Failed:
                return Wrong;
        }
        if (AccountRules.PasswordFault(next, account.Username, account.Email) is { } weak)
            return weak;
        if (next == current)
            return new Error("WEAK_PASSWORD", "The new password is the present one: choose another.", 400)
            {
                Details = new Dictionary<string, string> { ["field"] = "new_password" },
            };
        var hash = await hashing.HashAsync(next, cancellationToken);
        var entry = callers.Stamp(new AuditEvent("password.changed") { Actor = userId, Subject = userId });
        var ended = await database.TransactAsync(
            async (connection, transaction) =>
            {
                var stamp = Accounts.NewStamp();
                await connection.ExecuteAsync(
                    "UPDATE auth_users SET password_hash = @hash, security_stamp = @stamp WHERE id = @id",
                    transaction,
                    [("@hash", hash), ("@stamp", stamp), ("@id", userId)],
                    default
                );
                await connection.ExecuteAsync(
                    "UPDATE auth_sign_ins SET security_stamp = @stamp WHERE id = @sid AND user_id = @id AND revoked_at IS NULL",
                    transaction,
                    [("@stamp", stamp), ("@sid", signInId), ("@id", userId)],
                    default
                );
                // A reset link somebody asked for before is void now.
                await connection.ExecuteAsync(
                    "DELETE FROM auth_account_links WHERE user_id = @id",
                    transaction,
                    [("@id", userId)],
                    default
                );
                await audit.AppendAsync(connection, transaction, entry);
                return await accountChanges.EndSignInsAsync(connection, transaction, userId, "password.changed", signInId);
            },
            cancellationToken
        );
        states.ForgetAll();
        await changes.TellAsync(new UserRightsChanged(userId, "password.changed"));
        return ended;
    }

    private static Error Wrong { get; } =
        new("WRONG_PASSWORD", "The present password is not right.", 400)
        {
            Details = new Dictionary<string, string> { ["field"] = "current_password" },
        };
}
