using System.Data.Common;
using CodeLab.BuildingBlocks.Data;
using CodeLab.BuildingBlocks.Results;
using CodeLab.Modules.Auth.Access;
using CodeLab.Modules.Auth.Audit;
using CodeLab.Modules.Auth.Persistence;
using CodeLab.Modules.Auth.SecondFactor;

namespace CodeLab.Modules.Auth.Users;

/// <summary>What of a user is to change; null leaves it.</summary>
internal sealed record AccountPatch(string? Username, string? Email, IReadOnlyList<string>? Roles);

/// <summary>
/// Changes users. Whatever ends rights is told to every live surface of every node after the commit (security.md G2), and the last
/// administrator who can sign in cannot vanish in any of these ways.
/// </summary>
internal sealed class AccountChanges(
    Database database,
    Accounts accounts,
    RightsChanges changes,
    SignInStates states,
    IAuditTrail audit,
    Callers callers,
    TimeProvider time
)
{
    // Any number that nothing else in the database locks.
    private const long AdministratorsLock = 7_301_994_022;

    /// <summary>Changes name, address or roles.</summary>
    public async Task<Result<Account>> PatchAsync(string id, AccountPatch patch, CancellationToken cancellationToken)
    {
        if (patch.Username is { } username && AccountRules.UsernameFault(username) is { } wrongName)
            return wrongName;
        if (patch.Email is { } email && AccountRules.EmailFault(email) is { } wrongEmail)
            return wrongEmail;
        if (patch.Roles is { } asked && AccountRules.RolesFault(asked) is { } wrongRoles)
            return wrongRoles;
        var stamp = callers.Stamp(new AuditEvent("user.changed") { Subject = id });
        Result<bool> result;
        try
        {
            result = await database.TransactAsync((c, t) => PatchAsync(c, t, id, patch, stamp), cancellationToken);
        }
        catch (AccountExistsException)
        {
            return UserErrors.Exists;
        }
        if (result.Error is { } error)
            return error;
        states.ForgetAll();
        if (result.Value)
            await changes.TellAsync(new UserRightsChanged(id, "role.revoked"));
        return await accounts.FindAsync(id, cancellationToken) is { } account ? account : UserErrors.NotFound;
    }

    /// <summary>Disables a user: all their sign-ins end for good, and their keys work no more while they are disabled.</summary>
    public Task<Result<Account>> DisableAsync(string id, CancellationToken cancellationToken) =>
        ChangeAsync(
            id,
            "user.disabled",
            endsRights: true,
            async (connection, transaction) =>
            {
                if (await IsLastAdministratorAsync(connection, transaction, id))
                    return UserErrors.LastAdministrator;
                var changed = await connection.ExecuteAsync(
                    "UPDATE auth_users SET disabled_at = COALESCE(disabled_at, @now) WHERE id = @id",
                    transaction,
                    [("@id", id), ("@now", time.Milliseconds())],
                    default
                );
                await EndSignInsAsync(connection, transaction, id, "user.disabled", except: null);
                return changed == 1 ? null : UserErrors.NotFound;
            },
            cancellationToken
        );

    /// <summary>Lets a disabled user sign in again.</summary>
    public Task<Result<Account>> EnableAsync(string id, CancellationToken cancellationToken) =>
        ChangeAsync(
            id,
            "user.enabled",
            endsRights: false,
            async (connection, transaction) =>
                await connection.ExecuteAsync(
                    "UPDATE auth_users SET disabled_at = NULL WHERE id = @id",
                    transaction,
                    [("@id", id)],
                    default
                ) == 1
                    ? null
                    : UserErrors.NotFound,
            cancellationToken
        );

    /// <summary>Ends a lock-out and forgets the failures behind it.</summary>
    public Task<Result<Account>> UnlockAsync(string id, CancellationToken cancellationToken) =>
        ChangeAsync(
            id,
            "account_unlocked",
            endsRights: false,
            async (connection, transaction) =>
            {
                if (await NormalizedNameAsync(connection, transaction, id) is not { } name)
                    return UserErrors.NotFound;
                await Lockouts.ClearAsync(connection, transaction, name);
                await Lockouts.ClearAsync(connection, transaction, SecondFactors.LockName(id));
                return null;
            },
            cancellationToken
        );

    /// <summary>Ends all sign-ins of a user; the user may sign in again.</summary>
    public Task<Result<Account>> SignOutAsync(string id, CancellationToken cancellationToken) =>
        ChangeAsync(
            id,
            "token.revoked",
            endsRights: true,
            async (connection, transaction) =>
            {
                if (await NormalizedNameAsync(connection, transaction, id) is null)
                    return UserErrors.NotFound;
                await EndSignInsAsync(connection, transaction, id, "token.revoked", except: null);
                return null;
            },
            cancellationToken
        );

    /// <summary>
    /// Deletes a user with everything of theirs here: sign-ins, keys, second factors, team membership. The audit keeps the id, which from now
    /// on reads as a pseudonym.
    /// </summary>
    public async Task<Error?> DeleteAsync(string id, CancellationToken cancellationToken)
    {
        var entry = callers.Stamp(new AuditEvent("user.deleted") { Subject = id });
        var error = await database.TransactAsync<Error?>(
            async (connection, transaction) =>
            {
                if (await IsLastAdministratorAsync(connection, transaction, id))
                    return UserErrors.LastAdministrator;
                if (await NormalizedNameAsync(connection, transaction, id) is not { } name)
                    return UserErrors.NotFound;
                await Lockouts.ClearAsync(connection, transaction, name);
                await connection.ExecuteAsync("DELETE FROM auth_users WHERE id = @id", transaction, [("@id", id)], default);
                await audit.AppendAsync(connection, transaction, entry);
                return null;
            },
            cancellationToken
        );
        if (error is null)
            await changes.TellAsync(new UserRightsChanged(id, "user.deleted"));
        return error;
    }

    /// <summary>Ends the sign-ins of a user in the caller's transaction; tells how many it was.</summary>
    public Task<int> EndSignInsAsync(DbConnection connection, DbTransaction? transaction, string userId, string reason, string? except) =>
        connection.ExecuteAsync(
            "UPDATE auth_sign_ins SET revoked_at = @now, revoked_reason = @reason "
                + "WHERE user_id = @id AND revoked_at IS NULL AND id <> @except",
            transaction,
            [("@id", userId), ("@reason", reason), ("@now", time.Milliseconds()), ("@except", except ?? "")],
            default
        );

    private async Task<Result<Account>> ChangeAsync(
        string id,
        string type,
        bool endsRights,
        Func<DbConnection, DbTransaction?, Task<Error?>> change,
        CancellationToken cancellationToken
    )
    {
        var entry = callers.Stamp(new AuditEvent(type) { Subject = id });
        var error = await database.TransactAsync(
            async (connection, transaction) =>
            {
                var fault = await change(connection, transaction);
                if (fault is null)
                    await audit.AppendAsync(connection, transaction, entry);
                return fault;
            },
            cancellationToken
        );
        if (error is not null)
            return error;
        states.ForgetAll();
        if (endsRights)
            await changes.TellAsync(new UserRightsChanged(id, type));
        return await accounts.FindAsync(id, cancellationToken) is { } account ? account : UserErrors.NotFound;
    }

    /// <returns>True when a role was taken away.</returns>
    private async Task<Result<bool>> PatchAsync(
        DbConnection connection,
        DbTransaction? transaction,
        string id,
        AccountPatch patch,
        AuditEvent stamp
    )
    {
        if (await ReadAsync(connection, transaction, id) is not { } now)
            return UserErrors.NotFound;
        var roles = patch.Roles?.Distinct(StringComparer.Ordinal).ToArray() ?? now.Roles;
        var revoked = now.Roles.Except(roles).ToArray();
        if (revoked.Contains(Roles.Admin) && await IsLastAdministratorAsync(connection, transaction, id))
            return UserErrors.LastAdministrator;
        var (name, email) = (patch.Username ?? now.Name, patch.Email ?? now.Email);
        if (await IsTakenAsync(connection, transaction, id, name, email))
            return UserErrors.Exists;
        try
        {
            await connection.ExecuteAsync(
                "UPDATE auth_users SET user_name = @name, normalized_user_name = @normalName, email = @email, "
                    + "normalized_email = @normalEmail, roles = @roles WHERE id = @id",
                transaction,
                [
                    ("@id", id),
                    ("@name", name),
                    ("@normalName", PasswordSignIn.Normalize(name)),
                    ("@email", email),
                    ("@normalEmail", PasswordSignIn.Normalize(email)),
                    ("@roles", string.Join(' ', roles)),
                ],
                default
            );
        }
        catch (Npgsql.PostgresException taken) when (taken.SqlState == Npgsql.PostgresErrorCodes.UniqueViolation)
        {
            // Somebody took the name between our look and our write.
            throw new AccountExistsException();
        }
        foreach (var role in revoked)
            await audit.AppendAsync(connection, transaction, RoleEvent("role.revoked", role));
        foreach (var role in roles.Except(now.Roles))
            await audit.AppendAsync(connection, transaction, RoleEvent("role.granted", role));
        // Which fields, never their contents: those would outlive the user.
        string[] fields = [.. name != now.Name ? (string[])["username"] : [], .. email != now.Email ? (string[])["email"] : []];
        if (fields.Length > 0)
            await audit.AppendAsync(
                connection,
                transaction,
                stamp with
                {
                    Metadata = new Dictionary<string, object?> { ["fields"] = fields },
                }
            );
        return revoked.Length > 0;

        AuditEvent RoleEvent(string type, string role) =>
            stamp with
            {
                Type = type,
                Metadata = new Dictionary<string, object?> { ["role"] = role },
            };
    }

    private static async Task<bool> IsTakenAsync(
        DbConnection connection,
        DbTransaction? transaction,
        string id,
        string name,
        string email
    ) =>
        await connection.ScalarAsync(
            "SELECT 1 FROM auth_users WHERE id <> @id AND (normalized_user_name = @name OR normalized_email = @email)",
            transaction,
            [("@id", id), ("@name", PasswordSignIn.Normalize(name)), ("@email", PasswordSignIn.Normalize(email))],
            default
        )
            is not null;

    private static async Task<(string Name, string Email, string[] Roles)?> ReadAsync(
        DbConnection connection,
        DbTransaction? transaction,
        string id
    )
    {
        await using var command = connection.Command(
            "SELECT user_name, email, roles FROM auth_users WHERE id = @id" + Locked(transaction),
            transaction,
            ("@id", id)
        );
        await using var reader = await command.ExecuteReaderAsync();
        return await reader.ReadAsync() ? (reader.GetString(0), reader.GetString(1), User.Split(reader.GetString(2))) : null;
    }

    private static async Task<string?> NormalizedNameAsync(DbConnection connection, DbTransaction? transaction, string id) =>
        await connection.ScalarAsync("SELECT normalized_user_name FROM auth_users WHERE id = @id", transaction, [("@id", id)], default)
        as string;

    /// <summary>Whether nobody but this user is an administrator who can sign in.</summary>
    private static async Task<bool> IsLastAdministratorAsync(DbConnection connection, DbTransaction? transaction, string id)
    {
        // One change of administrators at a time, or two of them could take each other away. Locking their rows instead makes those who
        // lock wait for each other in circles. SQLite has one writer anyway.
        if (transaction is Npgsql.NpgsqlTransaction)
            await connection.ExecuteAsync($"SELECT pg_advisory_xact_lock({AdministratorsLock})", transaction, [], default);
        var enabled = new List<string>();
        await using var command = connection.Command(
            "SELECT id FROM auth_users WHERE roles LIKE @admin AND disabled_at IS NULL ORDER BY id",
            transaction,
            ("@admin", $"%{Roles.Admin}%")
        );
        await using var reader = await command.ExecuteReaderAsync();
        while (await reader.ReadAsync())
            enabled.Add(reader.GetString(0));
        return enabled.Count == 1 && enabled[0] == id;
    }

    private static string Locked(DbTransaction? transaction) => transaction is Npgsql.NpgsqlTransaction ? " FOR UPDATE" : "";
}
